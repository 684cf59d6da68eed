"""What a box asks of its databases: answers on record, metering, jobs, and people who look things up.

Run by `storage_database` as `python -m tests.benchmarks.storage_work KIND PLACE SCALE`. The classes and
their PRAGMAs are the product's own; what lies below them is one of

    cipher    SQLCipher, as the product opens it
    keyless   the same library without a key: what encryption alone costs
    stock     the sqlite3 of Python: what a program that encrypts nothing would use

The product has no switch for that: this process puts the other library in the place of its own.
"""

import asyncio
import json
import os
import random
import sqlite3
import sys
import threading
import time
import types
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if sys.argv[1:2] == ["stock"]:
    stock = types.ModuleType("sqlcipher3")
    stock.dbapi2 = sqlite3  # type: ignore[attr-defined]
    sys.modules["sqlcipher3"] = stock

# The library stands in its place before the product looks for it
from appliance.access.grants import Grant
from appliance.access.metering import Meter
from appliance.access.migrations import MIGRATIONS as ACCESS
from appliance.access.quota import Count
from appliance.access.usage_store import GROUPS, UsageStore
from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.identifiers import receipt_id, request_id
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.audit.reading import Query
from appliance.db import connection
from appliance.db.database import Db
from appliance.jobs.job import JobKind, JobState
from appliance.jobs.ledger import JobLedger, Outcome
from appliance.jobs.migrations import MIGRATIONS as JOBS
from secure_compute.signing import SigningKey
from tests.fakes.answered import completion

KINDS = ("cipher", "keyless", "stock")
KEYS = 40
MODELS = ("wardbox-reference", "qwen3-32b", "bge-m3")
DAY_S = 86_400
FLUSH_S = 0.25
"""The box flushes its meter every second and answers for a day; a run is shorter, so it does it oftener."""


def now() -> datetime:
    return datetime.now(UTC)


class _NoKey:
    """A connection that hears nothing of keys while the product prepares it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def execute(self, sql: str) -> Any:
        return None if "cipher_" in sql or "PRAGMA key" in sql else self._inner.execute(sql)


def take_the_key_away() -> None:
    """From now on this process opens databases without a key, all else as the product does it."""
    prepare = connection._prepare

    def without(inner: Any, key: bytes, *, read_only: bool) -> None:
        prepare(_NoKey(inner), key, read_only=read_only)

    connection._prepare = without


class Box:
    """The database rooms of a box in one directory, and the work that is measured."""

    def __init__(self, place: Path, scale: float) -> None:
        self._scale = scale
        self._rng = random.Random(4)
        identity = AuditIdentity(SigningKey.generate(), "wardbox/bench")
        self.log = AuditLog.open(place / "audit.db", os.urandom(32), identity, clock=now)
        self.db = Db(place / "box.db", os.urandom(32), (*ACCESS, *JOBS))
        self.usage = UsageStore(self.db)
        self.meter = Meter(time.time())
        self.jobs = JobLedger(self.db, self.log, time.time)
        self.receipts: list[str] = []
        self._grants = [self._grant(number) for number in range(KEYS)]

    def close(self) -> None:
        self.log.close()
        self.db.close()

    def _many(self, count: int) -> int:
        return max(1, round(count * self._scale))

    @staticmethod
    def _grant(number: int) -> Grant:
        scopes, name = frozenset({"chat"}), f"k{number:06d}"
        return Grant(f"key:{name}", scopes, None, name, "", owner=f"account:{number % 7}")

    def _answer(self, number: int) -> Event:
        told = completion(receipt_id(now), model=MODELS[number % 3], seed=number, stream=True)
        return events.completion_answer(self._grants[number % KEYS].actor, request_id(now), told)

    # The parts: each returns how many things it did -----------------------------------------------

    def bulk(self) -> int:
        """Audit events as fast as the log takes them, and a month of metered hours in one go."""
        count = self._many(15_000)
        answers = [self._answer(number) for number in range(count)]
        [self.log.append(answer) for answer in answers][-1].result()
        self.receipts += [str(answer.details["receipt"]) for answer in answers]
        start = int(time.time()) // DAY_S * DAY_S - 30 * DAY_S
        for day in range(self._many(30)):
            meter = Meter(start + day * DAY_S)
            for hour in range(24):
                for grant in self._grants:
                    at = start + day * DAY_S + hour * 3600.0
                    meter.add(grant, MODELS[hour % 3], (100, 200), at)
            self.usage.add(meter.take(start + (day + 1) * DAY_S), (), ())
        return count

    def answers(self) -> int:
        """Callers that each wait for their record, are metered, and ask again."""
        callers, each = 48, self._many(80)
        stop = threading.Event()

        def flushing() -> None:
            while not stop.wait(FLUSH_S):
                self._flush()

        async def caller(first: int) -> None:
            for number in range(first, first + each):
                await self.log.record(self._answer(number))
                self.meter.add(
                    self._grants[number % KEYS], MODELS[number % 3], (100, 200), time.time()
                )

        async def all_callers() -> None:
            await asyncio.gather(*(caller(number * each) for number in range(callers)))

        flusher = threading.Thread(target=flushing)
        flusher.start()
        try:
            asyncio.run(all_callers())
        finally:
            stop.set()
            flusher.join()
        self._flush()
        return callers * each

    def metering(self) -> int:
        """Flushes of the meter, each with every key, its calendar counts and some sessions."""
        count = self._many(60)
        for number in range(count):
            for at, grant in enumerate(self._grants):
                self.meter.add(grant, MODELS[(at + number) % 3], (100, 200), time.time())
            self._flush()
        return count

    def _flush(self) -> None:
        rows = self.meter.take(time.time())
        day = int(time.time()) // DAY_S * DAY_S
        counts = [(row.key_id, Count("tokens", "day", day, row.requests)) for row in rows]
        self.usage.add(rows, counts, [(f"session-{number}", time.time()) for number in range(5)])

    def working(self) -> int:
        """Jobs from the queue to their end, with reports, and a console that follows them."""
        kind = JobKind("finetune", lambda _job, _place: ("true",), resumable=True)
        count, reports = self._many(6), 25
        for _ in range(count):
            job = self.jobs.submit(
                kind, {"model": "wardbox-reference", "steps": reports}, "user:it"
            )
            self.jobs.settle(job, Outcome(JobState.RUNNING))
            for step in range(reports):
                self.jobs.store.progress(
                    job.id, time.time(), {"step": step, "loss": 1 / (step + 1)}
                )
                self.jobs.store.get(job.id)
                self.jobs.store.events(job.id, step, 200)
            self.jobs.settle(job, Outcome(JobState.DONE, result={"loss": 0.1}))
            self.jobs.store.newest(100, None)
            self.jobs.store.counts()
        return count

    def looking_up(self) -> int:
        """Receipts, pages of the record by actor, and reports of use, as people ask for them."""
        count = self._many(60)
        for number in range(count):
            receipt = self._rng.choice(self.receipts)
            (found,) = self.log.reader.search(Query(receipt=receipt))
            self.log.reader.inclusion(found.index, self.log.reader.size())
            if number % 4 == 0:
                self.log.reader.search(Query(actor=self._grants[number % KEYS].actor, limit=50))
                until = int(time.time())
                since = until - self._rng.randrange(1, 31) * DAY_S
                list(self.usage.sums(GROUPS[number % len(GROUPS)], since, until, 8 * 3600))
        return count

    def mix(self) -> int:
        """All of it at once: callers, the meter, a job and somebody at the console."""
        done: list[int] = []
        parts = (self.working, self.looking_up)
        others = [threading.Thread(target=lambda p=part: done.append(p())) for part in parts]
        for other in others:
            other.start()
        done.append(self.answers())
        for other in others:
            other.join()
        assert len(done) == 3
        return sum(done)


def clocked(work: Callable[[], int]) -> tuple[int, float, float]:
    """How many things, wall seconds, CPU seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = work()
    return count, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    kind, place, scale = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    if kind == "keyless":
        take_the_key_away()
    box = Box(place, scale)
    parts = (box.bulk, box.answers, box.metering, box.working, box.looking_up, box.mix)
    told: dict[str, Any] = {part.__name__: clocked(part) for part in parts}
    box.close()
    for name in ("audit.db", "box.db"):
        plain = (place / name).read_bytes()[:16].startswith(b"SQLite format 3")
        assert plain == (kind != "cipher"), f"{name} is not what was to be measured"
    print(json.dumps(told))


if __name__ == "__main__":
    main()
