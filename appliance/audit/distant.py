"""The scribe in a process of its own: beside a busy event loop, a thread would wait for its turn.

A thread that writes needs the interpreter lock a dozen times for each commit, and gets it only when
the event loop lets go. A process needs none of it; this side needs it once for each batch.
"""

import socket
import subprocess  # noqa: TID251  # one program of the house itself, spoken to over its own socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.event import Event
from appliance.audit.frames import FrameLost, Frames
from appliance.audit.ledger import AuditIdentity
from appliance.audit.reading import AuditReader
from appliance.audit.rows import outcomes_of, refusal_from, rows_of
from appliance.audit.scribe import Outcome, Scribe, Standing
from appliance.bodies.keeper import Place
from appliance.errors import ApplianceError, AuditUnavailable
from secure_compute.errors import NotCanonical

_MODULE: Final = "appliance.audit.writing"
_HOUSE: Final = Path(__file__).resolve().parents[2]
_PATIENCE_S: Final = 30


class DistantScribe(Scribe):
    """Has a process write, and hands it the keys over a socket that nobody else holds.

    Args:
        path: the database file.
        key: 32 bytes.
        identity: signing key and name of the log.
        bodies: where the bodies of events are kept; None where none are.
    """

    def __init__(
        self, path: Path, key: bytes, identity: AuditIdentity, bodies: Place | None = None
    ) -> None:
        self._bodies = bodies
        self._path = path
        self._key = key
        self._identity = identity
        self._process: subprocess.Popen[bytes] | None = None
        self._frames: Frames | None = None
        self._second: socket.socket | None = None

    @property
    @override
    def identity(self) -> AuditIdentity:
        return self._identity

    @override
    def open(self) -> Standing:
        self._start()
        signer, place = self._identity.signing_key, self._bodies
        try:
            told = self._ask(
                {
                    "path": str(self._path),
                    "key": self._key,
                    "seed": signer.seed(),
                    "algorithm": signer.algorithm,
                    "origin": self._identity.origin,
                    "bodies": None
                    if place is None
                    else (str(place.path), place.key, place.algorithm),
                }
            )
        except BaseException:
            self.release()
            raise
        return Standing(*told)

    @override
    def reopen(self) -> None:
        # Whatever state the process is in, a fresh one begins from what the disk kept.
        self.release()
        self.open()

    @override
    def commit(self, events: Sequence[Event], *, clean: bool = False) -> list[Outcome]:
        try:
            account = self._ask(("commit", rows_of(events), clean))
        except (TypeError, OverflowError) as error:
            if len(events) == 1:
                return [NotCanonical(reason_zh="类型不被接受", reason=str(error))]
            return [outcome for event in events for outcome in self.commit([event], clean=clean)]
        return outcomes_of(len(events), account)

    @override
    def anchor(self) -> None:
        self._ask(("anchor",))

    @override
    def tend(self) -> bool:
        # That process does it by itself.
        return False

    @override
    def prune(self, archive: ArchiveRow) -> None:
        self._ask(("prune", astuple(archive)))

    @override
    def reader(self) -> AuditReader:
        return AuditReader(self._path, self._key, self._identity.note_key)

    @override
    def release(self) -> None:
        frames, self._frames = self._frames, None
        process, self._process = self._process, None
        if frames is not None:
            frames.close()
        second = self.second_line()
        if second is not None:
            second.close()
        if process is None:
            return
        try:
            # It ends by itself once nobody speaks to it any more.
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def second_line(self) -> socket.socket | None:
        """A line of its own for an event loop; whoever takes it owns it."""
        line, self._second = self._second, None
        return line

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._second, second = socket.socketpair()
        with theirs, second:
            self._process = subprocess.Popen(
                (sys.executable, "-m", _MODULE, str(second.fileno())),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=_HOUSE,
                pass_fds=(second.fileno(),),
            )
        self._frames = Frames(ours)

    def _ask(self, question: object) -> Any:
        try:
            answer = self._told(question)
        except FrameLost:
            with suppress(ApplianceError):
                self.release()
            raise AuditUnavailable(
                reason="写入进程已退出 the process that writes it has ended"
            ) from None
        if isinstance(answer, dict):
            raise refusal_from(answer)
        return answer

    def _told(self, question: object) -> Any:
        if self._frames is None:
            raise FrameLost
        self._frames.send(question)
        return self._frames.receive()
