"""Two boots compared event by event, and a log compared with the registers that a TPM holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from firmware_checks.eventlog.measured import Measured, title_of
from firmware_checks.eventlog.replay import Replayed, initial_value

FIRMWARE_PCRS: Final = tuple(range(8))
_WORDS: Final = 160
_DIGEST: Final = 12


@dataclass(frozen=True, slots=True)
class Change:
    """One measurement that is another one: `before` is None for a new one, `after` for one that went."""

    pcr: int
    before: Measured | None
    after: Measured | None

    @property
    def zh(self) -> str:
        """The change in Chinese: "PCR 4 变化:shim 15.7 -> 15.8"."""
        if self.before is None:
            return f"PCR {self.pcr} 新增:{_one(self.after)}"
        if self.after is None:
            return f"PCR {self.pcr} 不再有:{_one(self.before)}"
        return f"PCR {self.pcr} 变化:{_both(self.before, self.after)}"

    @property
    def en(self) -> str:
        """The change in English: "PCR 4 changed: shim 15.7 -> 15.8"."""
        if self.before is None:
            return f"PCR {self.pcr} has new: {_one(self.after)}"
        if self.after is None:
            return f"PCR {self.pcr} has no more: {_one(self.before)}"
        return f"PCR {self.pcr} changed: {_both(self.before, self.after)}"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A register that the log does not lead to: the TPM's value and the log's, lower-case hexadecimal."""

    bank: str
    pcr: int
    held: str
    led: str


def changes(
    before: Sequence[Measured], after: Sequence[Measured], pcrs: Iterable[int] | None = None
) -> tuple[Change, ...]:
    """What is measured otherwise in the second boot, by register and in the order of the log.

    Both must tell digests of the same bank.

    Args:
        before: The earlier boot, or a golden one.
        after: The later one.
        pcrs: Registers to compare; all that either has when left out.
    """
    old, new = _by_register(before), _by_register(after)
    wanted = sorted(old.keys() | new.keys()) if pcrs is None else list(pcrs)
    found: list[Change] = []
    for pcr in wanted:
        found += _register_changes(pcr, old.get(pcr, []), new.get(pcr, []))
    return tuple(found)


def mismatches(
    replayed: Replayed,
    banks: Mapping[str, Mapping[int, str]],
    pcrs: Iterable[int] = FIRMWARE_PCRS,
) -> tuple[Mismatch, ...]:
    """The registers of a TPM that differ from those the log leads to, in every bank that both have.

    A register without events must hold what it starts with; one that the TPM does not tell is left out.
    """
    wanted = tuple(pcrs)
    found = []
    for bank, values in replayed.banks.items():
        for pcr in wanted:
            held = banks.get(bank, {}).get(pcr)
            if held is None:
                continue
            led = values.get(pcr) or initial_value(pcr, len(held) // 2, replayed.locality).hex()
            if led != held:
                found.append(Mismatch(bank, pcr, held, led))
    return tuple(found)


def _by_register(measured: Sequence[Measured]) -> dict[int, list[Measured]]:
    found: dict[int, list[Measured]] = {}
    for one in measured:
        found.setdefault(one.pcr, []).append(one)
    return found


def _register_changes(pcr: int, old: list[Measured], new: list[Measured]) -> list[Change]:
    matcher = SequenceMatcher(None, [one.digest for one in old], [one.digest for one in new])
    found: list[Change] = []
    for what, from_old, to_old, from_new, to_new in matcher.get_opcodes():
        if what != "equal":
            found += _paired(pcr, old[from_old:to_old], new[from_new:to_new])
    return found


def _paired(pcr: int, old: list[Measured], new: list[Measured]) -> list[Change]:
    """A run of events that became another: those of one type belong together, in their order."""
    found = []
    for type_name in dict.fromkeys(one.type_name for one in (*old, *new)):
        before = [one for one in old if one.type_name == type_name]
        after = [one for one in new if one.type_name == type_name]
        found += [Change(pcr, one, other) for one, other in zip_longest(before, after)]
    return found


def _one(measured: Measured | None) -> str:
    if measured is None:
        return "-"
    words = title_of(measured) or measured.words
    return words if len(words) <= _WORDS else f"{words[:_WORDS]}…"


def _both(before: Measured, after: Measured) -> str:
    old, new = _one(before), _one(after)
    if old == new:
        # The words are the same: only the digests tell them apart.
        return f"{old} ({before.digest[:_DIGEST]}… -> {after.digest[:_DIGEST]}…)"
    name, _, version = old.rpartition(" ")
    if name and title_of(before) and title_of(after) and new.startswith(f"{name} "):
        return f"{name} {version} -> {new[len(name) + 1 :]}"
    return f"{old} -> {new}"
