"""What one boot measured, as it is kept and compared: register, type, digest and words of each event."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from firmware_checks.eventlog.describe import describe, is_program, program_file
from firmware_checks.eventlog.document import ReplayedLog
from firmware_checks.eventlog.events import Event
from firmware_checks.eventlog.programs import Program

TITLE_END: Final = " · "
"""Stands between the name of a program that was recognised and the rest of the words."""
STRENGTH: Final = (
    "SHA512", "SHA384", "SHA256", "SM3_256", "SHA3_512", "SHA3_384", "SHA3_256", "SHA1",
)  # fmt: skip
_NOTHING: Final[Mapping[str, Program]] = MappingProxyType({})
_MAX_WORDS: Final = 400


class Measured(Protocol):
    """A measurement of this boot, or one that a baseline has kept."""

    @property
    def pcr(self) -> int:
        """The register."""

    @property
    def type_name(self) -> str:
        """TCG name of the event's type."""

    @property
    def digest(self) -> str:
        """What was extended, lower-case hexadecimal."""

    @property
    def words(self) -> str:
        """What was measured, in words."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One event that extended a register; its words begin with name and version of a known program."""

    pcr: int
    type_name: str
    digest: str
    words: str


def measurements(
    read: ReplayedLog, bank: str, programs: Mapping[str, Program] = _NOTHING
) -> tuple[Measurement, ...]:
    """Every measurement of a log, in its order.

    Args:
        read: The log, replayed.
        bank: Whose digests are told; a measurement without one in this bank has an empty digest.
        programs: Authenticode digest in lower-case hexadecimal -> what that program is.
    """
    return tuple(_measurement(event, bank, programs) for event in read.log.events if event.extends)


def strongest_bank(read: ReplayedLog) -> str:
    """The strongest bank that the log has whole, empty when it has none."""
    return next((bank for bank in STRENGTH if bank in read.replayed.banks), "")


def title_of(measured: Measured) -> str:
    """Name and version of a recognised program ("shim 15.8"), empty for everything else."""
    title, end, _ = measured.words.partition(TITLE_END)
    return title if end and measured.type_name.startswith("EV_EFI_") else ""


def _measurement(event: Event, bank: str, programs: Mapping[str, Program]) -> Measurement:
    digest = next((one.value.hex() for one in event.digests if one.algorithm.bank == bank), "")
    words = describe(event)
    if is_program(event):
        known = programs.get(digest)
        if known is not None and known.name:
            words = f"{known.title}{TITLE_END}{words}"
        elif file := program_file(event):
            words = f"{file}{TITLE_END}{words}"
    return Measurement(event.pcr, event.type_name, digest, words[:_MAX_WORDS])
