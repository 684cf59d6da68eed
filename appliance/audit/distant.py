"""The scribe in a process of its own: beside a busy event loop, a thread would wait for its turn.

A thread that writes needs the interpreter lock a dozen times for each commit, and gets it only when
the event loop lets go. A process needs none of it; this side needs it once for each batch.
"""

import socket
import subprocess  # noqa: TID251  # one program of the house itself, spoken to over its own socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from appliance.audit.errors import AuditTampered, EventTooLarge
from appliance.audit.event import Event, Leaf
from appliance.audit.frames import FrameLost, Frames
from appliance.audit.ledger import AuditIdentity
from appliance.audit.reading import AuditReader
from appliance.audit.scribe import Outcome, Scribe, Standing
from appliance.db import errors as db_errors
from appliance.db.errors import DbError
from appliance.errors import ApplianceError, AuditUnavailable
from secure_compute.errors import NotCanonical, SecureComputeError
from secure_compute.merkle import HASH_SIZE

_MODULE: Final = "appliance.audit.writing"
_HOUSE: Final = Path(__file__).resolve().parents[2]
_PATIENCE_S: Final = 30
_Refusal = ApplianceError | SecureComputeError
_KINDS: Final[tuple[type[_Refusal], ...]] = (
    AuditTampered,
    AuditUnavailable,
    EventTooLarge,
    NotCanonical,
    *(
        kind
        for kind in vars(db_errors).values()
        if isinstance(kind, type) and issubclass(kind, DbError)
    ),
)
_REFUSALS: Final = {kind.code: kind for kind in _KINDS}


class DistantScribe(Scribe):
    """Has a process write, and hands it the keys over a socket that nobody else holds.

    Args:
        path: the database file.
        key: 32 bytes.
        identity: signing key and name of the log.
    """

    def __init__(self, path: Path, key: bytes, identity: AuditIdentity) -> None:
        self._path = path
        self._key = key
        self._identity = identity
        self._process: subprocess.Popen[bytes] | None = None
        self._frames: Frames | None = None

    @property
    @override
    def identity(self) -> AuditIdentity:
        return self._identity

    @override
    def open(self) -> Standing:
        self._start()
        signer = self._identity.signing_key
        try:
            told = self._ask(
                {
                    "path": str(self._path),
                    "key": self._key,
                    "seed": signer.seed(),
                    "algorithm": signer.algorithm,
                    "origin": self._identity.origin,
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
        rows = [
            (event.tag, event.actor, event.subject, event.request_id, event.details)
            for event in events
        ]
        try:
            first, time, hashes, refused = self._ask(("commit", rows, clean))
        except (TypeError, OverflowError) as error:
            if len(events) == 1:
                return [NotCanonical(reason_zh="类型不被接受", reason=str(error))]
            return [outcome for event in events for outcome in self.commit([event], clean=clean)]
        return _outcomes(len(rows), first, time, hashes, dict(refused))

    @override
    def anchor(self) -> None:
        self._ask(("anchor",))

    @override
    def reader(self) -> AuditReader:
        return AuditReader(self._path, self._key, self._identity.note_key)

    @override
    def release(self) -> None:
        frames, self._frames = self._frames, None
        process, self._process = self._process, None
        if frames is not None:
            frames.close()
        if process is None:
            return
        try:
            # It ends by itself once nobody speaks to it any more.
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-m", _MODULE),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=_HOUSE,
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


def refusal_from(told: dict[str, Any]) -> _Refusal:
    """The refusal that the other process told by its code and facts."""
    kind = _REFUSALS.get(told["code"])
    if kind is None:
        return AuditUnavailable(reason=told["sentence"])
    return kind(**told["facts"])


def _outcomes(
    count: int, first: int, time: int, hashes: bytes, refused: dict[int, dict[str, Any]]
) -> list[Outcome]:
    if not refused:
        return [
            Leaf(first + at, hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE], first + at, time)
            for at in range(count)
        ]
    outcomes: list[Outcome] = []
    index = 0
    for at in range(count):
        if at in refused:
            outcomes.append(refusal_from(refused[at]))
            continue
        digest = hashes[index * HASH_SIZE : (index + 1) * HASH_SIZE]
        outcomes.append(Leaf(first + index, digest, first + index, time))
        index += 1
    return outcomes
