"""A process that writes to a log until it is killed, and says which events it was promised."""

import asyncio
import os
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

from appliance.audit.event import Leaf
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.errors import AuditUnavailable
from secure_compute.signing import SigningKey
from tests.appliance.audit.conftest import KEY, note


async def write(log: AuditLog, writer: int) -> None:
    for number in range(100_000):
        name = f"{writer}.{number}"
        try:
            leaf = await log.record(note(number, f"key:{name}"))
        except AuditUnavailable:
            os.write(1, f"refused {name}\n".encode())
            return
        assert isinstance(leaf, Leaf)
        os.write(1, f"kept {leaf.index} {name}\n".encode())


async def crowd(log: AuditLog) -> None:
    await asyncio.gather(*(write(log, writer) for writer in range(16)))


def opened(path: Path, where: str) -> AuditLog:
    """The log, written from this process ("here") or from one of its own ("apart")."""
    identity = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
    if where == "apart":
        return AuditLog.open_apart(path, KEY, identity)
    return AuditLog.open(path, KEY, identity, clock=lambda: datetime.now(UTC))


def main() -> None:
    path, where, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    asyncio.run(crowd(opened(path, where)))
    if limit:
        os._exit(0)


if __name__ == "__main__":
    main()
