"""Builds bundles: the warehouse under signed metadata; the same input gives the same bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import CryptoSigner, Key  # type: ignore[attr-defined]
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from appliance.updates.fetcher import METADATA, TARGETS
from appliance.updates.packages import PATHS
from appliance.updates.shape import MODELS, SIGNED_AT, compact
from appliance.updates.trust import MAX_ROOT, sound_root
from installer.vendor.ceremony import MODELS_KEY, ROOT_FILE, SINGLE_ROLES, later
from installer.vendor.errors import (
    VendorFolderTaken,
    VendorFolderUnusable,
    VendorNothingToShip,
)
from installer.vendor.files import copy_new, read_bounded, write_new
from installer.vendor.keys import KeyFolder
from installer.vendor.warehouse import Warehouse

DAYS: Final = 400
"""How long a bundle holds: between two sticks lie months."""
_MAX: Final = 5 << 20
_Role = TypeVar("_Role", Targets, Snapshot, Timestamp)


@dataclass(frozen=True, slots=True)
class Built:
    """A finished bundle.

    Attributes:
        models: (id, version) of its models.
        version: Number of its timestamp.
        size: Bytes of its files.
    """

    models: tuple[tuple[str, str], ...]
    version: int
    size: int


class Builder:
    """Builds bundles out of a vendor's folder and keeps its chain of versions.

    Args:
        folder: The vendor's folder.
        keys: Opens its keys.
    """

    def __init__(self, folder: Path, keys: KeyFolder) -> None:
        self._folder = folder
        self._metadata = folder / METADATA
        self._keys = keys

    def build(self, out: Path, now: datetime, days: int = DAYS) -> Built:
        """Write a signed bundle.

        A role whose content did not change keeps its version and its bytes, so building again at
        the same time gives the same bundle.

        Args:
            out: An empty or absent folder: the stick, or what is copied to it.
            now: The time of signing.
            days: How long it holds.

        Raises:
            VendorError: Nothing to ship, `out` is not empty, or a key cannot be opened.
        """
        stock = Warehouse(self._folder).stock()
        if not stock:
            raise VendorNothingToShip
        if out.exists() and any(out.iterdir()):
            raise VendorFolderTaken(folder=out)
        root = sound_root(read_bounded(self._folder / ROOT_FILE, MAX_ROOT))
        signers = {role: self._keys.open(role) for role in (*SINGLE_ROLES, MODELS_KEY)}
        files = {name: path for one in stock for name, path in one.files.items()}
        listed = {name: TargetFile.from_file(name, str(path)) for name, path in files.items()}
        metadata = self._sign(listed, signers, now, days)
        for name, path in files.items():
            base, _, last = name.rpartition("/")
            digest = listed[name].hashes["sha256"]
            copy_new(path, out / TARGETS / base / f"{digest}.{last}")
        for version in range(1, root.signed.version + 1):
            name = f"{version}.root.json"
            write_new(out / METADATA / name, read_bounded(self._metadata / name, MAX_ROOT))
        # The timestamp comes last: until it is there, nothing is a bundle.
        for name, raw in metadata.items():
            write_new(out / METADATA / name, raw)
        return Built(
            tuple((one.card.id, one.card.version) for one in stock),
            _read_version(metadata["timestamp.json"]),
            sum(target.length for target in listed.values()),
        )

    def _sign(
        self,
        listed: dict[str, TargetFile],
        signers: Mapping[str, CryptoSigner],
        now: datetime,
        days: int,
    ) -> dict[str, bytes]:
        expires = later(now, days)
        models = self._renew(MODELS, Targets(expires=expires, targets=listed), signers[MODELS_KEY])
        role = DelegatedRole(
            MODELS, [signers[MODELS_KEY].public_key.keyid], 1, terminating=True, paths=[*PATHS]
        )
        public: Key = signers[MODELS_KEY].public_key
        delegations = Delegations({public.keyid: public}, {MODELS: role})
        top = Targets(expires=expires, targets={}, delegations=delegations)
        targets = self._renew("targets", top, signers["targets"])
        meta = {"targets.json": _about(targets), "models.json": _about(models)}
        snapshot = self._renew(
            "snapshot", Snapshot(expires=expires, meta=meta), signers["snapshot"]
        )
        stamp = Timestamp(
            expires=expires,
            snapshot_meta=_about(snapshot),
            unrecognized_fields={SIGNED_AT: later(now, 0).strftime("%Y-%m-%dT%H:%M:%SZ")},
        )
        timestamp = self._renew("timestamp", stamp, signers["timestamp"])
        return {
            f"{_read_version(models)}.models.json": models,
            f"{_read_version(targets)}.targets.json": targets,
            f"{_read_version(snapshot)}.snapshot.json": snapshot,
            "timestamp.json": timestamp,
        }

    def _renew(self, name: str, signed: _Role, signer: CryptoSigner) -> bytes:
        """The role as it was when nothing changed, else its next version, signed and kept."""
        path = self._metadata / f"{name}.json"
        if path.is_file():
            raw = read_bounded(path, _MAX)
            try:
                old: Metadata[_Role] = Metadata.from_bytes(raw)
            except (RepositoryError, ValueError) as error:
                raise VendorFolderUnusable(
                    path=path, reason_zh="内容损坏", reason_en="it is damaged"
                ) from error
            signed.version = old.signed.version
            if old.signed == signed and set(old.signatures) == {signer.public_key.keyid}:
                return raw
            signed.version += 1
        metadata: Metadata[_Role] = Metadata(signed)
        metadata.sign(signer)
        made = compact(metadata.to_dict())
        write_new(path, made)
        return made


def _about(raw: bytes) -> MetaFile:
    return MetaFile.from_data(_read_version(raw), raw, ["sha256"])


def _read_version(raw: bytes) -> int:
    return int(json.loads(raw)["signed"]["version"])
