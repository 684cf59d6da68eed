"""The endurance of serving: a real box under mixed load while its engine is killed again and again.

    python -m tests.benchmarks.soak [--minutes 60 | --requests 100000] [--kill-every 30] [--kill-writer 2] [--clients 12]

Installs a box of its own, asks it everything over TLS (whole answers, streams, streams that their clients
leave, admission notes, wrong keys, used-up quotas, broken bodies), kills its llama-server every so often
and, twice, the process that writes the audit log. In the end it compares what every client was told with the
audit record and with the metered use, and looks at the memory and the descriptors of every process.
Ends with 1, and a sentence for each disagreement, unless all of it agrees.
"""

import argparse
import asyncio
import csv
import json
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from appliance.contract.access import KeyWish
from tests.benchmarks.soak_account import disagreements, ends_of, metered_of, record_of
from tests.benchmarks.soak_box import SoakBox, installed
from tests.benchmarks.soak_load import Load
from tests.benchmarks.soak_watch import Growth, Watch, growth_of, longest_absence

KEYS = 4
LIMITED_PER_MINUTE = 30
_ENDLESS = 1 << 60
_CALM_S = 60.0


async def _keys(box: SoakBox) -> list[str]:
    """The secrets of the load's keys; the last one has few requests a minute."""
    secrets = []
    async with Session.local(box.socket) as session:
        for number in range(KEYS + 1):
            limit = {"requests_per_minute": LIMITED_PER_MINUTE} if number == KEYS else {}
            wish = KeyWish(name=f"soak-{number}", scopes=("chat", "specialists"), **limit)
            secrets.append((await session.create_key(wish)).secret)
    return secrets


async def _calm(box: SoakBox) -> bool:
    """Wait until an engine serves again and nothing is under way."""
    until = time.monotonic() + _CALM_S
    async with Session.local(box.socket) as session:
        while time.monotonic() < until:
            with suppress(ProblemError, BoxUnreachable):
                seen = await session.overview()
                if seen.traffic.in_flight == 0 and (await session.health()).status == "ok":
                    return True
            await asyncio.sleep(0.5)
    return False


async def _soak(box: SoakBox, options: argparse.Namespace) -> tuple[Load, Watch, float, bool]:
    *keys, limited = await _keys(box)
    load = Load(box, keys, limited, options.requests or _ENDLESS)
    watch = Watch(box)
    seconds = options.minutes * 60
    by_time = seconds / (options.kill_writer + 1)
    writer_every = options.kill_every * 2.5 if options.requests else by_time
    beside = [
        asyncio.create_task(watch.look()),
        asyncio.create_task(watch.kill("engine", options.kill_every)),
        asyncio.create_task(watch.kill("audit writer", writer_every, options.kill_writer)),
        asyncio.create_task(_tell(load, watch)),
    ]
    begun = time.monotonic()
    clients = [asyncio.create_task(load.client(number)) for number in range(options.clients)]
    await asyncio.wait(clients, timeout=None if options.requests else seconds)
    load.stop.set()
    await asyncio.gather(*clients)
    lasted = time.monotonic() - begun
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    return load, watch, lasted, await _calm(box)


async def _tell(load: Load, watch: Watch) -> None:
    while True:
        await asyncio.sleep(30)
        ends = Counter(one.outcome for one in load.ended)
        serve = watch.samples["serve"][-1].mb if watch.samples["serve"] else 0.0
        print(
            f"  {len(load.ended)} ended {dict(ends)}, killed {dict(watch.killed)},"
            f" serve has {serve:.1f} MB",
            flush=True,
        )


def _account(box: SoakBox, folder: Path, load: Load) -> list[str]:
    """Compare all three accounts; print their sums."""
    verified = box.command("audit", "verify")
    exported = box.command("audit", "export", "--out", str(folder / "audit"))
    usage = box.command("usage", "export", "--out", str(folder / "usage.csv"))
    failed = [done for done in (verified, exported, usage) if done.returncode]
    if failed:
        return [f"{done.args[1:3]} failed: {done.stdout}{done.stderr}" for done in failed]
    with (folder / "audit/entries.ndjson").open(encoding="utf-8") as lines:
        record = record_of(map(json.loads, lines))
    with (folder / "usage.csv").open(encoding="utf-8-sig", newline="") as rows:
        metered = metered_of(csv.DictReader(rows))
    ends = ends_of(record)
    told = [one for one in load.ended if one.outcome == "answered" and one.prompt is not None]
    print(f"\naudit verify: {verified.stdout.strip()}")
    print(
        f"on record: {ends.total()} accepted = {ends['answered']} answered + {ends['failed']} failed"
        f" + {ends['cancelled']} cancelled + {ends['open']} without an end"
        f" (a dead writer refused {record.refused} events)"
    )
    print(
        f"tokens told to clients: {sum(one.prompt or 0 for one in told)} read,"
        f" {sum(one.completion or 0 for one in told)} written in {len(told)} answers"
    )
    for name, sums in (("on record", record.used()), ("metered", metered)):
        requests, read, written = map(sum, zip((0, 0, 0), *sums.values(), strict=True))
        print(f"tokens {name}: {read} read, {written} written in {requests} answers and notes")
    return disagreements(load.ended, record, metered)


def _show_ends(load: Load, lasted: float) -> None:
    print(f"\n{len(load.ended)} requests in {lasted:.0f} s ({len(load.ended) / lasted:.1f}/s)")
    table = Counter((one.kind, one.outcome, one.status, one.code) for one in load.ended)
    for (kind, outcome, status, code), count in sorted(table.items()):
        print(f"  {count:>8}  {kind:<14} {outcome:<11} {status or '':<4} {code}")


def _show_growth(watch: Watch) -> list[Growth]:
    print("\nmemory and descriptors, medians of the first and the last third (after warming up)")
    grown = [growth_of(role, samples) for role, samples in sorted(watch.samples.items())]
    for one in (one for one in grown if one is not None):
        print(
            f"  {one.role:<16} {one.first_mb:>7.1f} -> {one.last_mb:>7.1f} MB"
            f"  {one.mb_per_hour:>+8.1f} MB/h   {one.first_files:.0f} -> {one.last_files:.0f} files"
        )
    away = longest_absence(watch.samples["engine"])
    print(f"killed: {dict(watch.killed)}; longest time without an engine {away:.0f} s")
    return [one for one in grown if one is not None]


def _left_over(box: SoakBox) -> list[str]:
    """What stands there after all is calm again and should not."""
    roles = Counter(role for role, _ in box.processes())
    odd = {role: count for role, count in roles.items() if count > 1 or role in {"zombie", "gone"}}
    found = [f"processes are left over: {odd}"] if odd else []
    missing = {"serve", "engine", "audit writer"} - set(roles)
    return [*found, *(f"there is no {role} in the end" for role in sorted(missing))]


def main() -> int:
    """Soak, show, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    how_long = parser.add_mutually_exclusive_group()
    how_long.add_argument("--minutes", type=float, default=60.0)
    how_long.add_argument("--requests", type=int)
    parser.add_argument("--kill-every", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--kill-writer", type=int, default=2, metavar="TIMES")
    parser.add_argument("--clients", type=int, default=12)
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="wardbox-soak-") as name, installed(Path(name)) as box:
        load, watch, lasted, calm = asyncio.run(_soak(box, options))
        _show_ends(load, lasted)
        grown = _show_growth(watch)
        wrong = [f"{what}: {count}" for what, count in load.odd.items()]
        wrong += _account(box, Path(name), load)
        wrong += [fault for one in grown for fault in one.faults]
        wrong += [] if calm else ["the box did not come to rest after the load"]
        wrong += _left_over(box)
        wrong += [f"a fault in the box's log: {line}" for line in box.faults()[:5]]
    print("\nall agrees" if not wrong else "\nDISAGREEMENTS")
    for sentence in wrong:
        print(f"  - {sentence}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
