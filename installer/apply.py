"""Changing the software of a box: each state on the disk before what follows from it is done.

The states and their moves are the table of `appliance.updates.trial`. Whatever is the last thing to
happen before a power cut, `current` leads to a whole release, and the next run goes on from the
journal: up to the flip the old release runs, from the flip on the new one is tried, and from the
decision to go back on the old one runs again, with the database that it left.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from installer.apply_errors import (
    AlreadyCurrent,
    ApplyError,
    GivenUp,
    Interrupted,
    NoRoom,
    NothingBefore,
    NotToFollow,
    RehearsalFailed,
    RequestRefused,
    Unhealthy,
    VersionTaken,
)
from installer.apply_journal import TRIES, Record
from installer.apply_parts import Condition, Offer, Pace, Parts
from installer.apply_reasons import REFUSALS, disk_failed, reason_of
from installer.apply_request import TOLD, Request
from installer.durable import remove, replace_file, sync_tree
from installer.slots import MANIFEST

RESERVE: Final = 64 << 20
"""Bytes that stay free beside a release and the copies of the database."""
_POLL_S: Final = 0.5
_GIVEN_UP: Final = {"staged": "refused", "assembled": "refused", "flipped": "reverting"}
_COPIES: Final = 3
"""The snapshot, the copy that is tried, and what its migrations add."""


class WaitsForPerson(Exception):
    """The vault is locked, or the box is down, and nobody waits for a person."""


class Applier:
    """Carries one change at a time from what was asked to blessed, reverted or refused.

    Whoever makes one holds the lock of the place.

    Args:
        parts: What it works on.
        pace: How long is waited.
    """

    def __init__(self, parts: Parts, pace: Pace) -> None:
        self._slots, self._journal, self._desk = parts.slots, parts.journal, parts.desk
        self._source, self._fitting, self._box = parts.source, parts.fitting, parts.box
        self._pace = pace
        self._had_key = False
        self._moves: dict[str, Callable[[Record], Record]] = {
            "staged": partial(self._or_refused, self._assemble),
            "assembled": partial(self._or_refused, self._intend),
            "intended": self._flip,
            "flipped": self._try,
            "healthy": self._bless,
            "reverting": self._revert,
        }

    def run(self) -> Record | None:
        """Go on with what was begun, else with what is asked for.

        Returns:
            The record of the change, which has ended; None where there was nothing to do.

        Raises:
            RequestRefused: what is asked for is no request; it was taken away.
            WaitsForPerson: the vault is locked; to be called again when it is not.
            OSError: the disk refused what cannot be done without; the next run goes on.
        """
        record = self._begun()
        if record is None:
            return None
        try:
            while not record.ended:
                self._tell(record)
                record = self._moves[record.state](record)
        finally:
            # However this ends, the box does not stand still for it.
            with suppress(OSError):
                self._box.let_go()
        self._finish(record)
        return record

    def _tell(self, record: Record) -> None:
        zh, en = TOLD[record.state]
        self._pace.say(f"{record.version}: {zh} {en}")
        with suppress(OSError):
            self._desk.tell(zh, en)

    def _begun(self) -> Record | None:
        record = self._journal.read()
        if record is not None and not record.ended:
            return self._resumed(record)
        try:
            request = self._desk.request()
        except RequestRefused:
            self._desk.drop()
            raise
        if request is None:
            return None
        if record is not None and record.request == request.digest:
            return record  # the power went before it was answered
        return self._journal.begin(self._new(request))

    def _new(self, request: Request) -> Record:
        old, new = self._slots.current, self._slots.release(request.version or "-")
        return Record(
            id=secrets.token_hex(8),
            request=request.digest,
            name=request.name,
            bundle=request.bundle,
            version=request.version,
            package=request.package,
            asked_by=request.asked_by,
            rollback=request.rollback,
            old=str(old),
            new=str(new.parent.resolve() / new.name),
            state="staged",
        )

    def _resumed(self, record: Record) -> Record:
        """What a record means that somebody else has left."""
        if self._pace.give_up and record.state in _GIVEN_UP:
            why = reason_of(GivenUp(version=record.version))
            return self._journal.move(record, _GIVEN_UP[record.state], reason=why)
        if record.state == "intended" and self._slots.current != Path(record.new):
            # The old release has run since its database was copied.
            return self._journal.move(record, "assembled")
        if record.state == "flipped" and record.boot != self._pace.boot():
            if record.tries < TRIES:
                return self._again(record)
            return self._give_up(record, Interrupted(tries=record.tries))
        return record

    def _or_refused(self, work: Callable[[Record], Record], record: Record) -> Record:
        """Do something that leaves the box as it is when it fails, and put that on record."""
        try:
            return work(record)
        except REFUSALS as error:
            with suppress(OSError):
                self._box.let_go()
            with suppress(OSError):
                remove(self._slots.unfinished(record.version))
            return self._journal.move(record, "refused", reason=reason_of(error))

    def _assemble(self, record: Record) -> Record:
        if record.rollback:
            return self._go_back(record)
        offer = self._source.judge(record.bundle, record.version, record.package)
        self._require_fitting(record, offer)
        if not self._slots.holds(record.version, record.package):
            self._put_together(record, offer)
        offer.accept()
        return self._journal.move(record, "assembled")

    def _go_back(self, record: Record) -> Record:
        """The release before needs nobody's word: it was found healthy here once."""
        before = self._slots.previous
        if before is None or not before.is_dir():
            raise NothingBefore(place=self._slots.place)
        return self._journal.move(record, "assembled", new=str(before))

    def _require_fitting(self, record: Record, offer: Offer) -> None:
        running = self._pace.version
        if offer.follows and running not in offer.follows:
            allowed = ", ".join(offer.follows)
            raise NotToFollow(version=record.version, running=running, allowed=allowed)
        if Path(record.new) in (self._slots.current, self._slots.blessed, self._slots.previous):
            if not self._slots.holds(record.version, record.package):
                raise VersionTaken(version=record.version)
            if Path(record.new) == self._slots.current:
                raise AlreadyCurrent(version=record.version)

    def _put_together(self, record: Record, offer: Offer) -> None:
        self._slots.clear(record.version)
        self._require_room(self._slots.releases, offer.size)
        tree = offer.assemble(self._slots.unfinished(record.version))
        self._fitting.fit(tree, Path(record.old))
        replace_file(tree / MANIFEST, offer.manifest)
        sync_tree(tree)
        self._slots.finish(record.version, tree)
        remove(self._slots.unfinished(record.version))

    def _require_room(self, folder: Path, size: int) -> None:
        free = self._pace.free(folder)
        if free < size + RESERVE:
            raise NoRoom(place=folder, needed=size + RESERVE, free=free)

    def _intend(self, record: Record) -> Record:
        self._await_open()
        self._require_room(self._slots.place, _COPIES * self._box.database_size())
        stopped = self._journal.now()
        said = self._box.rehearse(record.id, Path(record.old), Path(record.new))
        self._had_key = True
        if not record.rollback and said.version != record.version:
            told = f"{said.version} ≠ {record.version}"
            raise RehearsalFailed(zh=told, en=told)
        return self._journal.move(
            record,
            "intended",
            stopped=stopped,
            version=said.version,
            migrations=said.migrations,
        )

    def _flip(self, record: Record) -> Record:
        try:
            self._slots.flip(Path(record.new))
            boot = self._pace.boot()
            return self._journal.move(record, "flipped", tries=1, boot=boot)
        except OSError as error:
            return self._give_up(record, disk_failed(error))

    def _try(self, record: Record) -> Record:
        try:
            self._box.go_on()
            found = self._await_health()
            if found.word == "well":
                answered = self._journal.now()
                return self._journal.move(record, "healthy", answered=answered)
            self._pace.say(f"{record.version}: {record.tries}/{TRIES} {found.reason}")
            if record.tries < TRIES:
                self._box.stand_still()
                return self._again(record)
            return self._give_up(record, Unhealthy(tries=record.tries, reason=found.reason))
        except OSError as error:
            return self._give_up(record, disk_failed(error))

    def _again(self, record: Record) -> Record:
        tries, boot = record.tries + 1, self._pace.boot()
        return self._journal.move(record, "flipped", tries=tries, boot=boot)

    def _give_up(self, record: Record, why: ApplyError) -> Record:
        return self._journal.move(record, "reverting", reason=reason_of(why))

    def _bless(self, record: Record) -> Record:
        self._slots.bless(Path(record.new), Path(record.old))
        return self._journal.move(record, "blessed")

    def _revert(self, record: Record) -> Record:
        if self._slots.current != Path(record.old):
            self._box.stand_still()
            self._slots.flip(Path(record.old))
        self._box.go_on()
        with suppress(WaitsForPerson):
            self._await_health()
        return self._journal.move(record, "reverted", answered=self._journal.now())

    def _finish(self, record: Record) -> None:
        """Answer, and remove what nobody needs; each of it may be done twice."""
        self._desk.answer(record)
        if record.state != "reverted":
            # Of a release that was taken back, the one before uses it up when the vault opens.
            self._box.forget_snapshot(record.id)
        if record.state == "blessed":
            remove(self._desk.staged(record.bundle))
            self._slots.sweep()

    def _await_open(self) -> None:
        """Wait until the vault is open: without its key no database is copied."""
        while (found := self._box.condition()).word in {"locked", "silent"}:
            if self._pace.once:
                raise WaitsForPerson(found.reason)
            self._pace.pause(_POLL_S)

    def _await_health(self) -> Condition:
        """Wait until the box is well, or its time is up.

        A vault that is locked since the machine was started stops the time. One whose key was at
        hand when this began is locked because the release cannot open it.
        """
        left = self._pace.deadline_s
        while True:
            began = self._pace.monotonic()
            found = self._box.condition()
            if found.word == "well" or left <= 0:
                return found
            waits = found.word == "locked" and not self._had_key
            if waits and self._pace.once:
                raise WaitsForPerson(found.reason)
            self._pace.pause(_POLL_S)
            if not waits:
                left -= self._pace.monotonic() - began
