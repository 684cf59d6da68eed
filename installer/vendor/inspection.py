"""What is on a bundle: as it says of itself, or as a box that trusts a root would judge it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import Targets  # type: ignore[attr-defined]

from appliance.errors import ApplianceError
from appliance.updates.content import check_content, read_card
from appliance.updates.errors import BundleMissing, MetadataRefused
from appliance.updates.fetcher import METADATA, Stick
from appliance.updates.packages import Package, packages_of
from appliance.updates.shape import MODELS, SIGNED_AT, judge_metadata
from appliance.updates.trust import MAX_ROOT, describe, new_anchor, sound_root
from appliance.updates.verify import verify_metadata
from installer.vendor.files import read_bounded
from models.errors import ModelsError

_MAX: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class RoleSeen:
    """One metadata role of a bundle."""

    name: str
    version: int
    expires: str
    signatures: int


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """One model of a bundle; `fault` says what a box would refuse, or is empty."""

    id: str
    version: str
    name_zh: str
    name_en: str
    files: tuple[str, ...]
    bytes: int
    fault: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is on a bundle.

    Attributes:
        trusted: Whether it was judged against a root and holds.
        fingerprint: SHA-256 of that root, or empty.
        signed_at: When its vendor says it was signed.
        roles: Its metadata.
        models: Its models.
    """

    trusted: bool
    fingerprint: str
    signed_at: str
    roles: tuple[RoleSeen, ...]
    models: tuple[ModelSeen, ...]

    def to_json(self) -> str:
        """The report for programs."""
        return json.dumps(asdict(self), ensure_ascii=True, indent=2)


def look(bundle: Path) -> Inspected:
    """Read a bundle without trusting anybody: nothing it says is proven.

    Raises:
        UpdateError: It cannot be read as a bundle at all.
    """
    with Stick(bundle) as stick:
        timestamp = _signed(stick, "timestamp", None)
        snapshot = _signed(stick, "snapshot", _version(timestamp, "snapshot"))
        targets = _signed(stick, "targets", _version(snapshot, "targets"))
        models = _signed(stick, MODELS, _version(snapshot, MODELS))
        parsed = Targets.from_dict(dict(models["signed"]))
        seen = tuple(_model(stick, one) for one in packages_of(parsed, parsed.targets.get))
    rows = {"timestamp": timestamp, "snapshot": snapshot, "targets": targets, MODELS: models}
    return Inspected(
        False, "", timestamp["signed"][SIGNED_AT], tuple(map(_role, rows, rows.values())), seen
    )


def judge(bundle: Path, root: Path, now: datetime) -> Inspected:
    """Judge a bundle as a fresh box would that trusts a root.

    Raises:
        UpdateError: The bundle or the root is refused.
        ModelsError: A model card in it is malformed.
    """
    raw = read_bounded(root, MAX_ROOT)
    pinned = describe(sound_root(raw))
    with Stick(bundle) as stick:
        found = verify_metadata(stick, new_anchor(raw), now)
        for package in found.packages:
            read_card(stick, package)
        check_content(stick, found.items)
    seen = look(bundle)
    return Inspected(True, pinned.fingerprint, seen.signed_at, seen.roles, seen.models)


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


def _role(name: str, metadata: dict[str, Any]) -> RoleSeen:
    signed = metadata["signed"]
    return RoleSeen(name, signed["version"], signed["expires"], len(metadata["signatures"]))


def _model(stick: Stick, package: Package) -> ModelSeen:
    version, zh, en, fault = "", "", "", ""
    try:
        card = read_card(stick, package)
        version, zh, en = card.version, card.name.zh, card.name.en
        check_content(stick, package.items)
    except (ApplianceError, ModelsError) as error:
        fault = error.sentence
    names = tuple(item.name for item in package.files)
    size = sum(item.length for item in package.items)
    return ModelSeen(package.model_id, version, zh, en, names, size, fault)
