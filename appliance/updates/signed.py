"""The metadata files that make a bundle: which ones they are, and their bytes."""

from collections.abc import Iterator
from typing import Any, Final

from appliance.updates.errors import MetadataRefused
from appliance.updates.fetcher import METADATA, Stick
from appliance.updates.shape import judge_metadata

TIMESTAMP: Final = "timestamp.json"
_MAX: Final = 5 << 20
_MAX_ROOTS: Final = 256


def metadata_of(stick: Stick) -> Iterator[tuple[str, bytes]]:
    """Read every metadata file that the timestamp leads to, and the roots; the timestamp comes last.

    Their form is judged, their signatures are not: whoever believes them looks at those.

    Yields:
        Name below `metadata/`, and content.

    Raises:
        MetadataRefused: One is missing or malformed.
        ContentRefused: One is no plain file.
        StickUnreadable: The stick fails.
    """
    for version in range(1, _MAX_ROOTS + 1):
        name = f"{version}.root.json"
        raw = stick.small(f"{METADATA}/{name}", _MAX)
        if raw is not None:
            judge_metadata("root", raw)
            yield name, raw
    timestamp, stamp = _read(stick, TIMESTAMP, "timestamp")
    snapshot = f"{stamp['meta']['snapshot.json']['version']}.snapshot.json"
    raw, listed = _read(stick, snapshot, "snapshot")
    yield snapshot, raw
    for below, row in sorted(listed["meta"].items()):
        name = f"{row['version']}.{below}"
        yield name, _read(stick, name, below.removesuffix(".json"))[0]
    yield TIMESTAMP, timestamp


def _read(stick: Stick, name: str, role: str) -> tuple[bytes, dict[str, Any]]:
    raw = stick.small(f"{METADATA}/{name}", _MAX)
    if raw is None:
        raise MetadataRefused(name=name, reason_zh="缺失", reason_en="it is missing")
    return raw, judge_metadata(role, raw)["signed"]
