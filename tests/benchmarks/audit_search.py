"""Searching a long audit log: ten million entries of many kinds, every filter, rare and common values.

    python -m tests.benchmarks.audit_search [--events 10000000] [--place DIR] [--keep]

The store is made by the log's own code (about 1.3 GB and ten minutes for ten million) and
deleted afterwards, unless `--keep` says to leave it for the next run in the same place.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from appliance.audit.bundle import BUNDLE, Packer
from appliance.audit.closed_store import Segment
from appliance.audit.closing import index_row
from appliance.audit.identifiers import receipt_of
from appliance.audit.ledger import AuditIdentity, restore
from appliance.audit.postings import SEGMENT, Building
from appliance.audit.query import Query
from appliance.audit.reading import AuditReader
from appliance.audit.store import AuditWriter, Change, Head, Row
from secure_compute.merkle import leaf_hashes
from secure_compute.note import Checkpoint
from secure_compute.signing import SigningKey

KEY = bytes(range(32))
IDENTITY = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/bench")
ACTORS, PATIENTS, MODELS = 200, 100_000, 6
RARE_EVERY = 400_000
"""One in so many entries is of the rare tag, actor, model and patient."""
GOAL_MS = 50.0
LARGEST = "actor, pages of 1000"
"""Ten times the usual page, its findings each in a bundle of its own: told, and no goal."""


START = 1_767_225_600_000_000
"""The first of January 2026 in microseconds; fifty events a second from there on."""
LEAF = (
    '{"actor":"%s","boot":"6cc0be1a-7e1e-4d0c-8e32-9d1b6e1ad8a1","details":{%s},"request_id":"%s",'
    '"seq":%d,"subject":null,"tag":"%s","time":%d}'
)
ANSWER = (
    '"adapter_digest":null,"answer_hash":"%s","completion_tokens":180,"policy":"1","posture":"pass",'
    '"prompt_hash":"%s","model":"%s","model_digest":"' + "a" * 64 + '","prompt_tokens":700,'
    '"receipt":"%s","route":"/v1/chat/completions","seed":%d,"status":"complete","stream":true'
)


def made(chance: random.Random, moment: int, index: int) -> Row:
    """One entry: mostly answers and what precedes them, some of everything else."""
    number = f"{moment // 1000:012x}{chance.getrandbits(72):018x}"
    request, receipt = f"req_{number}", None
    actor, model = f"key:{chance.randrange(ACTORS)}", f"model-{chance.randrange(MODELS)}"
    kind = chance.randrange(100)
    if index % RARE_EVERY == RARE_EVERY // 2:
        actor, tag = "user:rare", "dataset:record:export"
        details = '"model":"model-rare","patient":"p-rare"'
    elif kind < 45:
        tag, details = (
            "model:completion:accept",
            f'"model":"{model}","route":"/v1/chat/completions"',
        )
    elif kind < 90:
        tag, receipt = "model:completion:answer", f"rcp_{number}"
        hashes = [f"{chance.getrandbits(256):064x}" for _ in range(2)]
        details = ANSWER % (*hashes, model, receipt, index)
    elif kind < 98:
        tag, details = "dataset:record:read", f'"patient":"p-{chance.randrange(PATIENTS)}"'
    elif kind == 98:
        tag, details = "access:key:refuse", '"code":"access.key-unknown"'
    else:
        actor = f"user:{chance.randrange(40)}"
        tag, details = "access:session:open", '"role":"clinician"'
    leaf = LEAF % (actor, details, request, index, tag, moment)
    return index, moment, tag, actor, request, receipt, leaf.encode()


def build(path: Path, count: int, say: Callable[[str], None]) -> None:
    """Make the store, segment by segment: closed at once, never lying in single rows.

    Tree, signed head, bundles and postings are made by the log's own code; only the way through
    events and single rows is left out, which takes five times as long.
    """
    chance, begun = random.Random(1), time.perf_counter()
    writer = AuditWriter(path, KEY, lambda: datetime.now(UTC))
    tree, packer = restore(writer.rows, IDENTITY.note_key).tree, Packer()
    try:
        while tree.size < count:
            first = tree.size
            rows = [made(chance, START + at * 20_000, at) for at in range(first, first + SEGMENT)]
            tree, tiles = tree.grow(leaf_hashes(row[-1] for row in rows))
            checkpoint = Checkpoint(IDENTITY.origin, tree.size, tree.frontier.root())
            note = checkpoint.sign(IDENTITY.signing_key).to_bytes().decode()
            head = Head(tree.size, tree.frontier.peaks, note, "boot", rows[-1][1], clean=True)
            writer.write(Change((), tiles, head, keep_checkpoint=True))
            writer.closing.store(segment_of(rows, first // SEGMENT, packer))
            if first // SEGMENT % 50 == 0:
                rate = tree.size / (time.perf_counter() - begun)
                say(f"{tree.size:12,} entries  {rate:8,.0f} /s")
    finally:
        writer.close()


def segment_of(rows: Sequence[Row], number: int, packer: Packer) -> Segment:
    """The closed form of a segment's rows."""
    building = Building()
    for row in rows:
        index_row(building, row[0] - rows[0][0], row)
    pieces = [rows[at : at + BUNDLE] for at in range(0, SEGMENT, BUNDLE)]
    bundles = [(piece[0][1], packer.pack([row[-1] for row in piece])) for piece in pieces]
    return Segment(number, bundles, building.finish(), building.tags)


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
    yield LARGEST, lambda: Query(actor=actor(), limit=1000)
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
    yield "no such request id", lambda: Query(request_id="req_" + "0" * 30)
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


def measure(reader: AuditReader, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds by the clock and of the processor for each question, by kind."""
    chance = random.Random(2)
    taken: dict[str, list[tuple[float, float]]] = {}
    for name, ask in filters(reader, chance):
        times = taken.setdefault(name, [])
        for _ in range(rounds):
            query = ask()
            begun, cpu = time.perf_counter(), time.process_time()
            found = reader.search(query)
            cpu = time.process_time() - cpu
            times.append(((time.perf_counter() - begun) * 1000, cpu * 1000))
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
        return int(run(place / "audit.db", args.events, args.rounds) >= GOAL_MS)
    finally:
        if not args.keep:
            shutil.rmtree(place)


def run(path: Path, count: int, rounds: int) -> float:
    """Ask a store of so many entries every kind of question; the slowest p95 of pages of 100."""
    build(path, count, lambda line: print(line, file=sys.stderr, flush=True))
    reader = AuditReader(path, KEY, IDENTITY.note_key)
    size, room = reader.size(), path.stat().st_size
    print(f"{size:,} entries, {room / 2**20:,.0f} MiB, {room / size:.0f} bytes an entry")
    print(f"{'search, milliseconds':<30}{'p50':>9}{'p95':>9}{'CPU p50':>12}{'CPU p95':>9}")
    worst = 0.0
    for name, times in measure(reader, rounds).items():
        clock, cpu = (sorted(column) for column in zip(*times, strict=True))
        figures = [
            column[int(len(column) * part)] for column in (clock, cpu) for part in (0.5, 0.95)
        ]
        print(f"{name:<30}{figures[0]:9.1f}{figures[1]:9.1f}{figures[2]:12.1f}{figures[3]:9.1f}")
        if name != LARGEST:
            worst = max(worst, figures[1])
    reader.close()
    return worst


if __name__ == "__main__":
    sys.exit(main())
