"""One backup on one target: opened with its keys, its list read, chunks fetched, lists committed."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from zstandard import ZstdDecompressor, ZstdError

from appliance.backup.errors import (
    BackupAbsent,
    BackupDamaged,
    BackupRolledBack,
    KeysRefused,
    SnapshotUnknown,
)
from appliance.backup.index import ZSTD, Directory, Index, Place, index_bytes, parse_index
from appliance.backup.keyfile import (
    Holder,
    OpenedKeys,
    escrow_key,
    read_head,
    read_keys,
    write_keys,
)
from appliance.backup.packing import FIRST, PACK, pack_path
from appliance.backup.sealing import (
    HEAD_SIZE,
    Content,
    ObjectSealer,
    RepositoryKeys,
    damaged,
    open_document,
    opener,
    seal_document,
)
from appliance.backup.snapshot import Entry, Snapshot, SnapshotList
from appliance.backup.target import Target
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey, VerifyKey

LIST: Final = "list"
INDEX: Final = "index"
KEPT_LISTS: Final = 3
_SALTS: Final = 512


@dataclass(frozen=True, slots=True)
class Memory:
    """What a box remembers of a backup, so that an older copy of it is noticed.

    Args:
        repository: its id.
        generation: of the newest list that this box has seen.
        digest: of that list.
    """

    repository: str
    generation: int
    digest: str


class Repository:
    """A backup, open. Safe for several reading threads.

    Args:
        target: where it lies.
        opened: its keys.
        memory: what this box remembers of it, or None.
        older: whether the newest list that can be read will do, where later ones are damaged.
    """

    def __init__(
        self,
        target: Target,
        opened: OpenedKeys,
        memory: Memory | None = None,
        *,
        older: bool = False,
    ) -> None:
        self.target = target
        self.keys: RepositoryKeys = opened.keys
        self.verify: VerifyKey = opened.verify
        self.escrow = opened.escrow
        self._sealers: OrderedDict[str, ObjectSealer] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()
        self.list = self._newest_list(older=older)
        if memory is not None:
            self._compare(memory)

    @classmethod
    def create(cls, target: Target, holder: Holder) -> "Repository":
        """Make a backup on an empty target, or finish making one."""
        keys = RepositoryKeys.fresh()
        write_keys(target, keys, holder)
        return cls(target, OpenedKeys(keys, holder.verify, escrow_key(holder.identity)))

    @classmethod
    def open(
        cls,
        target: Target,
        identity: Secret | str,
        memory: Memory | None = None,
        *,
        older: bool = False,
    ) -> "Repository":
        """Open the backup on a target, by an older list where that will do.

        Raises:
            BackupAbsent: there is none.
            KeysRefused: it is another box's.
            BackupRolledBack: it is older than this box remembers.
            BackupDamaged: head, keys or list are not what was written.
        """
        read_head(target)
        opened = read_keys(target, identity)
        if memory is not None and memory.repository != opened.keys.repository:
            raise BackupRolledBack(place=target.place, found=0, known=memory.generation)
        return cls(target, opened, memory, older=older)

    def snapshot(self, number: int | None) -> Snapshot:
        """A snapshot by its number, or the newest. Raises SnapshotUnknown, BackupAbsent without any."""
        for one in reversed(self.list.snapshots):
            if number in {None, one.number}:
                return one
        if number is None:
            raise BackupAbsent(place=self.target.place)
        raise SnapshotUnknown(snapshot=number)

    def commit(self, following: SnapshotList, key: SigningKey) -> None:
        """Write the next generation of the list: what it names exists from now on."""
        name = _list_path(following.generation)
        sealed = seal_document(self.keys, LIST, following.signed(key), name.encode())
        self.target.write(name, sealed)
        self.list = following
        for old in self._list_names()[:-KEPT_LISTS]:
            self.target.delete(old)

    def write_index(self, directories: Iterable[Directory]) -> str:
        """Write an index over packs; its name, which a list must give to make it count."""
        sealed = seal_document(self.keys, INDEX, index_bytes(directories))
        name = self.keys.object_name(sealed)
        self.target.write(f"index/{name}", sealed)
        return name

    def read_index(self, name: str) -> Iterator[Directory]:
        """The directories in an index. Raises BackupDamaged."""
        path = f"index/{name}"
        sealed = self._sound(path, name)
        yield from parse_index(open_document(self.keys, INDEX, sealed, path), path)

    def index(self) -> Index:
        """Everything that the list's indexes name. Raises BackupDamaged."""
        index = Index(FIRST)
        for name in self.list.indexes:
            for directory in self.read_index(name):
                index.add(directory)
        return index

    def left_indexes(self) -> tuple[str, ...]:
        """Indexes that the list does not name: an interrupted backup left them."""
        there = [path.rpartition("/")[2] for path in self.target.list(INDEX)]
        return tuple(sorted(set(there) - set(self.list.indexes)))

    def chunk(self, ident: bytes, place: Place) -> bytes:
        """A chunk, authenticated and unpacked. Raises BackupDamaged."""
        return bytes(self.lent_chunk(ident, place))

    def lent_chunk(self, ident: bytes, place: Place) -> Content:
        """The same without a copy: it lies in memory that this thread's next chunk overwrites."""
        path = pack_path(place.pack)
        sealer = self._sealer(place.pack, path)
        try:
            sealed = self.target.read_part(path, place.offset, place.stored)
        except BackupAbsent:
            raise damaged(path, "缺失", "it is missing") from None
        room = self._room(len(sealed))
        stored = sealer.open_into(place.part, sealed, _context(ident, place), room, path)
        plain = self._unpacked(stored, place) if place.flags & ZSTD else stored
        if len(plain) != place.plain:
            raise damaged(path, "大小不符", "a chunk of it has another size")
        return plain

    def _room(self, size: int) -> memoryview:
        room: bytearray | None = getattr(self._local, "room", None)
        if room is None or len(room) < size:
            room = self._local.room = bytearray(size)
        return memoryview(room)

    def _unpacked(self, stored: Content, place: Place) -> bytes:
        decompressor: ZstdDecompressor | None = getattr(self._local, "zstd", None)
        if decompressor is None:
            decompressor = self._local.zstd = ZstdDecompressor()
        try:
            return decompressor.decompress(stored, max_output_size=place.plain)
        except ZstdError as error:
            raise damaged(place.pack, "无法解压", "it does not decompress") from error

    def manifest(self, snapshot: Snapshot, index: Index) -> Iterator[Entry]:
        """The entries of a snapshot, in the order of their making. Raises BackupDamaged."""
        rest = b""
        for text in snapshot.manifest:
            ident = bytes.fromhex(text)
            *lines, rest = (rest + self.chunk(ident, index.find(ident))).split(b"\n")
            for line in lines:
                yield Entry.parse(line)

    def _sealer(self, pack: str, path: str) -> ObjectSealer:
        with self._lock:
            found = self._sealers.get(pack)
        if found is not None:
            return found
        try:
            head = self.target.read_part(path, 0, HEAD_SIZE)
        except BackupAbsent:
            raise damaged(path, "缺失", "it is missing") from None
        made = opener(self.keys, PACK, head, path)
        with self._lock:
            self._sealers[pack] = made
            while len(self._sealers) > _SALTS:
                self._sealers.popitem(last=False)
        return made

    def _sound(self, path: str, name: str) -> bytes:
        try:
            sealed = self.target.read(path)
        except BackupAbsent:
            raise damaged(path, "缺失", "it is missing") from None
        if self.keys.object_name(sealed) != name:
            raise damaged(path, "内容被改动", "its content was altered")
        return sealed

    def _list_names(self) -> list[str]:
        return sorted(self.target.list("lists"))

    def _newest_list(self, *, older: bool) -> SnapshotList:
        names = self._list_names()
        for name in reversed(names):
            try:
                return self._read_list(name)
            except BackupDamaged:
                if not older or name == names[0]:
                    raise
        return SnapshotList(self.keys.repository)

    def _read_list(self, name: str) -> SnapshotList:
        plain = open_document(self.keys, LIST, self.target.read(name), name, name.encode())
        found = SnapshotList.verified(plain, self.verify, name)
        if found.repository != self.keys.repository or _list_path(found.generation) != name:
            raise KeysRefused(place=self.target.place)
        return found

    def _compare(self, memory: Memory) -> None:
        found = self.list
        heirs = {memory.generation: found.digest, memory.generation + 1: found.previous}
        known = heirs.get(found.generation, memory.digest)
        if found.generation < memory.generation or known != memory.digest:
            raise BackupRolledBack(
                place=self.target.place, found=found.generation, known=memory.generation
            )


def _list_path(generation: int) -> str:
    return f"lists/{generation:010d}"


def _context(ident: bytes, place: Place) -> bytes:
    return ident + bytes([place.flags])
