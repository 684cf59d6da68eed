"""What is on a bundle: as it says of itself, or as a box that trusts a root would judge it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import TargetFile, Targets  # type: ignore[attr-defined]

from appliance.errors import ApplianceError
from appliance.updates.anchor import new_anchor
from appliance.updates.chunks import blobs_of, check_blob, read_blob
from appliance.updates.errors import BundleMissing, MetadataRefused
from appliance.updates.fetcher import METADATA, Stick
from appliance.updates.listing import packages_in
from appliance.updates.manifest import KINDS, Package
from appliance.updates.shape import SIGNED_AT, judge_metadata
from appliance.updates.trust import MAX_ROOT, ROLES, describe, sound_root
from appliance.updates.verify import verify_metadata
from installer.vendor.files import read_bounded

_MAX: Final = 5 << 20
_MAX_ROOTS: Final = 1024


@dataclass(frozen=True, slots=True)
class RoleSeen:
    """One metadata role of a bundle, and who signs for it."""

    name: str
    version: int
    expires: str
    signatures: int
    threshold: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageSeen:
    """One package of a bundle; `fault` says what a box would refuse, or is empty."""

    kind: str
    id: str
    version: str
    title_zh: str
    title_en: str
    files: tuple[str, ...]
    bytes: int
    shipped: int
    box: str
    fault: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a bundle says of itself, unproven.

    Attributes:
        signed_at: When its vendor says it was signed.
        roles: Its metadata, the newest root first.
        packages: What it names.
    """

    signed_at: str
    roles: tuple[RoleSeen, ...]
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is on a bundle.

    Attributes:
        trusted: Whether it was judged against a root and holds.
        fingerprint: SHA-256 of that root, or empty.
        signed_at: When its vendor says it was signed.
        roles: Its metadata.
        packages: Its packages.
    """

    trusted: bool
    fingerprint: str
    signed_at: str
    roles: tuple[RoleSeen, ...]
    packages: tuple[PackageSeen, ...]

    def to_json(self) -> str:
        """The report for programs."""
        return json.dumps(asdict(self), ensure_ascii=True, indent=2)


def survey(stick: Stick) -> Survey:
    """Read what a bundle says of itself; its files are not opened.

    Raises:
        UpdateError: It cannot be read as a bundle at all.
    """
    timestamp = _signed(stick, "timestamp", None)
    snapshot = _signed(stick, "snapshot", _version(timestamp, "snapshot"))
    listed = [kind for kind in KINDS if f"{kind}.json" in snapshot["signed"]["meta"]]
    found = {"root": _newest_root(stick), "timestamp": timestamp, "snapshot": snapshot}
    for role in ("targets", *listed):
        found[role] = _signed(stick, role, _version(snapshot, role))
    offices = dict(found["root"]["signed"]["roles"])
    delegations = found["targets"]["signed"].get("delegations", {"roles": []})
    offices |= {role["name"]: role for role in delegations["roles"]}
    roles = {kind: Targets.from_dict(dict(found[kind]["signed"])) for kind in listed}
    every: dict[str, TargetFile] = {}
    for signed in roles.values():
        every |= signed.targets
    packages = packages_in(stick, roles, every.get)
    seen = tuple(_role(name, found[name], offices) for name in ("root", *ROLES) if name in found)
    return Survey(timestamp["signed"][SIGNED_AT], seen, packages)


def look(bundle: Path) -> Inspected:
    """Read a bundle without trusting anybody: nothing it says is proven.

    Raises:
        UpdateError: It cannot be read as a bundle at all.
    """
    with Stick(bundle) as stick:
        found = survey(stick)
        seen = tuple(_package(stick, one) for one in found.packages)
    return Inspected(False, "", found.signed_at, found.roles, seen)


def judge(bundle: Path, root: Path, now: datetime) -> Inspected:
    """Judge a bundle as a fresh box would that trusts a root.

    Raises:
        UpdateError: The bundle or the root is refused.
    """
    raw = read_bounded(root, MAX_ROOT)
    pinned = describe(sound_root(raw))
    with Stick(bundle) as stick:
        found = verify_metadata(stick, new_anchor(raw), now)
        for package in found.packages:
            _check_blobs(stick, package)
        told = survey(stick)
    seen = tuple(_told(package, "") for package in found.packages)
    return Inspected(True, pinned.fingerprint, told.signed_at, told.roles, seen)


def _newest_root(stick: Stick) -> dict[str, Any]:
    newest = None
    for version in range(1, _MAX_ROOTS):
        raw = stick.small(f"{METADATA}/{version}.root.json", MAX_ROOT)
        if raw is not None:
            newest = raw
        elif newest is not None:
            break
    if newest is None:
        raise MetadataRefused(name="root.json", reason_zh="缺失", reason_en="it is missing")
    return judge_metadata("root", newest)


def _signed(stick: Stick, role: str, version: int | None) -> dict[str, Any]:
    name = f"{role}.json" if version is None else f"{version}.{role}.json"
    raw = stick.small(f"{METADATA}/{name}", _MAX)
    if raw is None and version is None:
        raise BundleMissing(
            directory=stick.name,
            reason_zh=f"没有 metadata/{name}",
            reason_en=f"metadata/{name} is not there",
        )
    if raw is None:
        raise MetadataRefused(name=name, reason_zh="缺失", reason_en="it is missing")
    return judge_metadata(role, raw)


def _version(metadata: dict[str, Any], role: str) -> int:
    row = metadata["signed"]["meta"].get(f"{role}.json")
    if row is None:
        raise MetadataRefused(name=f"{role}.json", reason_zh="未列出", reason_en="it is not listed")
    return int(row["version"])


def _role(name: str, metadata: dict[str, Any], offices: dict[str, Any]) -> RoleSeen:
    signed, office = metadata["signed"], offices.get(name, {"threshold": 0, "keyids": []})
    return RoleSeen(
        name,
        signed["version"],
        signed["expires"],
        len(metadata["signatures"]),
        office["threshold"],
        tuple(office["keyids"]),
    )


def _package(stick: Stick, package: Package) -> PackageSeen:
    fault = ""
    try:
        _check_blobs(stick, package)
    except ApplianceError as error:
        fault = error.sentence
    return _told(package, fault)


def _check_blobs(stick: Stick, package: Package) -> None:
    """Hash everything that the stick holds of a package."""
    for blob in blobs_of((package,)):
        room = bytearray(blob.size)
        read_blob(stick, blob, memoryview(room))
        check_blob(blob, room)


def _told(package: Package, fault: str) -> PackageSeen:
    return PackageSeen(
        package.kind,
        package.package_id,
        package.version,
        package.title.zh,
        package.title.en,
        tuple(file.name for file in package.files),
        package.size,
        package.shipped,
        package.requires.box or "",
        fault,
    )
