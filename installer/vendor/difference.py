"""What changed from one bundle to another: packages, versions, and the keys that sign for them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.updates.fetcher import Stick
from appliance.updates.manifest import Package
from installer.vendor.inspection import RoleSeen, survey


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A role that is new, gone, or signed anew; versions are 0 where there is none."""

    name: str
    old_version: int
    new_version: int
    old_threshold: int
    new_threshold: int
    keys_added: tuple[str, ...]
    keys_removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package that is new, gone, or has another content; versions are empty where there is none."""

    kind: str
    id: str
    old_version: str
    new_version: str
    bytes: int
    shipped: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed; nothing of it is proven."""

    roles: tuple[RoleChange, ...]
    packages: tuple[PackageChange, ...]

    def to_json(self) -> str:
        """The report for programs."""
        return json.dumps(asdict(self), ensure_ascii=True, indent=2)


def compare(old: Path, new: Path) -> Difference:
    """Compare two bundles.

    Raises:
        UpdateError: One of them cannot be read as a bundle.
    """
    with Stick(old) as before, Stick(new) as after:
        first, second = survey(before), survey(after)
    roles = _roles({one.name: one for one in first.roles}, {one.name: one for one in second.roles})
    packages = _packages(_by_id(first.packages), _by_id(second.packages))
    return Difference(tuple(roles), tuple(packages))


def _roles(old: dict[str, RoleSeen], new: dict[str, RoleSeen]) -> Iterator[RoleChange]:
    nobody = RoleSeen("", 0, "", 0, 0, ())
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, nobody), new.get(name, nobody)
        if before == after:
            continue
        yield RoleChange(
            name,
            before.version,
            after.version,
            before.threshold,
            after.threshold,
            tuple(key for key in after.keys if key not in before.keys),
            tuple(key for key in before.keys if key not in after.keys),
        )


def _by_id(packages: tuple[Package, ...]) -> dict[tuple[str, str], Package]:
    return {(one.kind, one.package_id): one for one in packages}


def _packages(
    old: dict[tuple[str, str], Package], new: dict[tuple[str, str], Package]
) -> Iterator[PackageChange]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before is not None and after is not None and before.content == after.content:
            continue
        yield PackageChange(
            *name,
            "" if before is None else before.version,
            "" if after is None else after.version,
            0 if after is None else after.size,
            0 if after is None else after.shipped,
        )
