"""What is known of a model before it is on the shelf: its shape, size, licence and purpose."""

from dataclasses import dataclass
from typing import Literal

from models.card import Bilingual
from models.planning.shape import ModelShape

Purpose = Literal["chat", "embed", "rerank"]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One published model.

    Attributes:
        id: Name by which people ask for it.
        maker: Who published it.
        shape: From its public `config.json`.
        billions: Size that its maker states, in 1e9 weights.
        active_billions: Weights used for one token that its maker states; 0 for a dense model.
        licence: Licence of the weights; an SPDX name where there is one.
        purpose: What it is for.
        about: One sentence.
        vision: Whether it also reads images.
    """

    id: str
    maker: str
    shape: ModelShape
    billions: float
    licence: str
    about: Bilingual
    purpose: Purpose = "chat"
    active_billions: float = 0.0
    vision: bool = False
