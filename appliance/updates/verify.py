"""Judges the metadata of a bundle through python-tuf, and closes the gaps that it leaves open."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import ExpiredMetadataError
from tuf.api.metadata import Metadata, Root, Targets  # type: ignore[attr-defined]
from tuf.ngclient.config import UpdaterConfig

from appliance.updates.anchor import Anchor, Floor, check_clock, parse_time
from appliance.updates.errors import (
    BundleEmpty,
    BundleMissing,
    BundleRolledBack,
    MetadataRefused,
    SignatureRefused,
)
from appliance.updates.expiry import Override
from appliance.updates.fetcher import METADATA, SCHEME, Stick, StickFetcher
from appliance.updates.listing import packages_in
from appliance.updates.manifest import KINDS, Package
from appliance.updates.shape import SIGNED_AT, judge_metadata
from appliance.updates.trust import MAX_ROOT, ROLES, still_binding
from appliance.updates.workflow import Workflow, refusals

_LIMITS: Final = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=8,
    root_max_length=MAX_ROOT,
    timestamp_max_length=16_384,
    snapshot_max_length=1 << 20,
    targets_max_length=4 << 20,
)


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle whose metadata holds; its content is still to be read.

    Attributes:
        bundle: Its id: 16 hexadecimal digits of the digest of its timestamp.
        signed_at: When the vendor signed.
        packages: What is in it, by kind and id.
        accepted: What to trust from now on, once the bundle is applied.
        override: The two people without whom it would have been refused as expired; they go on
            record. None for a bundle that holds by itself.
    """

    bundle: str
    signed_at: datetime
    packages: tuple[Package, ...]
    accepted: Anchor
    override: Override | None = None


class _OfflineWorkflow(Workflow):
    """The workflow on a stick, its cache in a folder thrown away later."""

    def role(self, name: str) -> tuple[Root | Targets, Metadata[Any]]:
        """A verified role beside who vouches for it."""
        root = self._trusted_set.root
        raw = self._load_local_metadata(name)
        delegator: Root | Targets = root if name in root.roles else self._trusted_set.targets
        return delegator, Metadata.from_bytes(raw)

    @property
    def root(self) -> Root:
        """The root in force."""
        return self._trusted_set.root

    def versions(self) -> dict[str, int]:
        """The version of every verified role."""
        return {
            role: self._trusted_set[role].version
            for role in (Root.type, *ROLES)
            if role in self._trusted_set
        }

    def kinds(self) -> dict[str, Targets]:
        """The verified role of each kind for which the vendor ever signed something."""
        delegations = self._trusted_set.targets.delegations
        delegated = {} if delegations is None else delegations.roles or {}
        listed = self._trusted_set.snapshot.meta
        return {
            kind: self._load_targets(kind, Targets.type)
            for kind in KINDS
            if kind in delegated and f"{kind}.json" in listed
        }


def verify_metadata(
    stick: Stick, anchor: Anchor, now: datetime, override: Override | None = None
) -> Verified:
    """Judge what a bundle says about itself; writes nothing that stays.

    Args:
        stick: The bundle.
        anchor: What is trusted.
        now: The time.
        override: Two people who take it even if it has expired, as long as nothing newer was
            ever accepted.

    Raises:
        UpdateError: Anything is wrong; the kind says what.
    """
    check_clock(now, anchor.floor.time)
    timestamp = stick.small(f"{METADATA}/timestamp.json", _LIMITS.timestamp_max_length)
    if timestamp is None:
        raise BundleMissing(
            directory=stick.name,
            reason_zh="没有 metadata/timestamp.json",
            reason_en="metadata/timestamp.json is not there",
        )
    with refusals():
        try:
            return _judge(stick, anchor, now, now)
        except ExpiredMetadataError:
            if override is None:
                raise
        # All of it must have held when it was signed; the floors see that it is the newest.
        judge_metadata("timestamp", timestamp)
        return replace(_judge(stick, anchor, _signed_at(timestamp), now), override=override)


def _judge(stick: Stick, anchor: Anchor, moment: datetime, now: datetime) -> Verified:
    """Judge expiry by a moment, the clock and the root by now."""
    with tempfile.TemporaryDirectory(prefix="wardbox-update-") as scratch:
        folder = Path(scratch)
        for name, raw in anchor.held.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(raw)
        fetcher = StickFetcher(stick)
        workflow = _OfflineWorkflow(folder, SCHEME, fetcher, moment, _LIMITS, anchor.root)
        workflow.refresh()
        if workflow.root.is_expired(now):
            raise ExpiredMetadataError("root.json is expired")
        roles = workflow.kinds()
        if not any(role.targets for role in roles.values()):
            raise BundleEmpty
        _check_signatures(workflow, folder, roles)
        packages = packages_in(stick, roles, workflow.get_targetinfo)
        held = _held(folder, roles)
        _check_same(stick, held)
        signed_at = _signed_at(held["timestamp.json"])
        check_clock(now, signed_at)
        floor = _raise_floor(workflow, anchor, signed_at)
    root = held[f"root_history/{floor.versions['root']}.root.json"]
    bundle = sha256(held["timestamp.json"]).hexdigest()[:16]
    return Verified(bundle, signed_at, packages, Anchor(root, held, floor))


def _check_signatures(
    workflow: _OfflineWorkflow, folder: Path, kinds: Mapping[str, Targets]
) -> None:
    """Refuse signatures that do not hold even where enough others do: the file was changed."""
    for name in ("timestamp", "snapshot", "targets", *kinds):
        delegator, metadata = workflow.role(name)
        result = delegator.get_verification_result(name, metadata.signed_bytes, metadata.signatures)
        if not result.verified or set(metadata.signatures) - set(result.signed):
            raise SignatureRefused(name=f"{name}.json")
    roots = {
        root.signed.version: root
        for root in map(Metadata[Root].from_file, _paths(folder / "root_history"))
    }
    for version, root in roots.items():
        older = roots.get(version - 1)
        if older is None:
            continue  # the pinned one: compared with the vendor when it was pinned
        chain = root.signed.get_root_verification_result(
            older.signed, root.signed_bytes, root.signatures
        )
        if not chain.verified or set(root.signatures) - set(chain.signed):
            raise SignatureRefused(name=f"{version}.root.json")


def _paths(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.iterdir())


def _held(folder: Path, kinds: Mapping[str, Targets]) -> dict[str, bytes]:
    names = [f"{role}.json" for role in ("timestamp", "snapshot", "targets", *kinds)]
    names += [f"root_history/{Path(path).name}" for path in _paths(folder / "root_history")]
    return {name: (folder / name).read_bytes() for name in names}


def _check_same(stick: Stick, held: dict[str, bytes]) -> None:
    """Hold the stick against what was accepted before under the same version.

    python-tuf does not read what it has already; two files under one version are still two, and
    one of them is not what the vendor signed.
    """
    for name, raw in held.items():
        role = name.removesuffix(".json")
        place = name
        if name.startswith("root_history/"):
            place = name.removeprefix("root_history/")
        elif role != "timestamp":
            place = f"{Metadata[Any].from_bytes(raw).signed.version}.{name}"
        there = stick.small(f"{METADATA}/{place}", len(raw))
        if there != raw and not (there is None and name.startswith("root_history/")):
            raise MetadataRefused(
                name=place,
                reason_zh="与已接受的同一版本内容不同",
                reason_en="it differs from what was accepted under the same version",
            )


def _signed_at(timestamp: bytes) -> datetime:
    return parse_time(json.loads(timestamp)["signed"][SIGNED_AT])


def _raise_floor(workflow: _OfflineWorkflow, anchor: Anchor, signed_at: datetime) -> Floor:
    """The floor with this bundle in it; our own record stands beside python-tuf's files."""
    trusted = Metadata[Root].from_bytes(anchor.root).signed
    binding = still_binding(anchor.floor.versions, trusted, workflow.root)
    versions = workflow.versions()
    for role, least in binding.items():
        if versions.get(role, 0) < least:
            raise BundleRolledBack(name=f"{role} {versions.get(role, 0)} < {least}")
    return Floor(max(anchor.floor.time, signed_at), versions)
