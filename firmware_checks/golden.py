"""The golden baseline of one hardware model: what its registers, events and versions should be."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from firmware_checks.errors import BaselineMalformed

SCHEMA: Final = "wardbox.firmware-baseline.v1"
MAX_BYTES: Final = 4 * 1024 * 1024
GOLDEN_REGISTERS: Final = (0, 2, 4, 7)
"""Firmware, its option ROMs, the boot programs, and the Secure Boot policy."""
KINDS: Final = ("bios", "bmc", "nic", "nvme", "gpu-vbios", "gpu-driver", "microcode")
_HEX: Final = re.compile(r"[0-9a-f]{32,128}")
_BANK: Final = re.compile(r"[A-Z0-9_]{3,20}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_WORDS: Final = 400
_MAX_EVENTS: Final = 4096


@dataclass(frozen=True, slots=True)
class GoldenEvent:
    """One measured event: its register, TCG type, digest (lower-case hex), and words about it."""

    pcr: int
    type_name: str
    digest: str
    words: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What is known of the versions of one kind of firmware.

    Attributes:
        floors: Model -> lowest version that is sound.
        blocked: Model -> versions known to be bad, whatever the floor.
    """

    floors: Mapping[str, str]
    blocked: Mapping[str, tuple[str, ...]]


_NOTHING: Final = Versions(MappingProxyType({}), MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Golden:
    """A baseline.

    Attributes:
        vendor: Maker of the machine, as its DMI tables spell it.
        product: Its product name.
        bank: PCR bank of registers and events, such as "SHA256".
        registers: PCR -> value in lower-case hexadecimal.
        events: The measured events behind them, in order of the log.
        by_events: PCRs that hold when their events do, in whatever order the firmware has them.
        versions: Kind -> floors and blocklist; kinds as in `KINDS`.
        revoked_since: Date of the revocation list that must be loaded, "YYYY-MM-DD", or empty.
        digest: SHA-256 of the canonical bytes.
    """

    vendor: str
    product: str
    bank: str
    registers: Mapping[int, str]
    events: tuple[GoldenEvent, ...]
    by_events: frozenset[int]
    versions: Mapping[str, Versions]
    revoked_since: str = ""
    digest: str = field(default="", compare=False)

    def of(self, kind: str) -> Versions:
        """Floors and blocklist of one kind of firmware; empty where the baseline has none."""
        return self.versions.get(kind, _NOTHING)


def canonical(golden: Golden) -> bytes:
    """The bytes of a baseline that are signed: JSON, keys sorted, no blanks, UTF-8, one newline."""
    document = {
        "schema": SCHEMA,
        "machine": {"vendor": golden.vendor, "product": golden.product},
        "bank": golden.bank,
        "registers": {str(pcr): value for pcr, value in golden.registers.items()},
        "events": [
            {"pcr": one.pcr, "type": one.type_name, "digest": one.digest, "words": one.words}
            for one in golden.events
        ],
        "by_events": sorted(golden.by_events),
        "versions": {
            kind: {"floors": dict(told.floors), "blocked": _lists(told.blocked)}
            for kind, told in golden.versions.items()
        },
        "revoked_since": golden.revoked_since,
    }
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def _lists(found: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: list(entries) for name, entries in found.items()}


def parse(data: bytes) -> Golden:
    """Reads a baseline; only canonical bytes are one, so that a digest names exactly one baseline.

    Raises:
        BaselineMalformed: Anything else, with the reason.
    """
    if len(data) > MAX_BYTES:
        raise BaselineMalformed(reason=f"it has more than {MAX_BYTES} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BaselineMalformed(reason="it is not JSON") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BaselineMalformed(reason=f"its schema is not {SCHEMA}")
    try:
        golden = _golden(document, hashlib.sha256(data).hexdigest())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"a field is missing or of a wrong form ({type(error).__name__})"
        raise BaselineMalformed(reason=reason) from error
    if canonical(golden) != data:
        raise BaselineMalformed(reason="its bytes are not in the canonical form")
    return golden


def _golden(document: Mapping[str, Any], digest: str) -> Golden:
    events = document["events"]
    if len(events) > _MAX_EVENTS:
        raise ValueError(len(events))
    since = document["revoked_since"]
    if since:
        _matched(_DATE, since)
    return Golden(
        vendor=_text(document["machine"]["vendor"]),
        product=_text(document["machine"]["product"]),
        bank=_matched(_BANK, document["bank"]),
        registers={
            _register(int(pcr)): _matched(_HEX, value)
            for pcr, value in document["registers"].items()
        },
        events=tuple(_event(entry) for entry in events),
        by_events=frozenset(_register(pcr) for pcr in document["by_events"]),
        versions={kind: _versions(kind, told) for kind, told in document["versions"].items()},
        revoked_since=since,
        digest=digest,
    )


def _event(entry: Mapping[str, Any]) -> GoldenEvent:
    return GoldenEvent(
        pcr=_register(entry["pcr"]),
        type_name=_text(entry["type"]),
        digest=_matched(_HEX, entry["digest"]),
        words=_text(entry["words"]),
    )


def _versions(kind: str, told: Mapping[str, Any]) -> Versions:
    if kind not in KINDS:
        raise ValueError(kind)
    floors = {_text(model): _text(version) for model, version in told["floors"].items()}
    blocked = {
        _text(model): tuple(_text(version) for version in versions)
        for model, versions in told["blocked"].items()
    }
    return Versions(floors, blocked)


def _register(found: Any) -> int:
    if type(found) is not int or not 0 <= found < 24:  # noqa: PLR2004 - a TPM has 24 of them
        raise ValueError(found)
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str) or len(found) > _WORDS or not found.isprintable():
        raise ValueError(found)
    return found


def _matched(pattern: re.Pattern[str], found: Any) -> str:
    if not isinstance(found, str) or not pattern.fullmatch(found):
        raise ValueError(found)
    return found
