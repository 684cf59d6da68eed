"""Replays an event log into the PCR values that a TPM must hold after that boot."""

from dataclasses import dataclass
from typing import Final

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.algorithms import Algorithm
from firmware_checks.eventlog.events import HCRTM_EVENT, NO_ACTION, Event, EventLog

STARTUP_LOCALITY: Final = b"StartupLocality\0"
_HCRTM_LOCALITY: Final = 4
_LOCALITIES: Final = (0, 3, 4)
_DYNAMIC_FIRST: Final = 17
_DYNAMIC_LAST: Final = 22
_RTMR_BANK: Final = "SHA384"
_LAST_RTMR: Final = 4


@dataclass(frozen=True, slots=True)
class Replayed:
    """The PCR values that the log leads to.

    Attributes:
        banks: Bank name -> PCR index -> value in lower-case hexadecimal; only PCRs with events.
        locality: The locality of TPM2_Startup (0, 3 or 4), the last byte PCR 0 starts from.
        not_replayed: Bank name -> why it has no values: "no digests" (declared and switched off),
            "gaps" (some events lack its digest) or "no hash" (this machine cannot compute it).
    """

    banks: dict[str, dict[int, str]]
    locality: int
    not_replayed: dict[str, str]


def startup_locality(log: EventLog) -> int:
    """The locality the TPM was started from; it is the last byte of PCR 0 before any event.

    Source: TCG PC Client Platform Firmware Profile 1.06, section 10.4.5.3, and TPM 2.0 Library
    Part 3, TPM2_Startup. A H-CRTM sets it to 4 whether or not the firmware writes the entry.

    Raises:
        EventLogMalformed: The entry has a wrong length or value, comes late, or contradicts itself.
    """
    found: int | None = None
    hcrtm = False
    extended = False
    for event in log.events:
        if event.kind == NO_ACTION and event.data.startswith(STARTUP_LOCALITY):
            value = _locality_of(event)
            if extended or (found is not None and found != value):
                raise _refusal(event, "StartupLocality comes late or twice")
            found = value
        elif event.pcr == 0 and event.extends:
            hcrtm = hcrtm or (not extended and event.kind == HCRTM_EVENT)
            extended = True
    if found is not None:
        return found
    return _HCRTM_LOCALITY if hcrtm else 0


def _locality_of(event: Event) -> int:
    if event.pcr != 0 or len(event.data) != len(STARTUP_LOCALITY) + 1:
        raise _refusal(event, "StartupLocality has a wrong length or PCR")
    value = event.data[-1]
    if value not in _LOCALITIES:
        raise _refusal(event, f"StartupLocality is {value}")
    return value


def _refusal(event: Event, reason: str) -> EventLogMalformed:
    return EventLogMalformed(offset=f"(event {event.number})", reason=reason)


def replay(log: EventLog) -> Replayed:
    """Extends every event into its PCR, in every bank: new = H(old || digest).

    Args:
        log: A parsed log.

    Returns:
        Values for every PCR that has at least one event.

    Raises:
        EventLogMalformed: The startup locality contradicts itself.
    """
    locality = startup_locality(log)
    banks: dict[str, dict[int, str]] = {}
    not_replayed: dict[str, str] = {}
    measured = [event for event in log.events if event.extends]
    for algorithm in log.algorithms:
        digests = [(event.pcr, _digest(event, algorithm)) for event in measured]
        present = [(pcr, digest) for pcr, digest in digests if digest is not None]
        if not algorithm.computable:
            not_replayed[algorithm.bank] = "no hash"
        elif measured and not present:
            not_replayed[algorithm.bank] = "no digests"
        elif len(present) < len(digests):
            # A register missing one extension would replay to a wrong value: give none at all.
            not_replayed[algorithm.bank] = "gaps"
        else:
            banks[algorithm.bank] = _bank(present, algorithm, locality)
    return Replayed(banks, locality, not_replayed)


def _digest(event: Event, algorithm: Algorithm) -> bytes | None:
    for digest in event.digests:
        if digest.algorithm.number == algorithm.number:
            return digest.value
    return None


def initial_value(pcr: int, size: int, locality: int) -> bytes:
    """What a PCR holds after TPM2_Startup: zeros, ones for 17-22, the locality in PCR 0."""
    if _DYNAMIC_FIRST <= pcr <= _DYNAMIC_LAST:
        return b"\xff" * size
    return bytes(size - 1) + bytes([locality if pcr == 0 else 0])


def _bank(
    digests: list[tuple[int, bytes]],
    algorithm: Algorithm,
    locality: int,
) -> dict[int, str]:
    values: dict[int, bytes] = {}
    for pcr, digest in digests:
        old = values.get(pcr)
        if old is None:
            old = initial_value(pcr, algorithm.size, locality)
        values[pcr] = algorithm.digest(old + digest)
    return {pcr: values[pcr].hex() for pcr in sorted(values)}


def replay_confidential(log: EventLog) -> Replayed:
    """Replays a confidential guest's log (ACPI table CCEL) into its measurement registers.

    Source: UEFI 2.10, section 38.4.1: on Intel TDX index 0 is MRTD, which nothing extends, and
    indices 1 to 4 are RTMR 0 to 3. All begin with zeros and are extended with SHA-384.

    Args:
        log: A parsed log.

    Returns:
        Values by the log's own index; `rtmrs` names them as TDX does.

    Raises:
        EventLogMalformed: The log has no SHA-384 digests, or an index that does not exist.
    """
    algorithm = next((one for one in log.algorithms if one.bank == _RTMR_BANK), None)
    if algorithm is None:
        raise EventLogMalformed(
            offset=0, reason="a log of a confidential guest has SHA-384 digests"
        )
    values: dict[int, bytes] = {}
    for event in log.events:
        if not event.extends:
            continue
        digest = _digest(event, algorithm)
        if digest is None or not 1 <= event.pcr <= _LAST_RTMR:
            raise _refusal(event, f"measurement register {event.pcr} or its digest does not exist")
        old = values.get(event.pcr, bytes(algorithm.size))
        values[event.pcr] = algorithm.digest(old + digest)
    bank = {index: values[index].hex() for index in sorted(values)}
    others = {one.bank: "no register" for one in log.algorithms if one is not algorithm}
    return Replayed({_RTMR_BANK: bank}, 0, others)


def rtmrs(replayed: Replayed) -> dict[int, str]:
    """RTMR number (0 to 3) -> value of a log that `replay_confidential` replayed; all four are there."""
    found = replayed.banks[_RTMR_BANK]
    return {index - 1: found.get(index, "00" * 48) for index in range(1, _LAST_RTMR + 1)}
