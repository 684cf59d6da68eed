"""The process that writes the log: `python -m appliance.audit.writing`, its socket as standard input.

It hears the keys first, then batches of events, and ends when nobody speaks to it any more. It takes
no signal to stop: the box that started it says when, and an end without a word is an unclean one.
"""

import gc
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from appliance.audit.event import Event, Leaf
from appliance.audit.frames import FrameLost, Frames
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.scribe import Outcome
from appliance.errors import ApplianceError
from secure_compute.errors import SecureComputeError
from secure_compute.signing import SigningKey

# The process before this one may still be finishing its last commit.
_PATIENCE_S: Final = 20.0
_Refusal = ApplianceError | SecureComputeError


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # this process's one clock


def _told(error: _Refusal) -> dict[str, Any]:
    facts = {
        name: value if isinstance(value, str | int | bool | None) else str(value)
        for name, value in error.facts.items()
    }
    return {"code": error.code, "facts": facts, "sentence": error.sentence}


def _opened(told: dict[str, Any]) -> OwnScribe:
    key = SigningKey.from_seed(told["seed"], told["algorithm"])
    return OwnScribe(
        Path(told["path"]),
        told["key"],
        AuditIdentity(key, told["origin"]),
        _now,
        time.monotonic,
        patience_s=_PATIENCE_S,
    )


def _account(outcomes: Sequence[Outcome]) -> tuple[int, int, bytes, list[tuple[int, Any]]]:
    """Index and time of the first leaf, all hashes joined, and the events that can be no leaf."""
    leaves = [outcome for outcome in outcomes if isinstance(outcome, Leaf)]
    refused = [
        (at, _told(outcome))
        for at, outcome in enumerate(outcomes)
        if isinstance(outcome, ApplianceError | SecureComputeError)
    ]
    first, moment = (leaves[0].index, leaves[0].time) if leaves else (0, 0)
    return first, moment, b"".join(leaf.hash for leaf in leaves), refused


def _serve(scribe: OwnScribe, frames: Frames) -> None:
    while True:
        match frames.receive():
            case ["commit", rows, clean]:
                events = [Event(*row) for row in rows]
                answer: object = _answered(lambda: _account(scribe.commit(events, clean=clean)))  # noqa: B023
            case _:
                answer = _answered(scribe.anchor)
        frames.send(answer)


def _answered(act: Any) -> object:
    try:
        return act()
    except (ApplianceError, SecureComputeError) as error:
        return _told(error)


def main() -> None:
    """Write until the other side hangs up."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    frames = Frames(socket.socket(fileno=0))
    with suppress(FrameLost):
        scribe = _opened(frames.receive())
        try:
            try:
                standing = scribe.open()
            except (ApplianceError, SecureComputeError) as error:
                frames.send(_told(error))
                return
            gc.freeze()
            frames.send(tuple(standing))
            _serve(scribe, frames)
        finally:
            scribe.release()


if __name__ == "__main__":
    main()
