"""The record of a box's storage: which back end, on which device, why, and how far its making got."""

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from appliance.settings.layout import StateLayout
from appliance.vault.choice import Choice
from appliance.vault.errors import VaultDamaged
from appliance.vault.keyfile import write_private
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError

FORMAT: Final = "wardbox-storage/1"
_MAX_BYTES: Final = 16_384
_FIELDS: Final = {"backend", "device", "format", "stage", "uuid", "why_en", "why_zh"}

Backend = Literal["embedded", "luks"]
Stage = Literal["chosen", "formatting", "ready"]
_STAGES: Final[dict[str, Stage]] = {
    "chosen": "chosen",
    "formatting": "formatting",
    "ready": "ready",
}


@dataclass(frozen=True, slots=True)
class StorageRecord:
    """What was decided when the box was installed. It is public: no key and no secret is in it.

    Args:
        backend: "luks" or "embedded".
        device: what was named for LUKS; empty for the embedded back end.
        uuid: the LUKS header carries it, so that another disk is never taken for this one.
        why_zh: why this back end, in Chinese.
        why_en: the same in English.
        stage: "chosen", "formatting" while the device is being made, then "ready".
    """

    backend: Backend
    device: str
    uuid: str
    why_zh: str
    why_en: str
    stage: Stage = "chosen"

    def at(self, stage: Stage) -> "StorageRecord":
        """The same, one stage further or back."""
        return replace(self, stage=stage)


UNRECORDED: Final = StorageRecord(
    "embedded",
    "",
    "",
    "安装时没有选择其他存储方式。",
    "Nothing else was chosen when the box was installed.",
    "ready",
)
"""A box that was made before there was a choice."""


def luks_record(device: Path, why_zh: str, why_en: str) -> StorageRecord:
    """A record for a device that nobody has touched yet."""
    return StorageRecord("luks", str(device), str(uuid.uuid4()), why_zh, why_en)


def recorded(choice: Choice) -> StorageRecord:
    """The record of a choice."""
    if choice.device is not None:
        return luks_record(choice.device, choice.why_zh, choice.why_en)
    return StorageRecord("embedded", "", "", choice.why_zh, choice.why_en)


def read_record(layout: StateLayout) -> StorageRecord | None:
    """The record, or None where none was written.

    Raises:
        VaultDamaged: the file is not what was written; nothing is guessed then.
    """
    path = layout.storage_record
    try:
        with path.open("rb") as stream:
            value = parse_canonical(stream.read(_MAX_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultDamaged(path=path, reason=error.strerror or error) from error
    except SecureComputeError as error:
        raise VaultDamaged(path=path, reason=error.sentence) from error
    return _judged(path, value)


def write_record(layout: StateLayout, record: StorageRecord) -> None:
    """Replace the record, durably."""
    write_private(
        layout.storage_record,
        canonical_bytes(
            {
                "format": FORMAT,
                "backend": record.backend,
                "device": record.device,
                "uuid": record.uuid,
                "why_zh": record.why_zh,
                "why_en": record.why_en,
                "stage": record.stage,
            }
        ),
        0o644,
    )


def _judged(path: Path, value: object) -> StorageRecord:
    def damaged(reason: str) -> VaultDamaged:
        return VaultDamaged(path=path, reason=reason)

    if not isinstance(value, dict) or value.keys() != _FIELDS or value["format"] != FORMAT:
        raise damaged("字段或格式不对 its fields or its format are others")
    if not all(isinstance(field, str) for field in value.values()):
        raise damaged("字段须为文字 every field is text")
    texts = {name: str(field) for name, field in value.items()}
    stage = _STAGES.get(texts["stage"])
    if stage is None or texts["backend"] not in ("embedded", "luks"):
        raise damaged("后端或阶段未知 its back end or its stage is unknown")
    whys = texts["why_zh"], texts["why_en"]
    if texts["backend"] == "embedded":
        return StorageRecord("embedded", "", "", *whys, stage)
    try:
        plain = str(uuid.UUID(texts["uuid"]))
    except ValueError:
        raise damaged("编号不对 its identifier is none") from None
    if plain != texts["uuid"] or not texts["device"].startswith("/"):
        raise damaged("编号或设备不对 its identifier or its device is none")
    return StorageRecord("luks", texts["device"], plain, *whys, stage)
