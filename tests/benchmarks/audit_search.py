"""Searching a long audit log: ten million entries of many kinds, every filter, rare and common values.

    python -m tests.benchmarks.audit_search [--events 10000000] [--place DIR] [--keep]

The store is made by the product's own writer (about 1.2 GB and a quarter of an hour for ten million) and
deleted afterwards, unless `--keep` says to leave it for the next run in the same place.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.identifiers import receipt_of, request_id
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader
from secure_compute.signing import SigningKey
from tests.fakes.answered import completion

KEY = bytes(range(32))
IDENTITY = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/bench")
BATCH = 4096
ACTORS, PATIENTS, MODELS = 200, 100_000, 6
RARE_EVERY = 400_000
"""One in so many entries is of the rare tag, actor, model and patient."""
GOAL_MS = 50.0


class Clock:
    """Fifty events a second, as a busy ward makes them."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def uptime(self) -> float:
        """Seconds, as a clock tells them that nobody can set."""
        return self.now.timestamp()


def made(chance: random.Random, clock: Clock, number: int) -> Event:
    """One event: mostly answers and what precedes them, some of everything else."""
    request = request_id(clock)
    actor = f"key:{chance.randrange(ACTORS)}"
    model = f"model-{chance.randrange(MODELS)}"
    if number % RARE_EVERY == RARE_EVERY // 2:
        details: dict[str, events.Detail] = {"model": "model-rare", "patient": "p-rare"}
        return Event("dataset:record:export", "user:rare", "d", request, details)
    kind = chance.randrange(100)
    patient = f"p-{chance.randrange(PATIENTS)}"
    if kind < 45:
        return events.completion_accept(actor, request, route="/v1/chat/completions", model=model)
    if kind < 90:
        told = completion(receipt_of(request), model=model, seed=number)
        return events.completion_answer(actor, request, told)
    if kind < 98:
        return Event("dataset:record:read", actor, None, request, {"patient": patient})
    if kind == 98:
        return events.key_refuse(actor, request, code="access.key-unknown")
    return events.session_open(f"user:{chance.randrange(40)}", request, role="clinician")


def build(path: Path, count: int, say: Callable[[str], None]) -> None:
    """Make the store, closing segments as they fill."""
    chance, clock = random.Random(1), Clock()
    scribe = OwnScribe(path, KEY, IDENTITY, clock, clock.uptime)
    begun = time.perf_counter()
    at = scribe.open().size
    try:
        while at < count:
            size = min(BATCH, count - at)
            scribe.commit([made(chance, clock, at + number) for number in range(size)])
            clock.now += timedelta(seconds=size / 50)
            at += size
            while scribe.tend():
                pass
            if at // BATCH % 100 == 0:
                say(f"{at:12,} entries  {at / (time.perf_counter() - begun):8,.0f} /s")
    finally:
        scribe.release()


def filters(
    reader: AuditReader, chance: random.Random
) -> Iterator[tuple[str, Callable[[], Query]]]:
    """Every kind of question, and how to ask one of that kind."""
    size = reader.size()
    start, end = reader.entry(0).time, reader.entry(size - 1).time

    def one_of(what: str, most: int) -> str:
        return f"{what}{chance.randrange(most)}"

    def moment() -> int:
        return chance.randrange(start, end)

    def some_id() -> str | None:
        return reader.entry(chance.randrange(size)).event.request_id

    def actor() -> str:
        return one_of("key:", ACTORS)

    yield "newest", Query
    yield "deep page", lambda: Query(before=chance.randrange(size))
    yield "one hour", lambda: Query(since=(t := moment()), until=t + 3_600_000_000)
    yield "actor", lambda: Query(actor=actor())
    yield "actor, deep page", lambda: Query(actor=actor(), before=chance.randrange(size))
    yield "actor, limit 1000", lambda: Query(actor=actor(), limit=1000)
    yield "rare actor", lambda: Query(actor="user:rare")
    yield "no such actor", lambda: Query(actor="user:nobody")
    yield "tag", lambda: Query(tag="access:session:open", before=chance.randrange(size))
    yield "tag prefix", lambda: Query(tag="model:completion:*", before=chance.randrange(size))
    yield "rare tag", lambda: Query(tag="dataset:record:export")
    yield "rare tag prefix", lambda: Query(tag="dataset:record:e*")
    yield "model", lambda: Query(model=one_of("model-", MODELS))
    yield "rare model", lambda: Query(model="model-rare")
    yield "patient", lambda: Query(patient=one_of("p-", PATIENTS))
    yield "rare patient", lambda: Query(patient="p-rare")
    yield "request id", lambda: Query(request_id=some_id())
    yield "no such request id", lambda: Query(request_id=request_id(Clock()))
    yield "receipt", lambda: Query(receipt=receipt_of(some_id() or ""))
    yield "actor and tag", lambda: Query(actor=actor(), tag="access:key:refuse")
    yield "actor and patient", lambda: Query(actor=actor(), patient=one_of("p-", PATIENTS))
    yield (
        "actor, model, tag, one week",
        lambda: Query(
            actor=actor(),
            model=one_of("model-", MODELS),
            tag="model:completion:answer",
            since=(t := moment()),
            until=t + 7 * 86_400_000_000,
        ),
    )
    yield "never together", lambda: Query(actor="user:7", tag="model:*")
    yield "rare and common", lambda: Query(actor="user:rare", tag="dataset:*")


def measure(reader: AuditReader, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each question, by kind."""
    chance = random.Random(2)
    taken: dict[str, list[float]] = {}
    for name, ask in filters(reader, chance):
        times = taken.setdefault(name, [])
        for _ in range(rounds):
            query = ask()
            begun = time.perf_counter()
            found = reader.search(query)
            times.append((time.perf_counter() - begun) * 1000)
            assert len(found) <= query.limit
    return taken


def main() -> int:
    """Build, ask, print a table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--place", type=Path, default=None)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    place = args.place or Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    try:
        return run(place / "audit.db", args.events, args.rounds)
    finally:
        if not args.keep:
            shutil.rmtree(place)


def run(path: Path, count: int, rounds: int) -> int:
    """Ask a store of so many entries every kind of question; 1 where a goal is missed."""
    build(path, count, lambda line: print(line, file=sys.stderr, flush=True))
    reader = AuditReader(path, KEY, IDENTITY.note_key)
    size, room = reader.size(), path.stat().st_size
    print(f"{size:,} entries, {room / 2**20:,.0f} MiB, {room / size:.0f} bytes an entry")
    missed = 0
    print(f"{'search':<30}{'p50 ms':>9}{'p95 ms':>9}   goal < {GOAL_MS:.0f}")
    for name, times in measure(reader, rounds).items():
        times.sort()
        p50, p95 = (times[int(len(times) * part)] for part in (0.5, 0.95))
        missed += p95 >= GOAL_MS
        print(f"{name:<30}{p50:9.1f}{p95:9.1f}   {'ok' if p95 < GOAL_MS else 'missed'}")
    reader.close()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
