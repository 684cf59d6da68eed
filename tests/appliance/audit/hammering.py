"""A process that writes bursts of events, and says what it was promised, until it is killed.

It goes on when the process that writes the log is killed under it, as the box does.
"""

import asyncio
import os
import sys
from pathlib import Path

from appliance.audit.distant import DistantScribe
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.errors import ApplianceError, AuditUnavailable
from secure_compute.signing import SigningKey
from tests.appliance.audit.conftest import KEY, note

CROWD = 16
IDENTITY = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")


def say(*words: object) -> None:
    # One write of a short line reaches the pipe whole or not at all.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def write(log: AuditLog, writer: int) -> None:
    number = 0
    while True:
        number += 1
        name = f"{os.getpid()}.{writer}.{number}"
        try:
            leaf = await log.record(note(number, f"key:{name}"))
        except AuditUnavailable:
            say("refused", name)
            await asyncio.sleep(0.02)
        else:
            say("kept", leaf.index, name)
        if number % 60 == 0:
            # A quiet moment, in which segments close.
            await asyncio.sleep(0.08)


async def watch(log: AuditLog, scribe: DistantScribe) -> None:
    """Hand out checkpoints, and tell who writes at present."""
    last = 0
    while True:
        process = scribe._process
        if process is not None and process.pid != last and log.healthy:
            last = process.pid
            say("writer", last)
        try:
            size, root = await asyncio.to_thread(handed_out, log)
            say("checkpoint", size, root)
        except ApplianceError:
            say("no-checkpoint")
        await asyncio.sleep(0.03)


def handed_out(log: AuditLog) -> tuple[str, str]:
    _, size, root, *_ = log.reader.checkpoint().splitlines()
    return size, root


async def crowd(log: AuditLog) -> None:
    log.attach()
    scribe = log._scribe
    assert isinstance(scribe, DistantScribe)
    await asyncio.gather(watch(log, scribe), *(write(log, one) for one in range(CROWD)))


if __name__ == "__main__":
    asyncio.run(crowd(AuditLog.open_apart(Path(sys.argv[1]), KEY, IDENTITY)))
