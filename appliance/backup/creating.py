"""Making a snapshot: what changed is read, chunked and packed, then one list makes it exist."""

from base64 import b64encode
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.backup.chunking import BLOB, blocks, cuts, lines_cut
from appliance.backup.errors import SourceUnstable
from appliance.backup.frozen import WAL, FrozenDatabase
from appliance.backup.mending import left_directories, mended_index
from appliance.backup.ours import Ours, Told
from appliance.backup.packing import Packer
from appliance.backup.repository import Repository
from appliance.backup.sealing import Content
from appliance.backup.snapshot import Entry, Snapshot, SnapshotList
from appliance.backup.source import (
    AUDIT_DB,
    BODIES_DB,
    BOX_DB,
    KEYRING,
    SHELF,
    Found,
    stamps_of,
    survey,
)

_RACY_NS: Final = 2_000_000_000
_MANIFEST: Final = 1 << 20
_INDEX_EVERY: Final = 64
_TRIES: Final = 3


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    ids: "list[bytes | Future[bytes]]"


@dataclass(slots=True)
class _Account:
    files: int = 0
    size: int = 0
    tree_size: int = 0
    checkpoint: str = ""
    manifest: list[str] = field(default_factory=list)


class Creation:
    """One run of `create`.

    Args:
        repository: the backup.
        ours: the box.
        told: hears progress.
    """

    def __init__(self, repository: Repository, ours: Ours, told: Told) -> None:
        self._repository = repository
        self._ours = ours
        self._told = told
        mended = mended_index(repository)
        self._index = mended.index
        self._sound = tuple(name for name in repository.list.indexes if name not in mended.lost)
        self._fresh = [*mended.again, *left_directories(repository, mended.index)]
        self._named: list[str] = []
        self._known: dict[str, Entry] = {}
        self._trusted_until = 0
        self._account = _Account()
        self._done = self._total = 0
        self._buffer = bytearray()
        self._waiting: deque[_Waiting] = deque()
        self._lines: list[Future[bytes]] = []

    def run(self) -> Snapshot:
        """Make the snapshot.

        Returns:
            It, as it stands in the list now.

        Raises:
            BackupDamaged: what the newest snapshot tells of itself is lost with its pack.
            BackupError: the target is full or gone; the list is as it was.
            DbError: a database cannot be read.
        """
        began = self._begin()
        packer = Packer(
            self._repository.keys,
            self._repository.target,
            self._index,
            self._ours.threads,
            self._fresh.append,
        )
        try:
            self._databases(packer)
            self._files(packer)
            self._settle(packer, 0)
            self._spill(packer, 0)
            self._account.manifest = [future.result().hex() for future in self._lines]
            packer.finish()
        except BaseException:
            packer.abandon()
            raise
        self._index_fresh(1)
        return self._commit(began, packer.added)

    def _begin(self) -> int:
        previous = self._repository.list.newest
        now = int(self._ours.now())
        if previous is None:
            return now
        for entry in self._repository.manifest(previous, self._index):
            self._known[entry.path] = entry
        self._trusted_until = previous.time * 1_000_000_000 - _RACY_NS
        # A clock that fell back must not make an old snapshot look like the newest.
        return max(now, previous.time + 1)

    def _databases(self, packer: Packer) -> None:
        """All held still at one moment, and in the order in which one tells of the other.

        The log tells of whatever the database holds; a body is durable before the log tells of it.
        """
        ours, layout = self._ours, self._ours.layout
        with ExitStack() as stack:
            box = stack.enter_context(FrozenDatabase(layout.box_db, ours.box_key))
            log = stack.enter_context(FrozenDatabase(layout.audit_db, ours.audit_key))
            head = log.audit_head()
            if head is not None:
                self._account.tree_size, self._account.checkpoint = head.size, head.note
            held = [(box, BOX_DB), (log, AUDIT_DB)]
            if ours.bodies_key is not None:
                bodies = FrozenDatabase(layout.bodies_db, ours.bodies_key)
                held.append((stack.enter_context(bodies), BODIES_DB))
            for one, path in held:
                self._database(packer, one, path)
                # Its log may begin anew while the others are still being copied.
                one.release()

    def _database(self, packer: Packer, held: FrozenDatabase, path: str) -> None:
        before = held.stamps()
        names = (path, path + WAL)
        known = [self._known.get(name) for name in names[: len(before)]]
        fresh = [
            Entry(name, "f", 0o600, info.st_size, stamps_of(info))
            for name, info in zip(names, before, strict=False)
        ]
        if all(
            old is not None and self._same(old, new) for old, new in zip(known, fresh, strict=True)
        ):
            for old in known:
                if old is not None:
                    self._keep(old)
            return
        self._add(packer, fresh[0], held.pages())
        log = held.log()
        if log:
            self._add(packer, fresh[1], log)
        elif len(fresh) > 1:
            self._keep(replace(fresh[1], size=0))

    def _files(self, packer: Packer) -> None:
        found = list(survey(self._ours.layout))
        self._total = sum(one.entry.size for one in found) + self._done
        for one in found:
            old = self._known.get(one.entry.path)
            if one.entry.kind != "f":
                self._keep(one.entry)
            elif one.entry.path == KEYRING:
                # Not what lies on the disk: a rotation of the root may have replaced it by now.
                self._add(packer, one.entry, [self._ours.keyring])
            elif old is not None and self._same(old, one.entry):
                self._keep(replace(old, mode=one.entry.mode))
                self._progress(one.entry.size)
            else:
                self._file(packer, one)
            self._settle(packer, self._ours.threads * 2)
            self._index_fresh(_INDEX_EVERY)

    def _same(self, old: Entry, new: Entry) -> bool:
        """Whether a file is what it was: size, times and inode; not if it changed just then."""
        return (
            old.kind == "f"
            and (old.size, old.stamps) == (new.size, new.stamps)
            and max(new.stamps[0], new.stamps[1]) < self._trusted_until
            and all(ident in self._index for ident in old.ids())
        )

    def _file(self, packer: Packer, one: Found) -> None:
        entry = one.entry
        ids: list[bytes | Future[bytes]] = []
        size = 0
        for _ in range(_TRIES):
            try:
                with one.place.open("rb", 0) as stream:
                    cut = blocks(stream, BLOB) if entry.path.startswith(SHELF) else cuts(stream)
                    ids, size = self._put(packer, cut)
                after = one.place.lstat()
            except FileNotFoundError:
                return
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise SourceUnstable(name=entry.path, reason=reason) from error
            if size == after.st_size and stamps_of(after) == entry.stamps:
                break
            # Written to meanwhile: once more, and in the end as it was found.
            entry = replace(entry, size=after.st_size, stamps=stamps_of(after))
        self._queue(replace(entry, size=size), ids)

    def _add(self, packer: Packer, entry: Entry, cut: Iterable[Content]) -> None:
        ids, size = self._put(packer, cut)
        self._queue(replace(entry, size=size), ids)

    def _put(
        self, packer: Packer, cut: Iterable[Content]
    ) -> "tuple[list[bytes | Future[bytes]], int]":
        ids: list[bytes | Future[bytes]] = []
        size = 0
        for chunk in cut:
            ids.append(packer.put(chunk))
            size += len(chunk)
            self._progress(len(chunk))
            # Futures of a large file are settled on the way, so that none keeps its chunk.
            at = len(ids) - 1 - 4 * self._ours.threads
            if at >= 0 and isinstance(settled := ids[at], Future):
                ids[at] = settled.result()
        return ids, size

    def _progress(self, count: int) -> None:
        self._done += count
        self._told("create", self._done, max(self._total, self._done))

    def _queue(self, entry: Entry, ids: "list[bytes | Future[bytes]]") -> None:
        self._waiting.append(_Waiting(entry, ids))

    def _keep(self, entry: Entry) -> None:
        self._waiting.append(_Waiting(entry, []))

    def _settle(self, packer: Packer, leave: int) -> None:
        """Write the manifest lines of files whose chunks are known."""
        while len(self._waiting) > leave:
            waiting = self._waiting.popleft()
            entry = waiting.entry
            if waiting.ids:
                parts = (i.result() if isinstance(i, Future) else i for i in waiting.ids)
                entry = replace(entry, chunks=b"".join(parts))
            self._account.files += entry.kind == "f"
            self._account.size += entry.size
            self._buffer += entry.line()
        self._spill(packer, _MANIFEST)

    def _spill(self, packer: Packer, least: int) -> None:
        """Chunk the manifest by content too: most of it is as it was."""
        while len(self._buffer) > least:
            pieces = list(lines_cut(bytes(self._buffer)))
            whole = pieces[:-1] if least else pieces
            for piece in whole:
                self._lines.append(packer.put(piece))
                del self._buffer[: len(piece)]

    def _index_fresh(self, least: int) -> None:
        """Name what is durable, so that a run after a crash need not send it again."""
        if len(self._fresh) >= least:
            taken, self._fresh[:] = list(self._fresh), []
            self._named.append(self._repository.write_index(taken))

    def _commit(self, began: int, added: int) -> Snapshot:
        present: SnapshotList = self._repository.list
        account = self._account
        made = Snapshot(
            number=present.next_number,
            time=began,
            version=self._ours.version,
            files=account.files,
            size=account.size,
            added=added,
            tree_size=account.tree_size,
            checkpoint=account.checkpoint,
            manifest=tuple(account.manifest),
            root=b64encode(self._ours.root).decode(),
        )
        following = present.following(
            indexes=(*self._sound, *self._named),
            snapshots=(*present.snapshots, made),
            next_number=present.next_number + 1,
        )
        self._repository.commit(following, self._ours.signer)
        return made
