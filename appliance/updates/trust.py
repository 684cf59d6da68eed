"""What this box trusts about updates: the vendor's root, the newest metadata seen, the clock floor."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from appliance.updates.anchor import (
    FACTORY_FILE,
    Anchor,
    Floor,
    check_clock,
    parse_floor,
    read_factory,
    tell_time,
)
from appliance.updates.durable import disk_errors, give_to_owner, make_folder, replace_file
from appliance.updates.errors import (
    MetadataRefused,
    NoTrustRoot,
    TrustDamaged,
    TrustRootRefused,
)
from appliance.updates.manifest import KINDS
from appliance.updates.shape import compact, judge_metadata

MAX_ROOT: Final = 512_000
_FORMAT: Final = "wardbox-update-floor-v1"
ROLES: Final = (Timestamp.type, Snapshot.type, Targets.type, *KINDS)
"""Every role below the root, in the order of reading."""
_KEPT: Final = tuple(f"{role}.json" for role in ROLES)
_HISTORY: Final = "root_history"
_MAX_HELD: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Pinned:
    """A trusted root in words.

    Attributes:
        version: Its version.
        expires: When it ends.
        threshold: Signatures needed to replace it.
        keys: Ids of its root keys.
        fingerprint: SHA-256 of the file in hex, to be compared over the telephone.
    """

    version: int
    expires: datetime
    threshold: int
    keys: tuple[str, ...]
    fingerprint: str


class TrustStore:
    """The folder of the trusted root; every change is durable before it counts.

    Args:
        root: The file of the trusted root; all else stands beside it.
        factory: What this release was shipped with.
    """

    def __init__(self, root: Path, factory: Path = FACTORY_FILE) -> None:
        self._root = root
        self._factory = factory
        self._folder = root.parent
        self._floor = self._folder / "floor.json"
        self._metadata = self._folder / "metadata"

    def anchor(self) -> Anchor:
        """Read what is trusted.

        Raises:
            NoTrustRoot: Nothing is.
            TrustDamaged: The record of the floor is unreadable, or gone while its traces are there.
        """
        root = _read(self._root)
        if root is None:
            raise NoTrustRoot
        held = {name: _read(self._metadata / name) for name in (*_KEPT, *self._history())}
        known = {name: raw for name, raw in held.items() if raw is not None}
        return Anchor(root, known, self._read_floor(root, fresh=not known))

    def pinned(self) -> Pinned:
        """Describe the trusted root."""
        return describe(sound_root(self.anchor().root))

    def pin(self, raw: bytes, now: datetime) -> Pinned:
        """Trust a root for the first time, or follow the chain by one.

        Raises:
            TrustRootRefused: It is no sound root, has expired, or does not follow from the trusted
                one: version one higher and signed by enough keys of both.
            ClockBehind: The clock is wrong.
        """
        with self._locked():
            new = sound_root(raw)
            old = _read(self._root)
            floor = self._read_floor(raw, fresh=True) if old is None else self.anchor().floor
            check_clock(now, floor.time)
            if new.signed.is_expired(now):
                raise _refused("已过期", "it has expired")
            binding = floor.versions
            if old is not None and old != raw:
                trusted = sound_root(old)
                _check_follows(trusted, new)
                binding = still_binding(binding, trusted.signed, new.signed)
            self._write_floor(Floor(floor.time, {**binding, Root.type: new.signed.version}))
            replace_file(self._metadata / _HISTORY / f"{new.signed.version}.root.json", raw)
            replace_file(self._root, raw)
        return describe(new)

    def commit(self, accepted: Anchor) -> None:
        """Keep what a bundle brought; the floor rises first, so that a power cut never lowers it."""
        with self._locked():
            self._write_floor(accepted.floor)
            for name, raw in sorted(accepted.held.items(), key=lambda item: item[0] in _KEPT):
                replace_file(self._metadata / name, raw)
            replace_file(self._root, accepted.root)

    def _history(self) -> tuple[str, ...]:
        folder = self._metadata / _HISTORY
        return tuple(f"{_HISTORY}/{path.name}" for path in sorted(folder.glob("*.root.json")))

    def _read_floor(self, root: bytes, *, fresh: bool) -> Floor:
        shipped = read_factory(self._factory).floor_under(root)
        raw = _read(self._floor)
        if raw is None and fresh:
            return shipped
        try:
            return parse_floor(json.loads(raw or b""), _FORMAT).raised(shipped)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrustDamaged(
                path=self._floor, reason_zh="内容缺失或无法识别", reason_en="missing or unreadable"
            ) from error

    def _write_floor(self, floor: Floor) -> None:
        data = {"format": _FORMAT, "time": tell_time(floor.time), "versions": dict(floor.versions)}
        replace_file(self._floor, json.dumps(data, sort_keys=True).encode() + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with disk_errors():
            make_folder(self._metadata / _HISTORY)
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            give_to_owner(self._folder / ".lock")
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def describe(root: Metadata[Root]) -> Pinned:
    """Put a root into words."""
    role = root.signed.roles[Root.type]
    return Pinned(
        root.signed.version,
        root.signed.expires,
        role.threshold,
        tuple(role.keyids),
        sha256(compact(root.to_dict())).hexdigest(),
    )


def sound_root(raw: bytes) -> Metadata[Root]:
    """Read a root that holds by itself: strict in form, signed by enough of its own keys.

    Raises:
        TrustRootRefused: It is none, too few keys signed it, or a signature on it is broken.
    """
    try:
        judge_metadata(Root.type, raw)
        root = Metadata[Root].from_bytes(raw)
        own = root.signed.get_verification_result(Root.type, root.signed_bytes, root.signatures)
    except MetadataRefused as error:
        raise _refused(str(error.facts["reason_zh"]), str(error.facts["reason_en"])) from error
    except (RepositoryError, ValueError) as error:
        raise _refused("不是信任根", "it is no root") from error
    if not own.verified:
        raise _refused("自身签名不足", "too few of its own keys signed it")
    # From the second on, a root also carries signatures of the one before, unknown here.
    others = set(root.signatures) - set(own.signed)
    if others and (root.signed.version == 1 or others & set(own.unsigned)):
        raise _refused("含有无效签名", "a signature on it does not hold")
    return root


def still_binding(versions: Mapping[str, int], old: Root, new: Root) -> Mapping[str, int]:
    """The floors that bind under a next root: a role whose keys are all new counts anew.

    So a vendor recovers from a stolen key that signed the highest version there is (TUF 1.0, 5.3.11).
    A new snapshot key frees what the snapshot lists, too. What the old keys signed holds no more.

    Args:
        versions: Newest accepted version of each role.
        old: The root under which they were counted.
        new: The root in force.
    """

    def rotated(role: str) -> bool:
        return not set(old.roles[role].keyids) & set(new.roles[role].keyids)

    free = {role for role in (Timestamp.type, Snapshot.type) if rotated(role)}
    if Snapshot.type in free:
        free |= {Targets.type, *KINDS}
    return {role: number for role, number in versions.items() if role not in free}


def _check_follows(old: Metadata[Root], new: Metadata[Root]) -> None:
    if new.signed.version != old.signed.version + 1:
        raise _refused(
            f"已信任第 {old.signed.version} 版,只能接续下一版",
            f"version {old.signed.version} is trusted, and only the next one can follow it",
        )
    result = new.signed.get_root_verification_result(old.signed, new.signed_bytes, new.signatures)
    if not result.verified or set(new.signatures) - set(result.signed):
        raise _refused("没有得到现有信任根的足够签名", "too few keys of the trusted root signed it")


def _refused(zh: str, en: str) -> TrustRootRefused:
    return TrustRootRefused(reason_zh=zh, reason_en=en)


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_HELD + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise TrustDamaged(
            path=path, reason_zh=str(error.strerror), reason_en=str(error.strerror)
        ) from error
    return raw
