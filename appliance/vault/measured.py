"""What the firmware measured, in words: kept when a TPM slot is sealed, compared when it refuses."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from firmware_checks.errors import FirmwareError
from firmware_checks.eventlog.describe import describe
from firmware_checks.eventlog.document import read_log

LOG: Final = Path("/sys/kernel/security/tpm0/binary_bios_measurements")
_MOST: Final = 16 * 1024 * 1024
_KEPT: Final = 200
_SHOWN: Final = 6
_WORDS: Final = 160


def machine_log() -> bytes:
    """The event log of this machine, empty where there is none."""
    try:
        with LOG.open("rb") as stream:
            return stream.read(_MOST)
    except OSError:
        return b""


def measured(pcrs: Iterable[int], events: Callable[[], bytes] | None = None) -> tuple[str, ...]:
    """Lines about what went into these PCRs at this boot; empty where there is no log.

    A digest begins each line, so that a change is seen even where the words are the same.
    """
    wanted = set(pcrs)
    try:
        log = read_log((events or machine_log)()).log
    except FirmwareError:
        return ()
    return tuple(
        f"PCR {event.pcr} {event.digests[-1].value.hex()[:12] if event.digests else ''} "
        f"{event.type_name}: {describe(event)}"[:_WORDS]
        for event in log.events
        if event.extends and event.pcr in wanted
    )[:_KEPT]


def changed_since(
    then: tuple[str, ...], pcrs: Iterable[int], events: Callable[[], bytes] | None = None
) -> list[str]:
    """What is measured now and was not then, and the other way round, a few lines of each."""
    now = measured(pcrs, events)
    if not then or not now:
        return ["没有可比较的启动日志。 There is no event log to compare with."]
    before, after = ({_measurement(line): line for line in lines} for lines in (then, now))
    old, new = (Counter(map(_measurement, lines)) for lines in (then, now))
    gone, come = old - new, new - old
    if not gone and not come:
        return [
            "启动日志无差别:变化发生在启动之后。 The event log is the same: it changed after the boot."
        ]
    lines = [f"- {before[one]}" for one in list(gone)[:_SHOWN]]
    return lines + [f"+ {after[one]}" for one in list(come)[:_SHOWN]]


def _measurement(line: str) -> str:
    """Register, digest and type: a later version may tell the same measurement in other words."""
    return line.partition(": ")[0]
