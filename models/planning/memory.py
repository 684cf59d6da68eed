"""Memory of serving, card by card: weights, cache, work buffers, and what the engine takes itself."""

from dataclasses import dataclass
from typing import Final

from models.planning.precision import Precision
from models.planning.shape import ModelShape

GIBIBYTE: Final = 1 << 30
# What a driver and an engine hold on each card before any weight: context, kernels, graphs.
_ENGINE: Final = 1.5 * GIBIBYTE
# Buffers of the collective library on each of several cards.
_COLLECTIVE: Final = 0.5 * GIBIBYTE
# Tokens that an engine works on in one step; longer prompts are cut into pieces of this size.
STEP_TOKENS: Final = 8192
USABLE: Final = 0.92
"""Share of a card's memory that is planned with."""


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """What one card must hold, in bytes.

    Attributes:
        weights: Its share of the weights.
        cache: Its share of the keys and values of all sequences.
        activations: Work buffers of the largest step, and logits.
        engine: Driver, kernels, collective buffers.
    """

    weights: int
    cache: int
    activations: int
    engine: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.activations + self.engine


def weight_bytes(shape: ModelShape, precision: Precision) -> int:
    """All weights of a model, embeddings counted in their own precision."""
    embeddings = shape.embedding_parameters * (1 if shape.tied else 2)
    matrices = shape.parameters - embeddings
    return round(matrices * precision.bytes_per_weight + embeddings * precision.embedding_bytes)


def cache_bytes_per_token(shape: ModelShape, number_bytes: float = 2.0) -> int:
    """Cache of one token in all layers.

    With grouped queries 2 x layers x kv_heads x head_dim x bytes; with latent attention
    layers x (kv_rank + rope_dim) x bytes.
    """
    return round(shape.cache_numbers_per_token * number_bytes)


def cache_bytes(shape: ModelShape, tokens: int, number_bytes: float = 2.0) -> int:
    """Cache of one sequence of so many tokens; windows are honoured."""
    return round(shape.cached_numbers(tokens) * number_bytes)


def cache_spread(shape: ModelShape, cards: int) -> int:
    """Over how many cards the cache is cut; beyond the heads it is copied.

    A latent cache has no heads to cut: every card holds all of it.
    """
    return 1 if shape.latent is not None else min(cards, shape.kv_heads)


def serving_memory(
    shape: ModelShape, precision: Precision, cards: int, tokens: int, sequences: int
) -> ServingMemory:
    """Memory of one card of a group that shares a model.

    Args:
        shape: The model.
        precision: How its weights are stored.
        cards: Cards in the group.
        tokens: Tokens of one sequence.
        sequences: Sequences at once.
    """
    step = min(STEP_TOKENS, max(1, tokens * sequences))
    width = shape.ffn if shape.experts is None else shape.experts.active * shape.experts.ffn
    working = step * (6 * shape.hidden + (3 * width + 2 * shape.heads * shape.head_dim) / cards) * 2
    logits = min(sequences, step) * shape.vocab * 4 * 2
    spread = cache_spread(shape, cards)
    return ServingMemory(
        weights=-(-weight_bytes(shape, precision) // cards),
        cache=-(-cache_bytes(shape, tokens) * sequences // spread),
        activations=round(working + logits),
        engine=round(_ENGINE + (_COLLECTIVE if cards > 1 else 0)),
    )
