"""The catalogue of models that are known by name."""

import re
from difflib import get_close_matches
from typing import Final

from models.known.medical import MEDICAL
from models.known.model import KnownModel
from models.known.qwen import QWEN
from models.known.reasoning import REASONING
from models.known.retrieval import RETRIEVAL

KNOWN: Final[tuple[KnownModel, ...]] = (*QWEN, *REASONING, *MEDICAL, *RETRIEVAL)
"""Every model that is known."""

_SAME: Final = {
    "deepseekr1671b": "DeepSeek-R1",
    "antangelmed103b": "AntAngelMed",
    "lingflash": "Ling-flash-2.0",
    "baichuanm2": "Baichuan-M2-32B",
    "medgemma4bit": "MedGemma-4B",
    "medgemma27btextit": "MedGemma-27B",
    "medgemma27bit": "MedGemma-27B",
}


def known_model(name: str) -> KnownModel | None:
    """The model of a name: case, hyphens, the maker's prefix and "-Instruct" are forgiven."""
    wanted = _fold(name.rsplit("/", 1)[-1])
    wanted = _fold(_SAME.get(wanted, wanted))
    names = {_fold(model.id): model for model in KNOWN}
    shorter = {_fold(model.id).removesuffix("instruct"): model for model in KNOWN}
    return names.get(wanted) or shorter.get(wanted)


def similar_models(name: str) -> tuple[str, ...]:
    """Names of known models that look like this one, the likeliest first; at most five."""
    by_fold = {_fold(model.id): model.id for model in KNOWN}
    near = get_close_matches(_fold(name)[:64], by_fold, n=5, cutoff=0.5)
    return tuple(by_fold[folded] for folded in near)


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())
