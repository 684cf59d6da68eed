"""Replays IMA's list into PCR 10, checks every entry against itself, and ties the list to the boot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_checks.eventlog.algorithms import ALGORITHMS, SHA1, Algorithm
from firmware_checks.ima.templates import ImaEntry

IMA_PCR: Final = 10
_AGGREGATED: Final = (range(8), range(10))
_KERNEL_NAMES: Final = {"sm3": "SM3_256", "sm3-256": "SM3_256"}


@dataclass(frozen=True, slots=True)
class ImaReplay:
    """What a list leads to.

    Attributes:
        values: Bank -> value of PCR 10 in lower-case hexadecimal, for banks that the kernel extends
            with their own hash (Linux 5.8 and later).
        padded: The same for banks that an older kernel extended with SHA-1 and zeros behind it.
        wrong: Numbers of the entries whose data does not have the digest that the list names.
    """

    values: Mapping[str, str]
    padded: Mapping[str, str]
    wrong: tuple[int, ...]

    def leads_to(self, bank: str, held: str) -> bool:
        """Whether the list leads to this value of PCR 10, by either of the kernel's ways."""
        return held in {self.values.get(bank), self.padded.get(bank)}


def replay(entries: Sequence[ImaEntry], banks: Iterable[str] = ("SHA1", "SHA256")) -> ImaReplay:
    """Extends every entry of PCR 10, in every bank.

    A violation (zeros in the list) is extended as ones, so that the register never hides it.

    Args:
        entries: The list.
        banks: PCR banks to lead to; those that cannot be computed here are left out.
    """
    wanted = [one for one in ALGORITHMS if one.bank in set(banks) and one.computable]
    values = {one.bank: bytes(one.size) for one in wanted}
    padded = {one.bank: bytes(one.size) for one in wanted}
    wrong: list[int] = []
    for entry in entries:
        if not _sound(entry):
            wrong.append(entry.number)
        if entry.pcr != IMA_PCR:
            continue
        short = _padded(entry)
        for one in wanted:
            own = b"\xff" * one.size if entry.violation else one.digest(entry.data)
            values[one.bank] = one.digest(values[one.bank] + own)
            filler = b"\xff" if entry.violation else b"\0"
            padded[one.bank] = one.digest(
                padded[one.bank] + short.ljust(one.size, filler)[: one.size]
            )
    return ImaReplay(
        {bank: value.hex() for bank, value in values.items()},
        {bank: value.hex() for bank, value in padded.items() if bank != SHA1.bank},
        tuple(wrong),
    )


def _sound(entry: ImaEntry) -> bool:
    """Whether the data has the listed digest; the list tells SHA-1, or the hash of its own bank."""
    if entry.violation:
        return True
    return any(
        one.computable and one.size == len(entry.template_digest)
        and one.digest(entry.data) == entry.template_digest
        for one in ALGORITHMS
    )  # fmt: skip


def _padded(entry: ImaEntry) -> bytes:
    return b"\xff" * SHA1.size if entry.violation else SHA1.digest(entry.data)


def aggregate_fits(entry: ImaEntry, registers: Mapping[str, Mapping[int, str]]) -> bool | None:
    """Whether the list's first entry is the hash over the firmware's registers of this boot.

    Source: Linux, ima_calc_boot_aggregate: PCR 0 to 7, and from 5.8 on also 8 and 9 for all but SHA-1.

    Args:
        entry: The entry "boot_aggregate".
        registers: Bank -> PCR -> value, of the TPM or of a replayed event log.

    Returns:
        None where the registers of that bank, or the hash, are not at hand.
    """
    algorithm = _by_name(entry.algorithm)
    if algorithm is None or not algorithm.computable:
        return None
    found = []
    for bank, values in registers.items():
        size = next((one.size for one in ALGORITHMS if one.bank == bank), 0)
        for pcrs in _AGGREGATED:
            whole = b"".join(bytes.fromhex(values.get(pcr, "00" * size)) for pcr in pcrs)
            if bank in {algorithm.bank, SHA1.bank}:
                found.append(algorithm.digest(whole).hex() == entry.digest)
    return any(found) if found else None


def _by_name(name: str) -> Algorithm | None:
    """The algorithm as the kernel names it; SM3 has had three names."""
    wanted = _KERNEL_NAMES.get(name, name.upper().replace("-", "_"))
    return next((one for one in ALGORITHMS if one.bank == wanted), None)
