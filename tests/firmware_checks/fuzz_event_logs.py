"""A mutation fuzzer over all seed logs: `python -m tests.firmware_checks.fuzz_event_logs [COUNT] [--seed N]`.

Every execution takes a seed log, breaks it in one to six places, and has it parsed, replayed, told in words
and compared. Nothing but this package's own refusal may come out. IMA lists, quotes and EFI programs are
broken in the same way.
"""

import argparse
import os
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from firmware_checks.errors import FirmwareError
from firmware_checks.eventlog.algorithms import SHA256
from firmware_checks.eventlog.compare import changes
from firmware_checks.eventlog.document import as_json, as_text, read_log
from firmware_checks.eventlog.measured import measurements, strongest_bank
from firmware_checks.eventlog.programs import authenticode, identity, read_image
from firmware_checks.ima import listing
from firmware_checks.ima.policy import read_manifest, unknown_files
from firmware_checks.ima.replay import replay
from firmware_checks.quote import attested
from tests.firmware_checks import seeds

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).parents[2].parent / "shared"))
_NUMBERS = (
    0,
    1,
    2,
    3,
    16,
    24,
    0x7F,
    0xFF,
    0x100,
    0x4001,
    0xFFFF,
    0x7FFFFFFF,
    0x80000003,
    0xFFFFFFFF,
)
# One in so many executions takes a whole log; the others take a few of its events.
_WHOLE = 150
_SHARES = (("event log", 85), ("ima", 7), ("quote", 4), ("program", 4))


class Fuzzer:
    """Breaks seeds and counts what comes of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.slowest = 0.0
        self._seeds = {
            "event log": seeds.event_logs(DATA),
            "ima": seeds.ima_lists(DATA),
            "quote": seeds.quotes(DATA),
            "program": seeds.programs(),
        }
        self._targets = {
            "event log": self._event_log,
            "ima": _ima,
            "quote": _quote,
            "program": _program,
        }

    def run(self, count: int) -> None:
        """Execute `count` times."""
        names, weights = zip(*_SHARES, strict=True)
        for what in self.random.choices(names, weights, k=count):
            data = self._broken(self._seed(what), self._seeds[what])
            began = time.perf_counter()
            try:
                self._targets[what](data)
                self.outcomes[f"{what} read"] += 1
            except FirmwareError as error:
                self.outcomes[f"{what} refused"] += 1
                self.reasons[error.code] += 1
            self.slowest = max(self.slowest, time.perf_counter() - began)

    def _seed(self, what: str) -> bytes:
        data = self.random.choice(self._seeds[what])
        if what == "event log" and self.random.randrange(_WHOLE):
            return seeds.few_events(data, self.random)
        return data[:4096] if what == "ima" else data

    def _broken(self, data: bytes, others: list[bytes]) -> bytes:
        found = bytearray(data)
        for _ in range(self.random.randint(1, 6)):
            self.random.choice(_BREAKS)(found, self.random, others)
        return bytes(found)

    def _event_log(self, data: bytes) -> None:
        read = read_log(data, confidential=not self.random.randrange(12))
        as_json(read)
        text = as_text(read)
        assert all(line.isprintable() for line in text.split("\n"))
        bank = strongest_bank(read)
        now = measurements(read, bank)
        for change in changes(now[1:], now):
            assert change.zh.isprintable()


def _ima(data: bytes) -> None:
    entries = listing.parse(data)
    replay(entries)
    unknown_files(entries, read_manifest(b"00" * 32 + b"  /x\n"))


def _quote(data: bytes) -> None:
    attested.parse(data)


def _program(data: bytes) -> None:
    image = read_image(data)
    identity(image)
    authenticode(image, SHA256)


def _flip(data: bytearray, chance: random.Random, _: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _number(data: bytearray, chance: random.Random, _: list[bytes]) -> None:
    width = chance.choice((1, 2, 4, 8))
    if len(data) > width:
        at = chance.randrange(len(data) - width)
        value = chance.choice(_NUMBERS) & (1 << 8 * width) - 1
        data[at : at + width] = value.to_bytes(width, "little")


def _cut(data: bytearray, chance: random.Random, _: list[bytes]) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _drop(data: bytearray, chance: random.Random, _: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.randint(1, 64)]


def _insert(data: bytearray, chance: random.Random, _: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randint(1, 64))


def _repeat(data: bytearray, chance: random.Random, _: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = data[at : at + chance.randint(1, 200)]


def _splice(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    other = chance.choice(others)
    at, start = chance.randrange(len(data) + 1), chance.randrange(len(other) + 1)
    data[at:] = other[start : start + 1500]


_BREAKS = (_flip, _flip, _flip, _number, _number, _number, _cut, _drop, _insert, _repeat, _splice)


def main() -> int:
    """Run, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    words = parser.parse_args()
    fuzzer = Fuzzer(words.seed)
    began, done = time.perf_counter(), 0
    while done < words.count:
        step = min(50_000, words.count - done)
        fuzzer.run(step)
        done += step
        print(f"{done:>9} executions, {time.perf_counter() - began:6.0f} s", flush=True)
    print(dict(sorted(fuzzer.outcomes.items())))
    print(dict(fuzzer.reasons.most_common()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"slowest {fuzzer.slowest * 1000:.0f} ms, peak memory {peak:.0f} MB, 0 other errors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
