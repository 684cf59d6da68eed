"""A strict parser of TCG event logs, SHA-1 and crypto-agile, with bounded time and memory."""

from typing import Final

from firmware_checks.errors import EventLogMalformed, EventLogTooLarge
from firmware_checks.eventlog.algorithms import SHA1, Algorithm, known, unknown
from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.events import NO_ACTION, Digest, Event, EventLog

MAX_BYTES: Final = 16 * 1024 * 1024
# Real logs hold some hundred events, servers with many devices about a thousand.
MAX_EVENTS: Final = 4096
MAX_BANKS: Final = 16
MAX_DIGEST: Final = 64
PCRS: Final = 24
NO_PCR: Final = 0xFFFFFFFF
_SPEC_ID_AGILE: Final = b"Spec ID Event03\0"
_SPEC_IDS_SHA1: Final = (b"Spec ID Event00\0", b"Spec ID Event02\0")


def parse(data: bytes) -> EventLog:
    """Reads a log as in TCG PC Client Platform Firmware Profile 1.06, sections 10.2 and 10.4.5.

    Args:
        data: The whole log, at most 16 MiB.

    Returns:
        The log with every event; nothing of it is trusted beyond its form.

    Raises:
        EventLogTooLarge: More than 16 MiB or more than 4,096 events.
        EventLogMalformed: Anything that breaks the format, with its place.
    """
    if len(data) > MAX_BYTES:
        raise EventLogTooLarge(size=len(data), unit="bytes", limit=MAX_BYTES)
    cursor = Cursor(data)
    if cursor.left == 0:
        raise cursor.refuse("the file is empty")
    if cursor.rest_is_padding():
        raise cursor.refuse("the file holds nothing but filler bytes")
    first = _sha1_event(cursor, 0)
    algorithms = _spec_id(first, cursor)
    events = [first]
    read = _sha1_event if algorithms is None else AgileReader(algorithms).event
    while cursor.left and not cursor.rest_is_padding():
        if len(events) >= MAX_EVENTS:
            raise EventLogTooLarge(size=f"> {MAX_EVENTS}", unit="events", limit=MAX_EVENTS)
        events.append(read(cursor, len(events)))
    return EventLog(
        crypto_agile=algorithms is not None,
        algorithms=(SHA1,) if algorithms is None else algorithms,
        events=tuple(events),
        padding=cursor.left,
    )


def _pcr_and_kind(cursor: Cursor) -> tuple[int, int]:
    pcr = cursor.number(4, "the PCR index")
    kind = cursor.number(4, "the event type")
    if pcr >= PCRS and not (pcr == NO_PCR and kind == NO_ACTION):
        raise cursor.refuse(f"PCR index {pcr} does not exist")
    return pcr, kind


def _sha1_event(cursor: Cursor, number: int) -> Event:
    """TCG_PCClientPCREvent: index, type, 20 bytes of SHA-1, size, data."""
    pcr, kind = _pcr_and_kind(cursor)
    digest = cursor.take(SHA1.size, "the SHA-1 digest")
    size = cursor.number(4, "the event size")
    data = cursor.take(size, "the event data")
    return Event(number, pcr, kind, (Digest(SHA1, digest),), data)


class AgileReader:
    """Reads TCG_PCR_EVENT2 entries against the banks that the Spec ID entry declares."""

    def __init__(self, algorithms: tuple[Algorithm, ...]) -> None:
        self._algorithms = {algorithm.number: algorithm for algorithm in algorithms}

    def event(self, cursor: Cursor, number: int) -> Event:
        """The next entry: index, type, counted digests, size, data."""
        pcr, kind = _pcr_and_kind(cursor)
        digests = self._digests(cursor)
        size = cursor.number(4, "the event size")
        return Event(number, pcr, kind, digests, cursor.take(size, "the event data"))

    def _digests(self, cursor: Cursor) -> tuple[Digest, ...]:
        count = cursor.number(4, "the digest count")
        # Fewer is lawful: firmware declares what the TPM can and logs what is switched on.
        if count > len(self._algorithms):
            raise cursor.refuse(f"{count} digests where {len(self._algorithms)} banks are declared")
        digests: dict[int, Digest] = {}
        for _ in range(count):
            identifier = cursor.number(2, "the digest algorithm")
            algorithm = self._algorithms.get(identifier)
            if algorithm is None:
                raise cursor.refuse(f"algorithm 0x{identifier:04X} is not declared by the log")
            if identifier in digests:
                raise cursor.refuse(f"two digests of {algorithm.bank} in one event")
            value = cursor.take(algorithm.size, f"the {algorithm.bank} digest")
            digests[identifier] = Digest(algorithm, value)
        return tuple(digests.values())


def _spec_id(first: Event, cursor: Cursor) -> tuple[Algorithm, ...] | None:
    """The banks of a crypto-agile log, or None for a SHA-1 log."""
    if first.kind != NO_ACTION or not first.data.startswith(b"Spec ID Event"):
        return None
    if first.data[:16] in _SPEC_IDS_SHA1:
        return None
    if first.data[:16] != _SPEC_ID_AGILE:
        raise EventLogMalformed(offset=32, reason="the Spec ID is of no known version")
    if first.pcr != 0 or any(first.digests[0].value):
        raise EventLogMalformed(offset=0, reason="the Spec ID entry has a PCR or a digest")
    body = Cursor(first.data, 16)
    body.take(4 + 3 + 1, "the platform class and version")
    algorithms = _declared_algorithms(body)
    vendor = body.number(1, "the size of the vendor information")
    # Some writers leave the vendor information out of the event size: it then follows the event.
    behind = vendor and not body.left
    (cursor if behind else body).take(vendor, "the vendor information")
    if body.left:
        raise cursor.refuse(f"{body.left} bytes stand behind the Spec ID")
    return algorithms


def _declared_algorithms(body: Cursor) -> tuple[Algorithm, ...]:
    count = body.number(4, "the number of algorithms")
    if not 1 <= count <= MAX_BANKS:
        raise body.refuse(f"the Spec ID declares {count} algorithms")
    algorithms: dict[int, Algorithm] = {}
    for _ in range(count):
        algorithm = _declared(body)
        if algorithm.number in algorithms:
            raise body.refuse(f"the Spec ID declares {algorithm.bank} twice")
        algorithms[algorithm.number] = algorithm
    return tuple(algorithms.values())


def _declared(body: Cursor) -> Algorithm:
    number = body.number(2, "the algorithm number")
    size = body.number(2, "the digest size")
    algorithm = known(number)
    if algorithm is None:
        if not 1 <= size <= MAX_DIGEST:
            raise body.refuse(f"algorithm 0x{number:04X} has a digest size of {size}")
        return unknown(number, size)
    if size != algorithm.size:
        raise body.refuse(f"{algorithm.bank} has {algorithm.size} bytes, the log says {size}")
    return algorithm
