"""The process that writes the log: `python -m appliance.audit.writing`, its socket as standard input.

It hears the keys first, then batches of events, and ends when nobody speaks to it any more. It takes
no signal to stop: the box that started it says when, and an end without a word is an unclean one.
"""

import gc
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from appliance.audit.closed_store import ArchiveRow
from appliance.audit.event import Event
from appliance.audit.frames import FrameLost, Frames
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.rows import account_of, events_of, told_of
from appliance.audit.scribe import Outcome
from appliance.bodies.keeper import BodyKeeper, Place
from appliance.bodies.sealing import forget_key
from appliance.errors import ApplianceError
from secure_compute.errors import SecureComputeError
from secure_compute.guard import guard
from secure_compute.signing import SigningKey

_FIRST: Final = 0
"""Standard input: the line whose end is the end."""

_QUIET_S: Final = 0.05
"""How long nobody has spoken when the log looks after itself."""
_SPACING_S: Final = 0.04
"""How far apart its steps are while somebody always speaks: a fifth of the time is theirs."""

# The process before this one may still be finishing its last commit.
_PATIENCE_S: Final = 20.0


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # this process's one clock


def _opened(told: dict[str, Any]) -> OwnScribe:
    key = SigningKey.from_seed(told["seed"], told["algorithm"])
    scribe = OwnScribe(
        Path(told["path"]),
        told["key"],
        AuditIdentity(key, told["origin"]),
        _now,
        time.monotonic,
        patience_s=_PATIENCE_S,
    )
    if told["bodies"] is not None:
        path, secret, algorithm = told["bodies"]
        scribe.keep_bodies(BodyKeeper(Place(Path(path), secret, algorithm), _now, time.monotonic))
    return scribe


def _serve(scribe: OwnScribe, lines: dict[int, Frames]) -> None:
    """Answer whoever speaks, until the first line is hung up; look after the log in between."""
    wait: float | None = _QUIET_S
    due = 0.0
    with selectors.DefaultSelector() as selector:
        for number, frames in lines.items():
            selector.register(number, selectors.EVENT_READ, frames)
        while True:
            ready = selector.select(wait)
            for key, _ in ready:
                try:
                    _hear(scribe, key.data, ahead=key.fd != _FIRST)
                except FrameLost:
                    selector.unregister(key.fd)
                    if key.fd == _FIRST:
                        return
            if not ready:
                wait = 0 if scribe.tend() else None
                continue
            wait = _QUIET_S
            if scribe.pressed and (now := time.monotonic()) >= due:
                scribe.tend()
                due = now + _SPACING_S


def _hear(scribe: OwnScribe, frames: Frames, *, ahead: bool) -> None:
    question = frames.poll()
    while question is not None:
        answer = _answer(scribe, question)
        frames.send(answer)
        if ahead and isinstance(answer, dict):
            # Whoever sent the next batch ahead takes it for refused as well.
            raise FrameLost
        question = frames.poll()


def _answer(scribe: OwnScribe, question: Any) -> object:
    try:
        match question:
            case ["commit", rows, clean]:
                return account_of(_committed(scribe, events_of(rows), clean=clean))
            case ["prune", row]:
                scribe.prune(ArchiveRow(*row))
                return True
            case _:
                scribe.anchor()
                return True
    except (ApplianceError, SecureComputeError) as error:
        return told_of(error)


def _committed(scribe: OwnScribe, events: list[Event], *, clean: bool) -> list[Outcome]:
    try:
        return scribe.commit(events, clean=clean)
    finally:
        for event in events:
            if event.body is not None:
                forget_key(event.body)


def main() -> None:
    """Write until the other side hangs up."""
    # It holds the log's keys: no core dump, and nobody of its user reads its memory.
    guard()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    second = int(sys.argv[1])
    frames = Frames(socket.socket(fileno=_FIRST))
    lines = {_FIRST: frames, second: Frames(socket.socket(fileno=second))}
    with suppress(FrameLost):
        scribe = _opened(frames.receive())
        try:
            try:
                standing = scribe.open()
            except (ApplianceError, SecureComputeError) as error:
                frames.send(told_of(error))
                return
            gc.freeze()
            frames.send(tuple(standing))
            _serve(scribe, lines)
        finally:
            scribe.release()


if __name__ == "__main__":
    main()
