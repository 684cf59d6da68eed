"""The audit log against its limits: durable events, bulk, verification; ratios from one run."""

import argparse
import asyncio
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from os import fsync, urandom
from pathlib import Path

from appliance.audit import events
from appliance.audit.event import Event, Leaf
from appliance.audit.identifiers import receipt_id, request_id
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.audit.verify import verify
from secure_compute.signing import SigningKey
from tests.fakes.answered import completion

LEAF = b"x" * 685


def now() -> datetime:
    return datetime.now(UTC)


def answer(number: int) -> Event:
    """The largest event of the hot path: an answer with its digests."""
    told = completion(receipt_id(now), seed=number, stream=True)
    return events.completion_answer(f"key:{number % 50}", request_id(now), told)


def rate(work: Callable[[], int]) -> tuple[float, float]:
    """Things a second, and CPU microseconds for each."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = work()
    cpu = time.process_time() - cpu
    return count / (time.perf_counter() - wall), cpu / count * 1e6


def plain_fsync(place: Path, count: int) -> int:
    with (place / "plain").open("wb", buffering=0) as stream:
        for _ in range(count):
            stream.write(LEAF)
            fsync(stream.fileno())
    return count


def plain_sqlite(place: Path, batch: int, rounds: int) -> int:
    """Commits of an unencrypted table without any index: what SQLite alone can keep."""
    connection = sqlite3.connect(place / f"plain{batch}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE e (idx INTEGER PRIMARY KEY, leaf BLOB)")
    for _ in range(rounds):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO e (leaf) VALUES (?)", [(LEAF,)] * batch)
        connection.execute("COMMIT")
    connection.close()
    return batch * rounds


async def crowd(log: AuditLog, writers: int, each: int, waits: list[float]) -> int:
    """Writers that each wait for their event before they write the next."""
    batches = [[answer(number) for number in range(each)] for _ in range(writers)]

    async def one(batch: list[Event]) -> None:
        for event in batch:
            start = time.perf_counter()
            leaf = await log.record(event)
            waits.append(time.perf_counter() - start)
            assert isinstance(leaf, Leaf)

    await asyncio.gather(*(one(batch) for batch in batches))
    return writers * each


def bulk(log: AuditLog, batch: list[Event]) -> int:
    last = [log.append(event) for event in batch][-1]
    last.result()
    return len(batch)


def hash_limit(count: int) -> int:
    """Leaf and node hashes alone: nothing that verifies can be faster."""
    for _ in range(count):
        sha256(b"\x00" + LEAF).digest()
        sha256(b"\x01" + LEAF[:64]).digest()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--place", type=Path, default=None, help="a directory on the disk to measure"
    )
    parser.add_argument("--window-ms", type=float, default=1.0)
    parser.add_argument("--events", type=int, default=50_000)
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(dir=args.place))
    try:
        measure(place, args.window_ms, args.events)
    finally:
        shutil.rmtree(place)


def measure(place: Path, window_ms: float, count: int) -> None:
    fsyncs, _ = rate(lambda: plain_fsync(place, 300))
    single, _ = rate(lambda: plain_sqlite(place, 1, 300))
    batched, _ = rate(lambda: plain_sqlite(place, 64, 100))
    print(f"plain fsync                     {fsyncs:10,.0f} /s")
    print(f"plain sqlite, 1 row a commit    {single:10,.0f} rows/s")
    print(f"plain sqlite, 64 rows a commit  {batched:10,.0f} rows/s")
    identity = AuditIdentity(SigningKey.generate(), "wardbox/bench")
    log = AuditLog.open(place / "audit.db", urandom(32), identity, clock=now, window_ms=window_ms)
    for writers, each in ((1, 200), (64, 150), (256, 60)):
        waits: list[float] = []
        done, cpu = rate(lambda w=writers, e=each, s=waits: asyncio.run(crowd(log, w, e, s)))
        waits.sort()
        p50, p99 = (waits[int(len(waits) * q)] * 1000 for q in (0.5, 0.99))
        print(
            f"audit, {writers:3} writers              {done:10,.0f} events/s  p50 {p50:.1f} ms  "
            f"p99 {p99:.1f} ms  {cpu:.0f} us CPU/event  {done / single:.2f} x single commits"
        )
    ready = [answer(number) for number in range(count)]
    done, cpu = rate(lambda: bulk(log, ready))
    print(
        f"audit, bulk                     {done:10,.0f} events/s  {cpu:.0f} us CPU/event  "
        f"{done / batched:.2f} x plain sqlite in batches"
    )
    hashes, hash_cpu = rate(lambda: hash_limit(count))
    reports = []
    _, cpu = rate(lambda: reports.append(verify(log.reader)) or reports[0].entries)
    assert reports[0].ok
    size = (place / "audit.db").stat().st_size
    log.close()
    print(f"SHA-256 of leaf and node alone  {hashes:10,.0f} /s  {hash_cpu:.1f} us CPU")
    print(
        f"verify                          {1e6 / cpu:10,.0f} events/CPU-s  "
        f"{hash_cpu / cpu:.2f} of hashing alone  ({size / reports[0].entries:.0f} bytes/event)"
    )


if __name__ == "__main__":
    main()
