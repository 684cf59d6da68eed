"""The vendor's TUF repository: its first root, and the chain of signed metadata of each bundle."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from installer.vendor.errors import VendorBundleInvalid
from installer.vendor.keys import ROOT_ROLES

ROOT_YEARS: Final = 10
ROOT_THRESHOLD: Final = 2
SIGNED_DAYS: Final = 400
"""How long targets, snapshot and timestamp hold: an air gap leaves months between two sticks."""
_MODELS: Final = "models"
_DAYS_IN_YEAR: Final = 365
_Role = TypeVar("_Role", Targets, Snapshot, Timestamp)
_COMPACT: Final = JSONSerializer(compact=True)


def make_root(signers: dict[str, CryptoSigner], now: datetime) -> bytes:
    """Return the first root: two of three root keys, one key for every other role."""
    root = Root(expires=_later(now, ROOT_YEARS * _DAYS_IN_YEAR), consistent_snapshot=True)
    for name in ROOT_ROLES:
        root.add_key(signers[name].public_key, Root.type)
    root.roles[Root.type].threshold = ROOT_THRESHOLD
    for role in (Targets.type, Snapshot.type, Timestamp.type):
        root.add_key(signers[role].public_key, role)
    metadata = Metadata(root)
    # Exactly the threshold signs, so that no spare signature can be spoiled unnoticed.
    for name in ROOT_ROLES[:ROOT_THRESHOLD]:
        metadata.sign(signers[name], append=True)
    return metadata.to_bytes(_COMPACT)


class Repository:
    """The vendor's running version number and the metadata of one bundle.

    Args:
        folder: The vendor's folder; `version.json` counts the bundles ever signed.
    """

    def __init__(self, folder: Path) -> None:
        self._counter = folder / "version.json"

    def next_version(self) -> int:
        """Return the number of the bundle to be signed now, and remember it as used."""
        number = 1
        if self._counter.exists():
            number = int(json.loads(self._counter.read_bytes())["version"]) + 1
        fresh = self._counter.with_suffix(".new")
        fresh.write_text(json.dumps({"version": number}) + "\n", encoding="ascii")
        fresh.replace(self._counter)
        return number

    @staticmethod
    def metadata(
        files: dict[str, Path],
        signers: dict[str, CryptoSigner],
        *,
        version: int,
        now: datetime,
        days: int = SIGNED_DAYS,
    ) -> dict[str, bytes]:
        """Sign the metadata of a bundle.

        Args:
            files: Target path -> file.
            signers: One signer each for targets, models, snapshot and timestamp.
            version: Version of all four.
            now: The time of signing.
            days: How long they hold.

        Returns:
            File name in `metadata/` -> bytes.
        """
        expires = _later(now, days)
        listed = {name: TargetFile.from_file(name, str(path)) for name, path in files.items()}
        models = _signed(Targets(version, expires=expires, targets=listed), signers[_MODELS])
        role = DelegatedRole(
            _MODELS,
            [signers[_MODELS].public_key.keyid],
            1,
            terminating=True,
            paths=["models/*", "models/*/*"],
        )
        key = signers[_MODELS].public_key
        delegations = Delegations({key.keyid: key}, {_MODELS: role})
        top = Targets(version, expires=expires, targets={}, delegations=delegations)
        targets = _signed(top, signers["targets"])
        meta = {
            "targets.json": MetaFile.from_data(version, targets, ["sha256"]),
            "models.json": MetaFile.from_data(version, models, ["sha256"]),
        }
        snapshot = _signed(Snapshot(version, expires=expires, meta=meta), signers["snapshot"])
        latest = MetaFile.from_data(version, snapshot, ["sha256"])
        stamp = Timestamp(version, expires=expires, snapshot_meta=latest)
        return {
            f"{version}.models.json": models,
            f"{version}.targets.json": targets,
            f"{version}.snapshot.json": snapshot,
            "timestamp.json": _signed(stamp, signers["timestamp"]),
        }


def check_days(days: int) -> int:
    """Return a validity in days, or refuse one that no hospital could live with."""
    if not 1 <= days <= ROOT_YEARS * _DAYS_IN_YEAR:
        raise VendorBundleInvalid(
            reason_zh="有效期须为 1 至 3650 天", reason_en="a bundle holds for 1 to 3650 days"
        )
    return days


def _signed(role: _Role, signer: CryptoSigner) -> bytes:
    metadata: Metadata[_Role] = Metadata(role)
    metadata.sign(signer)
    return metadata.to_bytes(_COMPACT)


def _later(now: datetime, days: int) -> datetime:
    return now.astimezone(UTC).replace(microsecond=0) + timedelta(days=days)
