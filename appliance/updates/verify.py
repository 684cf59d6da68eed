"""Judges the metadata of a bundle through python-tuf, and closes the gaps that it leaves open."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Targets  # type: ignore[attr-defined]
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from appliance.updates.errors import (
    BundleEmpty,
    BundleExpired,
    BundleMissing,
    BundleRolledBack,
    DiskRefused,
    MetadataRefused,
    SignatureRefused,
    UpdateError,
)
from appliance.updates.fetcher import METADATA, SCHEME, Stick, StickFetcher, shown
from appliance.updates.packages import Item, Package, packages_of
from appliance.updates.shape import MODELS, SIGNED_AT
from appliance.updates.trust import MAX_ROOT, Anchor, Floor, check_clock, parse_time

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
        packages: The models in it, by id.
        accepted: What to trust from now on, once the bundle is applied.
    """

    bundle: str
    signed_at: datetime
    packages: tuple[Package, ...]
    accepted: Anchor

    @property
    def items(self) -> tuple[Item, ...]:
        """Every signed file."""
        return tuple(item for package in self.packages for item in package.items)


class _OfflineUpdater(Updater):
    """python-tuf's client with the time as a parameter, its cache in a folder thrown away later."""

    def __init__(self, folder: Path, fetcher: StickFetcher, root: bytes, now: datetime) -> None:
        super().__init__(str(folder), SCHEME, fetcher=fetcher, config=_LIMITS, bootstrap=root)
        self._trusted_set.reference_time = now

    def role(self, name: str) -> tuple[Root | Targets, Metadata[Any]]:
        """A verified role beside who vouches for it."""
        root = self._trusted_set.root
        raw = self._load_local_metadata(name)
        delegator: Root | Targets = root if name in root.roles else self._trusted_set.targets
        return delegator, Metadata.from_bytes(raw)

    def version(self, name: str) -> int:
        """The version of a verified role."""
        return self._trusted_set[name].version

    def models(self) -> Targets | None:
        """The role that names the models, or None when the vendor has none."""
        delegations = self._trusted_set.targets.delegations
        if delegations is None or MODELS not in (delegations.roles or {}):
            return None
        return self._load_targets(MODELS, Targets.type)


def verify_metadata(stick: Stick, anchor: Anchor, now: datetime) -> Verified:
    """Judge what a bundle says about itself; writes nothing that stays.

    Args:
        stick: The bundle.
        anchor: What is trusted.
        now: The time.

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
    with _refusals(), tempfile.TemporaryDirectory(prefix="wardbox-update-") as scratch:
        folder = Path(scratch)
        for name, raw in anchor.held.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(raw)
        updater = _OfflineUpdater(folder, StickFetcher(stick), anchor.root, now)
        updater.refresh()
        models = updater.models()
        if models is None or not models.targets:
            raise BundleEmpty
        _check_signatures(updater, folder)
        packages = packages_of(models, updater.get_targetinfo)
        held = _held(folder)
        _check_same(stick, held)
        signed_at = _signed_at(held["timestamp.json"])
        check_clock(now, signed_at)
        floor = _raise_floor(updater, anchor.floor, signed_at)
    root = held[f"root_history/{floor.versions['root']}.root.json"]
    bundle = sha256(timestamp).hexdigest()[:16]
    return Verified(bundle, signed_at, packages, Anchor(root, held, floor))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what python-tuf says into our own words."""
    try:
        yield
    except (RepositoryError, DownloadError, ValueError) as error:
        raise _refusal(error) from error
    except OSError as error:
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error


def _refusal(error: Exception) -> UpdateError:
    told = shown(str(error))
    if isinstance(error, ExpiredMetadataError):
        return BundleExpired(name=told)
    if isinstance(error, BadVersionNumberError):
        return BundleRolledBack(name=told)
    if isinstance(error, UnsignedMetadataError):
        return SignatureRefused(name=told)
    zh = "缺少文件" if isinstance(error, DownloadHTTPError) else "与签名内容不符"
    return MetadataRefused(name="metadata", reason_zh=f"{zh}({told})", reason_en=told)


def _check_signatures(updater: _OfflineUpdater, folder: Path) -> None:
    """Refuse signatures that do not hold even where enough others do: the file was changed."""
    for name in ("timestamp", "snapshot", "targets", MODELS):
        delegator, metadata = updater.role(name)
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


def _held(folder: Path) -> dict[str, bytes]:
    names = [f"{role}.json" for role in ("timestamp", "snapshot", "targets", MODELS)]
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


def _raise_floor(updater: _OfflineUpdater, floor: Floor, signed_at: datetime) -> Floor:
    """The floor with this bundle in it; our own record stands beside python-tuf's files."""
    roles = ("timestamp", "snapshot", "targets", MODELS, "root")
    versions = {role: updater.version(role) for role in roles}
    for role, least in floor.versions.items():
        if versions.get(role, 0) < least:
            raise BundleRolledBack(name=f"{role} {versions.get(role, 0)} < {least}")
    return Floor(max(floor.time, signed_at), versions)
