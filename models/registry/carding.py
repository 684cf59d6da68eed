"""A card for a model that comes without one: facts from the file, statements from its sidecar."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from models.card import Bilingual, ModelCard
from models.errors import CardMalformed
from models.formats.summary import ModelSummary

UNSTATED: Final = Bilingual("供应方未说明。", "The supplier did not say.")
_UNSTATED_WORD: Final = "unstated"
_STATED: Final = (
    "licence",
    "intended_use",
    "limits",
    "training_data",
    "languages",
    "filing_number",
    "evaluations",
)
"""What a hospital asks of a model; what is not stated is said plainly."""
_TEXTS: Final = ("intended_use", "limits", "training_data")
_ODD: Final = re.compile(r"[^a-z0-9._-]+")


def id_from(name: str) -> str:
    """An id made from the name of a file or folder; "" when nothing of it is left."""
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.(gguf|safetensors)$", "", name.lower())
    made = _ODD.sub("-", stem).strip("._-")[:64].strip("._-")
    return re.sub(r"\.{2,}", ".", made)


def card_from(
    model: str, summary: ModelSummary, sidecar: Mapping[str, Any]
) -> tuple[ModelCard, tuple[str, ...]]:
    """Make the card of an imported model.

    Args:
        model: Its id on the box.
        summary: What the file says about itself; a sidecar that says otherwise is refused later,
            when card and file are held against each other.
        sidecar: Fields of a card, as many as the supplier gave; its `id` does not count.

    Returns:
        The card, and the fields that the supplier did not state.

    Raises:
        CardMalformed: The sidecar has an unknown or a wrong field.
    """
    known = {field.name for field in fields(ModelCard)}
    unknown = sorted(set(sidecar) - known)
    if unknown:
        shown = ascii(unknown[0][:64])
        raise CardMalformed(
            field="card", reason_zh=f"未知字段 {shown}", reason_en=f"unknown field {shown}"
        )
    given = {key: value for key, value in sidecar.items() if value is not None}
    missing = tuple(field for field in _STATED if not given.get(field))
    name = summary.name.strip() or model
    plain = "".join(char for char in name if char.isprintable())[:200] or model
    told: dict[str, Any] = {
        "name": {"zh": plain, "en": plain},
        "version": _UNSTATED_WORD,
        "architecture": summary.architecture or "unknown",
        "parameters": summary.parameters,
        "context": summary.context,
        "quantisation": summary.quantisation or "unknown",
        "licence": _UNSTATED_WORD,
        "languages": ["und"],
        **{field: {"zh": UNSTATED.zh, "en": UNSTATED.en} for field in _TEXTS},
        **given,
        "id": model,
    }
    return ModelCard.from_json(told), missing
