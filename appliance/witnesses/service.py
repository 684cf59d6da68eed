"""The witnesses of the log: second key, hosts and sticks that cosign, and what they all signed."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Protocol

from appliance.audit import events_witness as events
from appliance.audit.event import Event
from appliance.audit.reading import AuditReader
from appliance.audit.store import Head
from appliance.errors import ApplianceError
from appliance.witnesses.errors import NothingToOffer, RecordRewritten
from appliance.witnesses.judging import judge, witness_key
from appliance.witnesses.offering import offer_path, offer_text
from appliance.witnesses.rules import WitnessRules
from appliance.witnesses.second import SecondSigner, Trouble, TroubleFound
from appliance.witnesses.standing import (
    CosignedNote,
    CosignerKey,
    Offer,
    SecondStanding,
    Standing,
    Taken,
    WitnessStanding,
)
from appliance.witnesses.store import Cosigned, Seen, Witness, WitnessStore
from secure_compute.merkle import Frontier
from secure_compute.note import Note

_DAY_S: Final = 86_400
_KEPT_S: Final = 7 * _DAY_S
_AUDIT_TIMEOUT_S: Final = 30.0
BOX: Final = "box"


class Audit(Protocol):
    """The part of the audit log that this room needs."""

    @property
    def reader(self) -> AuditReader:
        """Reading the log."""
        ...

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class WitnessService:
    """Cosigns, asks others to, and keeps what they all signed. Synchronous: for the thread pool.

    Args:
        store: the rows of this room.
        log: the audit log.
        signer: the box's second key.
        rules: out of the settings.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        store: WitnessStore,
        log: Audit,
        signer: SecondSigner,
        rules: WitnessRules,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._log = log
        self._signer = signer
        self._rules = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._trouble: Trouble | None = None

    def cosign(self, *, finer: bool = False) -> Head:
        """Have the second key cosign the newest checkpoint, unless it did already.

        Args:
            finer: let the TPM's counter count also before its hour is over.

        Returns:
            That checkpoint's head, cosigned or not: what keeps the second key from signing is told by
            `status` and by an alert, and stops nothing else.
        """
        with self._lock:
            head = self._log.reader.head()
            if self._rules.on_trial():
                return head
            try:
                self._hold_against(head)
                key = self._signer.key
                if key is None:
                    self._make("first", BOX)
                elif any(one.vkey == key.vkey for one in self._store.cosignatures(head.size)):
                    return head
                vkey, line, time = self._signer.cosign(Note.parse(head.note.encode()), finer=finer)
            except TroubleFound as found:
                self._tell(found.trouble, head.size)
                return head
            root = Frontier(head.size, head.peaks).root()
            made = Cosigned(head.size, vkey, line, time, time, outside=False)
            self._store.keep(Seen(head.size, root, head.note), made)
            self._trouble = None
            return head

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing is cosigned now."""
        return self._trouble

    def thin(self) -> int:
        """Let go of most of the box's own cosignatures of more than a week ago; how many went."""
        return self._store.thin(int(self._clock()) - _KEPT_S)

    def renew(self, actor: str) -> None:
        """Make another second key: after a lawful restore, or on another machine.

        What the old one signed stays, and is checked with it.

        Raises:
            SecureComputeError: the settings insist on a TPM, and it does not do it.
        """
        with self._lock:
            self._make("renewed" if self._trouble is None else self._trouble.code, actor)
            self._trouble = None
        self.cosign()

    def cosignatures(self, size: int) -> list[bytes]:
        """The signature lines of every cosigner over the checkpoint of exactly this size."""
        return [one.line.encode() for one in self._store.cosignatures(size)]

    def cosigned(self, upto: int) -> Iterator[tuple[int, bytes]]:
        """Every cosigned checkpoint of at most so many entries: size and whole note, smallest first."""
        for seen in self._store.every(upto):
            lines = self.cosignatures(seen.size)
            yield seen.size, seen.note.encode() + b"".join(lines)

    def latest(self, upto: int, limit: int) -> tuple[CosignedNote, ...]:
        """The newest cosigned checkpoints of at most so many entries, largest first."""
        found = []
        for seen in self._store.seen(upto, limit):
            by = self._store.cosignatures(seen.size)
            note = seen.note + "".join(one.line for one in by)
            found.append(CosignedNote(seen.size, note, tuple((one.vkey, one.time) for one in by)))
        return tuple(found)

    def keys(self) -> list[CosignerKey]:
        """Everybody whose cosignatures are kept, the box's second keys first."""
        own = {one.vkey: one.kind for one in self._store.second_keys()}
        return [
            *(CosignerKey(_name(vkey), vkey, kind) for vkey, kind in own.items()),
            *(
                CosignerKey(_name(vkey), vkey, "witness")
                for vkey in self._store.cosigners()
                if vkey not in own
            ),
        ]

    def status(self) -> Standing:
        """How all of them stand."""
        key = self._signer.key
        second = SecondStanding(trouble=self._trouble)
        if key is not None:
            last = self._store.latest(key.vkey)
            second = SecondStanding(
                kind=key.kind,
                vkey=key.vkey,
                made=key.made,
                size=None if last is None else last.size,
                time=None if last is None else last.time,
                counter=key.counter if key.kind == "tpm" else None,
                trouble=self._trouble,
            )
        return Standing(second, tuple(self._standing(one) for one in self._store.witnesses()))

    def add(self, name: str, vkey: str, actor: str) -> None:
        """Register a witness; compare its key with what its own machine shows.

        Raises:
            WitnessKeyRefused, WitnessExists: it is none, or known.
        """
        key = witness_key(vkey, self._log.reader.note_key)
        self._store.add(Witness(name, key.vkey, self._clock()))
        self._record(events.witness_change("add", actor, name=name, key=key.key_id.hex()))

    def remove(self, name: str, actor: str) -> None:
        """Forget a witness; what it cosigned stays. Raises WitnessUnknown."""
        gone = next((one for one in self._store.witnesses() if one.name == name), None)
        self._store.remove(name)
        key = "" if gone is None else gone.vkey.split("+")[1]
        self._record(events.witness_change("remove", actor, name=name, key=key))

    def offers(self) -> tuple[Offer, ...]:
        """What goes onto a stick, one file for each place that a witness has come to.

        Raises:
            NothingToOffer: no witness is registered.
        """
        witnesses = self._store.witnesses()
        if not witnesses:
            raise NothingToOffer
        head = self.cosign()
        note = head.note + b"".join(self.cosignatures(head.size)).decode()
        found = []
        for old in sorted({self._last(one) for one in witnesses}):
            text = offer_text(self._log.reader, old, head.size, note)
            path = offer_path(self._log.reader.note_key.name, old, head.size)
            found.append(Offer(path, text, head.size, old))
        return tuple(found)

    def take(self, brought: Iterable[tuple[str, bytes]], actor: str) -> tuple[Taken, ...]:
        """Take in what witnesses cosigned: names of files, and their content."""
        return tuple(self._taken(name, data, actor) for name, data in brought)

    def _taken(self, name: str, data: bytes, actor: str) -> Taken:
        size = None
        try:
            found = judge(
                name, data, self._log.reader.note_key, self._store.witnesses(), self._clock()
            )
            size = found.seen.size
            self._hold_against(self._log.reader.head(), found.seen, name)
        except TroubleFound as caught:
            self._tell(caught.trouble, size or 0)
            lost = RecordRewritten(name=name, size=size)
            return Taken(name, False, (), size, lost.sentence_zh, lost.sentence_en)
        except ApplianceError as error:
            return Taken(name, False, (), size, error.sentence_zh, error.sentence_en)
        for witness, cosignature in found.by:
            if self._store.keep(found.seen, cosignature):
                self._record(events.witness_take(actor, name=witness, size=found.seen.size))
        names = tuple(witness for witness, _ in found.by)
        told = f"{name}:{', '.join(names)} {size}"
        return Taken(name, True, names, size, f"{told} 条", f"{told} entries")

    def _hold_against(self, head: Head, seen: Seen | None = None, name: str = "") -> None:
        """Refuse a log that is shorter than, or another than, what somebody cosigned."""
        past = seen or self._store.largest()
        if past is None:
            return
        if past.size <= head.size:
            nodes = self._log.reader.nodes(head.size)
            if Frontier.from_nodes(nodes, past.size).root() == past.root:
                return
        where_zh, where_en = (f"({name})", f" ({name})") if name else ("", "")
        raise TroubleFound(
            Trouble(
                "rewritten",
                f"日志不是从已见证的 {past.size} 条记录延续而来{where_zh}",
                f"the log does not continue the {past.size} entries that were cosigned{where_en}",
            )
        )

    def _standing(self, witness: Witness) -> WitnessStanding:
        last = self._store.latest(witness.vkey)
        since = witness.added if last is None else last.since
        age = max(0.0, self._clock() - since)
        return WitnessStanding(
            witness.name,
            witness.vkey,
            witness.added,
            None if last is None else last.size,
            None if last is None else last.time,
            age,
            age > self._rules.stale_s,
        )

    def _last(self, witness: Witness) -> int:
        last = self._store.latest(witness.vkey)
        return 0 if last is None else last.size

    def _make(self, reason: str, actor: str) -> None:
        made = self._signer.make()
        key = made.vkey.split("+")[1]
        self._record(events.second_key_make(actor, key=key, kind=made.kind, reason=reason))

    def _tell(self, trouble: Trouble, size: int) -> None:
        """Remember why nothing is cosigned; the first time of each kind it goes on record."""
        before, self._trouble = self._trouble, trouble
        if before is None or before.code != trouble.code:
            with suppress(ApplianceError):
                self._record(events.record_doubt(reason=trouble.code, size=size))

    def _record(self, event: Event) -> None:
        self._log.append(event).result(_AUDIT_TIMEOUT_S)


def _name(vkey: str) -> str:
    return vkey.partition("+")[0]
