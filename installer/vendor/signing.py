"""The vendor's chain of metadata: each role's newest version, signed by as many keys as it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from appliance.updates.anchor import Factory, Floor, tell_time
from appliance.updates.manifest import KINDS
from appliance.updates.shape import SIGNED_AT, compact
from appliance.updates.trust import MAX_ROOT, ROLES
from installer.vendor.errors import VendorFolderUnusable, VendorSignaturesMissing
from installer.vendor.files import discard, read_bounded, write_new
from installer.vendor.keys import KeyFolder
from installer.vendor.roster import DRAFT, METADATA, ROOT_FILE, read_delegations, read_root
from installer.vendor.times import later

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

_MAX: Final = 5 << 20
_NEARLY_ALL: Final = 0.9
_HALF: Final = 0.5
_Role = TypeVar("_Role", Targets, Snapshot, Timestamp)


@dataclass(frozen=True, slots=True)
class _Task:
    """One signing of all roles: by when, until when, and by whom."""

    now: datetime
    expires: datetime
    delegator: Root | Targets


class Chain:
    """The newest version of every role, kept in the vendor's folder.

    Args:
        folder: The vendor's folder.
        keys: The keys that are kept here; one is opened once, when a role needs it.
    """

    def __init__(self, folder: Path, keys: KeyFolder) -> None:
        self._folder = folder
        self._metadata = folder / METADATA
        self._keys = keys
        self._opened: dict[str, CryptoSigner] = {}
        self._missing: list[str] = []

    def sign(
        self, listed: Mapping[str, Mapping[str, TargetFile]], now: datetime, days: int
    ) -> dict[str, bytes]:
        """Sign a new state of things.

        A role keeps its version and its bytes while its content stays and nine tenths of its days
        are left, half of them where its keys are not here: who holds the keys of a kind elsewhere is
        asked only when that kind has changed.

        Args:
            listed: Kind -> path -> what is signed for. A kind that ever had content stays.
            now: The time of signing.
            days: How long it holds.

        Returns:
            Every file of `metadata/` of a bundle but the roots, by name, the timestamp last.

        Raises:
            VendorSignaturesMissing: Keys that are not here must sign first; drafts wait for them.
            VendorKeyUnusable: A key cannot be opened.
            VendorFolderUnusable: The folder is damaged.
        """
        self._missing.clear()
        root, delegations = read_root(self._folder).signed, read_delegations(self._folder)
        expires = later(now, days)
        top = Targets(expires=expires, targets={}, delegations=delegations)
        by_kind, by_root = _Task(now, expires, top), _Task(now, expires, root)
        made = {
            kind: self._renew(kind, Targets(expires=expires, targets=dict(files)), by_kind)
            for kind in KINDS
            if (files := listed.get(kind, {})) or (self._metadata / f"{kind}.json").is_file()
        }
        made[Targets.type] = self._renew(Targets.type, top, by_root)
        self._check_complete()
        meta = {f"{role}.json": _about(raw) for role, raw in made.items()}
        snapshot = Snapshot(expires=expires, meta=meta)
        made[Snapshot.type] = self._renew(Snapshot.type, snapshot, by_root)
        self._check_complete()
        stamp = Timestamp(
            expires=expires,
            snapshot_meta=_about(made[Snapshot.type]),
            unrecognized_fields={SIGNED_AT: tell_time(now)},
        )
        timestamp = self._renew(Timestamp.type, stamp, by_root)
        self._check_complete()
        files_made = {f"{version_of(raw)}.{role}.json": raw for role, raw in made.items()}
        return {**files_made, f"{Timestamp.type}.json": timestamp}

    def roots(self) -> dict[str, bytes]:
        """Every root so far, by its name in a bundle."""
        newest = read_root(self._folder).signed.version
        names = [f"{version}.{ROOT_FILE}" for version in range(1, newest + 1)]
        return {name: read_bounded(self._metadata / name, MAX_ROOT) for name in names}

    def factory(self, now: datetime) -> Factory:
        """What to ship with the next release of the software: no older bundle passes on a new box."""
        versions = {Root.type: read_root(self._folder).signed.version}
        for role in ROLES:
            kept = self._read(self._metadata / f"{role}.json")
            if kept is not None:
                versions[role] = kept.signed.version
        roots = frozenset(sha256(raw).hexdigest() for raw in self.roots().values())
        return Factory(Floor(now, versions), roots)

    def _renew(self, name: str, signed: _Role, task: _Task) -> bytes:
        """The role as it was, or its next version with as many signatures as there can be."""
        path, draft = self._metadata / f"{name}.json", self._metadata / f"{name}{DRAFT}"
        old = self._read(path)
        if old is not None:
            wanted = _HALF if self._missing_here(name, task) else _NEARLY_ALL
            if _holds_on(old, signed, task, wanted) and _complete(name, old, task):
                return read_bounded(path, _MAX)
            signed.version = old.signed.version + 1
        begun = self._read(draft)
        goes_on = begun is not None and begun.signed.version == signed.version
        metadata: Metadata[Any] = Metadata(signed)
        if begun is not None and goes_on and _holds_on(begun, signed, task, _HALF):
            metadata = begun
        self._add_signatures(name, metadata, task)
        raw = compact(metadata.to_dict())
        if _complete(name, metadata, task):
            write_new(path, raw)
            discard(draft)
        else:
            write_new(draft, raw)
            role = task.delegator.get_delegated_role(name)
            self._missing.append(f"{name} {len(metadata.signatures)}/{role.threshold} ({draft})")
        return raw

    def _missing_here(self, name: str, task: _Task) -> bool:
        """Whether too few of a role's keys lie here to sign it."""
        role = task.delegator.get_delegated_role(name)
        here = {file.key_id for file in self._keys.list()}
        return len(here & set(role.keyids)) < int(role.threshold)

    def _add_signatures(self, name: str, metadata: Metadata[Any], task: _Task) -> None:
        role = task.delegator.get_delegated_role(name)
        result = task.delegator.get_verification_result(
            name, metadata.signed_bytes, metadata.signatures
        )
        for key_id in set(metadata.signatures) - set(result.signed):
            del metadata.signatures[key_id]  # of a key that may not, or that does not hold
        here = {file.key_id: file for file in self._keys.list()}
        for key_id in role.keyids:
            if len(metadata.signatures) >= role.threshold:
                return
            if key_id in here and key_id not in metadata.signatures:
                if key_id not in self._opened:
                    self._opened[key_id] = self._keys.open(here[key_id].name)
                metadata.sign(self._opened[key_id], append=True)

    def _check_complete(self) -> None:
        if self._missing:
            raise VendorSignaturesMissing(told="; ".join(self._missing))

    def _read(self, path: Path) -> Metadata[Any] | None:
        if not path.is_file():
            return None
        try:
            return Metadata.from_bytes(read_bounded(path, _MAX))
        except (RepositoryError, ValueError) as error:
            raise VendorFolderUnusable(
                path=path, reason_zh="内容损坏", reason_en="it is damaged"
            ) from error


def version_of(raw: bytes) -> int:
    """The version of a metadata file."""
    return int(Metadata[Any].from_bytes(raw).signed.version)


def _about(raw: bytes) -> MetaFile:
    return MetaFile.from_data(version_of(raw), raw, ["sha256"])


def _holds_on(
    old: Metadata[Any], new: Targets | Snapshot | Timestamp, task: _Task, wanted: float
) -> bool:
    """Whether a role says what it should, for that part of the time that it should."""
    same = _content(old.signed) == _content(new)
    return same and (old.signed.expires - task.now) / (task.expires - task.now) > wanted


def _content(signed: Targets | Snapshot | Timestamp) -> dict[str, Any]:
    whole = signed.to_dict()
    return {name: value for name, value in whole.items() if name not in {"version", "expires"}}


def _complete(name: str, metadata: Metadata[Any], task: _Task) -> bool:
    """Whether enough keys have signed, and nobody else."""
    result = task.delegator.get_verification_result(
        name, metadata.signed_bytes, metadata.signatures
    )
    return bool(result.verified) and not set(metadata.signatures) - set(result.signed)
