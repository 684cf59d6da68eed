"""What applying a bundle would do to this box, told before anything is done."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from appliance.errors import ApplianceError
from appliance.updates.errors import DiskFull, WrongBox, WrongHardware, WrongRelease
from appliance.updates.manifest import SOFTWARE, Package
from appliance.updates.pace import Pace
from models.card import Bilingual
from models.errors import ModelsError

RESERVE: Final = 64 << 20
"""Bytes that must stay free beside a bundle, for the database and the log."""
_PART: Final = re.compile(r"\d+|[^\d.+_-]+")

What = Literal["new", "newer", "older", "same"]
Refusal = ApplianceError | ModelsError


@dataclass(frozen=True, slots=True)
class Site:
    """What of this box decides whether a package may come in.

    Attributes:
        box: Its id.
        release: The release of the software that runs.
        hardware: The hardware classes that it belongs to.
    """

    box: str
    release: str
    hardware: frozenset[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """A version of a package that this box has.

    Attributes:
        version: Its version.
        content: Digest of its content, "" where that is not known.
    """

    version: str
    content: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one package.

    Attributes:
        package: The package on the stick.
        before: The version that is here; None for a new one.
        what: How the one follows the other.
        live: Whether it happens with no restart.
    """

    package: Package
    before: str | None
    what: What
    live: bool

    @property
    def downtime_s(self) -> int:
        """Seconds that the box is expected to be away."""
        database = self.package.database
        return 0 if self.live or database is None else database.downtime_s

    @property
    def title(self) -> Bilingual:
        """For people."""
        return self.package.title


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a bundle would do.

    Attributes:
        bundle: Its id.
        signed_at: When its vendor signed.
        changes: Package by package.
        copies: Bytes that come over from the stick.
        left: Of these, what did not come over in an earlier try.
        needs: Bytes of the disk that it takes, our reserve included.
        free: Bytes that are free.
        hindrances: Why it cannot be applied.
        overridden: It has expired, and two people let it pass.
        pace: How fast it is expected to go, and how that is known.
        log_steps: Ids of the steps by which a release widens the audit log.
    """

    bundle: str
    signed_at: datetime
    changes: tuple[Change, ...]
    copies: int
    left: int
    needs: int
    free: int
    hindrances: tuple[Refusal, ...]
    overridden: bool
    pace: Pace
    log_steps: tuple[str, ...] = ()

    @property
    def work(self) -> tuple[Change, ...]:
        """The changes that change something."""
        return tuple(one for one in self.changes if one.what != "same")

    @property
    def downtime_s(self) -> int:
        """Seconds that the box is expected to be away."""
        return sum(one.downtime_s for one in self.work)

    @property
    def seconds(self) -> int:
        """Seconds that all of it is expected to take: copied once, hashed once more, put in place."""
        made = self.copies - self.left + sum(one.package.size for one in self.work)
        return self.pace.seconds(self.left, made) + self.downtime_s

    @property
    def made(self) -> int:
        """Bytes of what goes live without the installer."""
        return sum(one.package.size for one in self.work if one.live)

    @property
    def schema_after(self) -> int | None:
        """The number of the database's schema after it, where a release says so."""
        numbers = [one.package.database.schema for one in self.work if one.package.database]
        return max(numbers, default=None)


def changes_of(
    packages: Sequence[Package], here: Mapping[tuple[str, str], Standing]
) -> tuple[Change, ...]:
    """Compare what a bundle holds with what is here.

    Args:
        packages: Of the bundle.
        here: What this box has, by kind and id.
    """
    return tuple(
        _change(package, here.get((package.kind, package.package_id))) for package in packages
    )


def _change(package: Package, here: Standing | None) -> Change:
    live = package.kind != SOFTWARE
    if here is None:
        return Change(package, None, "new", live)
    same = here.version == package.version and here.content in {package.content, ""}
    if same:
        return Change(package, here.version, "same", live)
    older = version_key(package.version) < version_key(here.version)
    return Change(package, here.version, "older" if older else "newer", live)


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """What versions are put in order by: numbers as numbers, words before them ("2.0rc" < "2.0")."""
    parts = [
        (1, int(part), "") if part.isdigit() else (-1, 0, part) for part in _PART.findall(version)
    ]
    # An end of its own, so that "1.2" lies between "1.2rc" and "1.2.1".
    return (*parts, (0, 0, ""))


def hindrances_of(changes: Sequence[Change], site: Site) -> Iterator[Refusal]:
    """Why packages may not come to this box, whatever is on its disk."""
    for change in changes:
        package, requires = change.package, change.package.requires
        name = f"{package.kind}/{package.package_id}"
        if requires.box is not None and requires.box != site.box:
            yield WrongBox(name=name, wanted=requires.box, box=site.box)
        if requires.hardware and not set(requires.hardware) & site.hardware:
            yield WrongHardware(
                name=name,
                wanted=", ".join(requires.hardware),
                found=", ".join(sorted(site.hardware)),
            )
        if change.what != "same" and requires.wardbox and site.release not in requires.wardbox:
            yield WrongRelease(name=name, wanted=", ".join(requires.wardbox), release=site.release)


def room_of(changes: Sequence[Change], staged: int) -> tuple[int, int]:
    """What it takes: bytes that come over, and bytes of the disk beside those that came already.

    A package lies in staging as it came and once more as it is used; nothing is copied twice.
    """
    work = [one.package for one in changes if one.what != "same"]
    copies = sum(package.shipped for package in work)
    return copies, max(0, copies - staged) + sum(package.size for package in work) + RESERVE


def full(needs: int, free: int) -> Iterator[Refusal]:
    """The refusal of a bundle that has no room here."""
    if free < needs:
        yield DiskFull(needed=needs, free=free)
