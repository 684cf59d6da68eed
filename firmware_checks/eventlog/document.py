"""An event log as one JSON document and as lines for a terminal."""

from dataclasses import dataclass

from firmware_checks.eventlog.describe import describe, digest_fits
from firmware_checks.eventlog.events import Event, EventLog
from firmware_checks.eventlog.parser import parse
from firmware_checks.eventlog.replay import Replayed, replay


@dataclass(frozen=True, slots=True)
class ReplayedLog:
    """A log that parsed and replayed: the log and the registers it leads to."""

    log: EventLog
    replayed: Replayed


def read_log(data: bytes) -> ReplayedLog:
    """Parses and replays a log.

    Raises:
        EventLogTooLarge: Above the bounds of the parser.
        EventLogMalformed: Not a TCG event log.
    """
    log = parse(data)
    return ReplayedLog(log, replay(log))


def as_json(read: ReplayedLog) -> dict[str, object]:
    """The document: `banks` (bank -> PCR -> hex), `events`, format, locality, banks left out."""
    return {
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


def as_text(read: ReplayedLog) -> str:
    """Lines for a terminal: every event in words, then the registers of every bank."""
    lines = [
        f"{event.number:4d}  PCR {_register(event):>2}  {event.type_name}: {describe(event)}"
        for event in read.log.events
    ]
    for bank, values in read.replayed.banks.items():
        lines.append(f"\n{bank}")
        lines.extend(f"  PCR {pcr:2d}  {value}" for pcr, value in values.items())
    for bank, reason in read.replayed.not_replayed.items():
        lines.append(f"\n{bank}: 未重放 not replayed ({reason})")
    return "\n".join(lines)


def _register(event: Event) -> str:
    return str(event.pcr) if event.extends else "-"


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
