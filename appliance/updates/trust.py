"""What this box trusts about updates: the vendor's root, the newest metadata seen, the clock floor."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root  # type: ignore[attr-defined]

from appliance.updates.durable import disk_errors, give_to_owner, make_folder, replace_file
from appliance.updates.errors import (
    ClockBehind,
    MetadataRefused,
    NoTrustRoot,
    TrustDamaged,
    TrustRootRefused,
)
from appliance.updates.shape import compact, judge_metadata

FACTORY_FLOOR: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No box of this version was ever alive before; a clock that says so is wrong."""
SKEW_S: Final = 600
"""Seconds by which the clocks of two honest machines may differ."""
MAX_ROOT: Final = 512_000
_FORMAT: Final = "wardbox-update-floor-v1"
_KEPT: Final = ("timestamp.json", "snapshot.json", "targets.json", "models.json")
_HISTORY: Final = "root_history"
_MAX_HELD: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Floor:
    """What is never gone below again.

    Attributes:
        time: A time that is certainly past: the newest one under a trusted signature.
        versions: Newest accepted version of each role.
    """

    time: datetime
    versions: Mapping[str, int]


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


def check_clock(now: datetime, floor: datetime) -> None:
    """Refuse to judge expiry by a clock that is certainly wrong.

    Raises:
        ClockBehind: It shows a time before the floor.
    """
    floor = max(floor, FACTORY_FLOOR)
    if now.timestamp() + SKEW_S < floor.timestamp():
        raise ClockBehind(now=_text(now), floor=_text(floor))


def new_anchor(root: bytes) -> Anchor:
    """What a box trusts that has a root and has never seen a bundle."""
    return Anchor(root, {}, Floor(FACTORY_FLOOR, {}))


class TrustStore:
    """The folder of the trusted root; every change is durable before it counts.

    Args:
        root: The file of the trusted root; all else stands beside it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
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
        return Anchor(root, known, self._read_floor(fresh=not known))

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
            floor = self._read_floor(fresh=True) if old is None else self.anchor().floor
            check_clock(now, floor.time)
            if new.signed.is_expired(now):
                raise _refused("已过期", "it has expired")
            if old is not None and old != raw:
                _check_follows(sound_root(old), new)
            versions = {**floor.versions, "root": new.signed.version}
            self._write_floor(Floor(floor.time, versions))
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

    def _read_floor(self, *, fresh: bool) -> Floor:
        raw = _read(self._floor)
        if raw is None and fresh:
            return Floor(FACTORY_FLOOR, {})
        try:
            return _parse_floor(raw or b"")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrustDamaged(
                path=self._floor, reason_zh="内容缺失或无法识别", reason_en="missing or unreadable"
            ) from error

    def _write_floor(self, floor: Floor) -> None:
        data = {"format": _FORMAT, "time": _text(floor.time), "versions": dict(floor.versions)}
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


def _parse_floor(raw: bytes) -> Floor:
    data = json.loads(raw)
    if data["format"] != _FORMAT:
        raise ValueError(data["format"])
    versions = {str(role): int(number) for role, number in data["versions"].items()}
    return Floor(parse_time(data["time"]), versions)


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


def parse_time(text: str) -> datetime:
    """A time of metadata as a value."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
