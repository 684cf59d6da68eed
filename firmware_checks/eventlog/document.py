"""An event log as one JSON document and as lines for a terminal."""

from dataclasses import dataclass

from firmware_checks.eventlog.describe import describe, digest_fits
from firmware_checks.eventlog.events import Event, EventLog
from firmware_checks.eventlog.parser import parse
from firmware_checks.eventlog.replay import Replayed, replay, replay_confidential, rtmrs


@dataclass(frozen=True, slots=True)
class ReplayedLog:
    """A log that parsed and replayed: the log and the registers it leads to.

    Attributes:
        log: Every event.
        replayed: The registers.
        confidential: Whether it is the log of a confidential guest (CCEL) and not of a TPM.
    """

    log: EventLog
    replayed: Replayed
    confidential: bool = False


def read_log(data: bytes, *, confidential: bool = False) -> ReplayedLog:
    """Parses and replays a log.

    Args:
        data: The whole log.
        confidential: Whether it is the log of a confidential guest (ACPI table CCEL).

    Raises:
        EventLogTooLarge: Above the bounds of the parser.
        EventLogMalformed: Not a TCG event log.
    """
    log = parse(data)
    replayed = replay_confidential(log) if confidential else replay(log)
    return ReplayedLog(log, replayed, confidential)


def as_json(read: ReplayedLog) -> dict[str, object]:
    """The document: `banks` (bank -> register -> hex), `events`, format, locality, banks left out.

    The log of a confidential guest has `rtmrs` beside them (RTMR number -> hex).
    """
    told: dict[str, object] = {
        "banks": {
            bank: {str(pcr): value for pcr, value in values.items()}
            for bank, values in read.replayed.banks.items()
        },
        "format": "crypto-agile" if read.log.crypto_agile else "sha1",
        "startup_locality": read.replayed.locality,
        "banks_not_replayed": dict(read.replayed.not_replayed),
        "padding_bytes": read.log.padding,
        "events": [_event(event) for event in read.log.events],
    }
    if read.confidential:
        told["rtmrs"] = {str(number): value for number, value in rtmrs(read.replayed).items()}
    return told


def as_text(read: ReplayedLog) -> str:
    """Lines for a terminal: every event in words, then the registers of every bank."""
    kind = "MR" if read.confidential else "PCR"
    lines = [
        f"{event.number:4d}  {kind} {_register(event):>2}  {_mark(event)} {event.type_name}: {describe(event)}"
        for event in read.log.events
    ]
    if read.confidential:
        lines.append("\nRTMR (SHA384)")
        lines.extend(f"  RTMR {number}  {value}" for number, value in rtmrs(read.replayed).items())
    else:
        for bank, values in read.replayed.banks.items():
            lines.append(f"\n{bank}")
            lines.extend(f"  PCR {pcr:2d}  {value}" for pcr, value in values.items())
    for bank, reason in read.replayed.not_replayed.items():
        lines.append(f"\n{bank}: 未重放 not replayed ({reason})")
    return "\n".join(lines)


def _register(event: Event) -> str:
    return str(event.pcr) if event.extends else "-"


def _mark(event: Event) -> str:
    """Whether the digest is that of the words: "=" where it is, "!" where it must be and is not."""
    fits = digest_fits(event)
    return " " if fits is None else "=" if fits else "!"


def _event(event: Event) -> dict[str, object]:
    return {
        "number": event.number,
        "pcr": event.pcr,
        "type": event.type_name,
        "type_number": event.kind,
        "extends": event.extends,
        "digests": {digest.algorithm.bank: digest.value.hex() for digest in event.digests},
        "size": len(event.data),
        "words": describe(event),
        "digest_fits_data": digest_fits(event),
    }
