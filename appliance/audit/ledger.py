"""The ledger: events into leaves, leaves into the tree, tree and signed head into one commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from appliance.audit.errors import AuditTampered, EventTooLarge
from appliance.audit.event import Event, Leaf
from appliance.audit.events import clock_step
from appliance.audit.store import AuditRows, AuditWriter, Change, Head, Row
from appliance.audit.timekeeper import Timekeeper
from appliance.audit.tree import GrowingTree
from secure_compute.canonical import canonical_bytes
from secure_compute.errors import SecureComputeError
from secure_compute.heads import HeadSigner
from secure_compute.merkle import Frontier, leaf_hash, leaf_hashes
from secure_compute.note import NoteKey, verify_checkpoint
from secure_compute.signing import SigningKey
from secure_compute.tiles import HEIGHT, WIDTH

MAX_LEAF: Final = 65_536
"""Bytes of one leaf; whatever is longer is content and does not belong into the log."""

_KEEP_EVERY_US: Final = 3_600_000_000
"""How often a checkpoint goes into the history, microseconds."""


@dataclass(frozen=True, slots=True)
class AuditIdentity:
    """Who signs the log.

    Args:
        signing_key: an Ed25519 key that is used for nothing else.
        origin: name of the log, "wardbox/<box id>"; no spaces, no plus signs.
    """

    signing_key: SigningKey
    origin: str

    @property
    def note_key(self) -> NoteKey:
        """The public half, as auditors keep it."""
        return NoteKey(self.origin, self.signing_key.verify_key)


class Ledger:
    """The log without its queue: one thread, one commit at a time.

    Args:
        writer: the open store.
        identity: who signs.
        timekeeper: stamps entries; its floor is the stored head's time.
        boot: boot id of this machine.
        stored: the stored tree, already checked by `restore`.
    """

    def __init__(
        self,
        writer: AuditWriter,
        identity: AuditIdentity,
        timekeeper: Timekeeper,
        boot: str,
        stored: "Stored",
    ) -> None:
        self._writer = writer
        self._signer = HeadSigner(identity.origin, identity.signing_key)
        self._timekeeper = timekeeper
        self._boot = boot
        self._tree = stored.tree
        self._kept = 0

    @property
    def size(self) -> int:
        """Entries that are durable."""
        return self._tree.size

    def commit(self, events: Sequence[Event], *, clean: bool = False) -> list[Leaf | Exception]:
        """Make events durable together.

        Args:
            events: in order; a step of the clock is recorded before them.
            clean: whether the log is closed after them.

        Returns:
            For each event its leaf, or why this one event can be no leaf.

        Raises:
            DbError: nothing became durable.
        """
        time, step = self._timekeeper.stamp()
        extra = [clock_step(step_us=step)] if step else []
        rows: list[Row] = []
        hashes: list[bytes] = []
        outcomes: list[Leaf | Exception] = []
        for event in [*extra, *events]:
            index = self._tree.size + len(rows)
            try:
                row = self._row(event, index, time)
            except (SecureComputeError, EventTooLarge) as error:
                outcomes.append(error)
                continue
            digest = leaf_hash(row[-1])
            rows.append(row)
            hashes.append(digest)
            outcomes.append(Leaf(index, digest, index, time))
        self._write(rows, hashes, time, clean=clean)
        return outcomes[len(extra) :]

    def _row(self, event: Event, index: int, time: int) -> Row:
        details = dict(event.details)
        leaf = canonical_bytes(
            {
                "actor": event.actor,
                "boot": self._boot,
                "details": details,
                "request_id": event.request_id,
                "seq": index,
                "subject": event.subject,
                "tag": event.tag,
                "time": time,
            }
        )
        if len(leaf) > MAX_LEAF:
            raise EventTooLarge(tag=event.tag, bytes=len(leaf), limit=MAX_LEAF)
        receipt = details.get("receipt")
        found = receipt if isinstance(receipt, str) else None
        return (index, time, event.tag, event.actor, event.request_id, found, leaf)

    def _write(self, rows: list[Row], hashes: list[bytes], time: int, *, clean: bool) -> None:
        if not rows:
            return
        tree, tiles = self._tree.grow(hashes)
        note = self._signer.note(tree.size, tree.frontier.root())
        head = Head(tree.size, tree.frontier.peaks, note, self._boot, time, clean)
        keep = clean or time - self._kept >= _KEEP_EVERY_US
        self._writer.write(Change(rows, tiles, head, keep))
        self._tree = tree
        if keep:
            self._kept = time


@dataclass(frozen=True, slots=True)
class Stored:
    """What a log holds when it is opened.

    Args:
        head: the stored head, None for a new log.
        tree: the tree, ready to grow.
    """

    head: Head | None = None
    tree: GrowingTree = field(default_factory=GrowingTree)


def restore(rows: AuditRows, key: NoteKey) -> Stored:
    """Read the stored tree back and hold it against its own signed checkpoint.

    The newest leaves are hashed again; older ones stand in finished tiles, which `verify` recomputes.

    Args:
        rows: the open store.
        key: the log's public key.

    Returns:
        What the log holds; nothing for a new one.

    Raises:
        AuditTampered: signature, size, frontier or newest leaves do not agree.
    """
    head, last = rows.head(), rows.last_index()
    if head is None:
        if last >= 0:
            raise AuditTampered(reason="有记录而没有检查点 there are entries but no checkpoint")
        return Stored()
    try:
        signed = verify_checkpoint(head.note.encode(), key)
        frontier = Frontier(head.size, head.peaks)
    except SecureComputeError as error:
        raise AuditTampered(reason=error.sentence) from error
    if (signed.size, signed.root) != (head.size, frontier.root()):
        raise AuditTampered(
            reason="保存的树与检查点不同 the stored tree is not the one that was signed"
        )
    if last + 1 != head.size:
        raise AuditTampered(
            reason=f"应有 {head.size} 条,实有 {last + 1} 条 {last + 1} entries of {head.size}"
        )
    tree = GrowingTree(frontier, _unfinished_rows(rows, head.size))
    _check_edge(tree)
    return Stored(head, tree)


def _unfinished_rows(rows: AuditRows, size: int) -> tuple[tuple[bytes, ...], ...]:
    found: list[tuple[bytes, ...]] = []
    level = 0
    while size >> (HEIGHT * level):
        end = size >> (HEIGHT * level)
        first = end - end % WIDTH
        row = leaf_hashes(rows.leaves(first, end)) if level == 0 else []
        if level:
            row = rows.tile_roots(level - 1, first, end)
        if len(row) != end - first:
            raise AuditTampered(reason="缺少记录或节点 entries or nodes are missing")
        found.append(tuple(row))
        level += 1
    return tuple(found)


def _check_edge(tree: GrowingTree) -> None:
    """The unfinished rows, level by level, must give the peaks that were signed."""
    peaks: list[bytes] = []
    for row in tree.rows:
        edge = Frontier().extend(row)[0]
        peaks = [*edge.peaks, *peaks]
    if tuple(peaks) != tree.frontier.peaks:
        raise AuditTampered(
            reason="最近的记录与检查点不同 the newest entries are not those that were signed"
        )
