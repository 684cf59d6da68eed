"""What a bundle is judged against: the trusted root, what was accepted before, and the floor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from appliance.updates.errors import ClockBehind, TrustDamaged

FACTORY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No box of this version was ever alive before; a clock that says so is wrong."""
FACTORY_FILE: Final = Path(__file__).with_name("factory.json")
"""What a release knew of its vendor's bundles when it was made; without it, only the time above."""
FACTORY_FORMAT: Final = "wardbox-update-factory-v1"
SKEW_S: Final = 600
"""Seconds by which the clocks of two honest machines may differ."""
_MAX_FACTORY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Floor:
    """What is never gone below again.

    Attributes:
        time: A time that is certainly past: the newest one under a trusted signature.
        versions: Newest accepted version of each role.
    """

    time: datetime
    versions: Mapping[str, int]

    def raised(self, other: "Floor") -> "Floor":
        """The higher of two floors, in each role."""
        roles = {*self.versions, *other.versions}
        versions = {
            role: max(self.versions.get(role, 0), other.versions.get(role, 0)) for role in roles
        }
        return Floor(max(self.time, other.time), versions)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Everything a bundle is judged against.

    Attributes:
        root: The trusted root, as a file.
        held: Metadata accepted before, by path in python-tuf's layout.
        floor: The floor.
    """

    root: bytes
    held: Mapping[str, bytes]
    floor: Floor

    def not_before(self, moment: datetime) -> "Anchor":
        """Judge by a clock that must not be behind a time that is known to be past.

        Args:
            moment: For instance that of the newest checkpoint of the audit log.
        """
        return replace(self, floor=self.floor.raised(Floor(moment, {})))


@dataclass(frozen=True, slots=True)
class Factory:
    """What a release was shipped with, so that a new box takes no stick that was old by then.

    Attributes:
        floor: Versions of the vendor's metadata, and the time of the release.
        roots: SHA-256 in hex of the vendor's roots under which these versions were counted.
    """

    floor: Floor
    roots: frozenset[str]

    def floor_under(self, root: bytes) -> Floor:
        """The floor of a box that trusts a root: the versions count for this vendor alone."""
        if sha256(root).hexdigest() in self.roots:
            return self.floor
        return Floor(self.floor.time, {})

    def to_bytes(self) -> bytes:
        """The file that a release is shipped with."""
        document = {
            "format": FACTORY_FORMAT,
            "roots": sorted(self.roots),
            "time": tell_time(self.floor.time),
            "versions": dict(self.floor.versions),
        }
        return json.dumps(document, sort_keys=True, indent=1).encode() + b"\n"


def read_factory(path: Path = FACTORY_FILE) -> Factory:
    """Read what this release was shipped with.

    Raises:
        TrustDamaged: It is unreadable.
    """
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.read(_MAX_FACTORY))
        floor = parse_floor(document, FACTORY_FORMAT)
        roots = frozenset(str(one) for one in document["roots"])
    except FileNotFoundError:
        return Factory(Floor(FACTORY_TIME, {}), frozenset())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrustDamaged(
            path=path, reason_zh="内容无法识别", reason_en="it is unreadable"
        ) from error
    return Factory(floor.raised(Floor(FACTORY_TIME, {})), roots)


def new_anchor(root: bytes) -> Anchor:
    """What a box trusts that has a root and has never seen a bundle."""
    return Anchor(root, {}, read_factory().floor_under(root))


def check_clock(now: datetime, floor: datetime) -> None:
    """Refuse to judge expiry by a clock that is certainly wrong.

    Raises:
        ClockBehind: It shows a time before the floor.
    """
    floor = max(floor, FACTORY_TIME)
    if now.timestamp() + SKEW_S < floor.timestamp():
        raise ClockBehind(now=tell_time(now), floor=tell_time(floor))


def parse_floor(document: Mapping[str, Any], form: str) -> Floor:
    """A floor as it stands in a file. Raises ValueError, KeyError, TypeError or AttributeError."""
    if document["format"] != form:
        raise ValueError(document["format"])
    versions = {str(role): int(number) for role, number in document["versions"].items()}
    return Floor(parse_time(document["time"]), versions)


def parse_time(text: str) -> datetime:
    """A time of metadata as a value."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def tell_time(moment: datetime) -> str:
    """A time as metadata writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
