"""A model card for tests."""

from datetime import UTC, datetime

from models.card import Bilingual, Evaluation, ModelCard

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def make_card(**changes: object) -> ModelCard:
    both = Bilingual("说明", "text")
    fields = {
        "id": "demo-1",
        "name": both,
        "version": "1.0",
        "architecture": "llama",
        "parameters": 32,
        "context": 0,
        "quantisation": "F32",
        "licence": "Apache-2.0",
        "intended_use": both,
        "limits": both,
        "training_data": both,
        "languages": ("zh", "en"),
        "evaluations": (Evaluation("S9", "exact", 0.98, 500, "2026-11-01"),),
    }
    return ModelCard(**{**fields, **changes})
