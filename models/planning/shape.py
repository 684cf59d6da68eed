"""The shape of a language model: enough numbers to count weights, cache and work per token."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts in place of the feed-forward part.

    Attributes:
        count: Experts of one layer from which a token's are chosen.
        active: Experts that one token uses.
        ffn: Width of one expert.
        shared_ffn: Width of what every token uses besides, all shared experts together.
        dense_layers: Layers that have an ordinary feed-forward part instead.
    """

    count: int
    active: int
    ffn: int
    shared_ffn: int = 0
    dense_layers: int = 0


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): the cache holds one vector.

    Attributes:
        kv_rank: Width of the compressed keys and values.
        rope_dim: Width of the part of the key that carries the position.
        nope_dim: Width of the rest of one head's key.
        value_dim: Width of one head's value.
        q_rank: Width of the compressed query; 0 where queries are not compressed.
    """

    kv_rank: int
    rope_dim: int
    nope_dim: int
    value_dim: int
    q_rank: int = 0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A transformer, as its `config.json` describes it.

    Attributes:
        architecture: Its `model_type`.
        layers: Transformer layers.
        hidden: Width of the residual stream.
        heads: Query heads.
        kv_heads: Heads of keys and values.
        head_dim: Width of one head.
        ffn: Width of the (dense) feed-forward part.
        vocab: Tokens.
        context: Longest context it was made for, in tokens.
        tied: Whether input and output embedding are one matrix, or there is no output one.
        gated: Whether the feed-forward part has three matrices (SwiGLU) or two.
        experts: Mixture of experts, if any.
        latent: Latent attention, if any.
        window: Width of sliding-window attention; 0 where there is none.
        window_layers: Layers that have it.
        recurrent_layers: Layers that keep a state of fixed size instead of a cache.
        extra: Weights besides, such as a vision tower or position embeddings.
    """

    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    context: int
    tied: bool = False
    gated: bool = True
    experts: Experts | None = None
    latent: Latent | None = None
    window: int = 0
    window_layers: int = 0
    recurrent_layers: int = 0
    extra: int = 0

    @property
    def attention_parameters(self) -> int:
        """Weights of the attention of one layer."""
        if self.latent is None:
            return self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)
        latent = self.latent
        key = latent.nope_dim + latent.rope_dim
        query = (
            latent.q_rank * (self.hidden + self.heads * key)
            if latent.q_rank
            else self.hidden * self.heads * key
        )
        unpacked = latent.kv_rank * self.heads * (latent.nope_dim + latent.value_dim)
        packed = self.hidden * (latent.kv_rank + latent.rope_dim)
        return query + packed + unpacked + self.heads * latent.value_dim * self.hidden

    @property
    def embedding_parameters(self) -> int:
        """Weights of one embedding matrix."""
        return self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """All weights; norms and biases are left out (less than a thousandth)."""
        return self._sum(None) + self.embedding_parameters * (0 if self.tied else 1) + self.extra

    @property
    def active_parameters(self) -> int:
        """Weights that one token is multiplied with, as cards count them: both embeddings."""
        active = None if self.experts is None else float(self.experts.active)
        return self._sum(active) + self.embedding_parameters * (0 if self.tied else 1)

    def read_parameters(self, tokens: int) -> int:
        """Weights that a step over so many tokens reads: looking words up reads next to nothing.

        Which experts a token takes is as good as random, so a step of many tokens touches
        count x (1 - (1 - active / count) ^ tokens) of them.
        """
        if self.experts is None:
            return self._sum(None)
        count, active = self.experts.count, self.experts.active
        return self._sum(count * (1.0 - (1.0 - active / count) ** max(1, tokens)))

    @property
    def worked_parameters(self) -> int:
        """Weights that take part in the arithmetic of one token: two operations for each."""
        return self._sum(None if self.experts is None else float(self.experts.active))

    def _sum(self, experts: float | None) -> int:
        """Layers with so many experts (None: all), and one embedding matrix."""
        return (
            self.layers * self.attention_parameters
            + self._feed_forward(experts)
            + self.embedding_parameters
        )

    def _feed_forward(self, experts: float | None) -> int:
        matrices = 3 if self.gated else 2
        dense = matrices * self.hidden * self.ffn
        if self.experts is None:
            return self.layers * dense
        mixture = self.experts
        number = mixture.count if experts is None else experts
        width = number * mixture.ffn + mixture.shared_ffn
        mixed = matrices * self.hidden * width + self.hidden * mixture.count
        return round(mixture.dense_layers * dense + (self.layers - mixture.dense_layers) * mixed)

    @property
    def cache_numbers_per_token(self) -> int:
        """Numbers that one more token adds to the cache of layers without a window, and with."""
        return (self.layers - self.recurrent_layers) * self.cache_numbers_per_layer

    @property
    def cache_numbers_per_layer(self) -> int:
        """Numbers in the cache of one layer for one token."""
        if self.latent is not None:
            return self.latent.kv_rank + self.latent.rope_dim
        return 2 * self.kv_heads * self.head_dim

    def cached_numbers(self, tokens: int) -> int:
        """Numbers in the cache of one sequence; a window holds no more than its width."""
        full = self.layers - self.window_layers - self.recurrent_layers
        windowed = min(tokens, self.window) * self.window_layers
        return self.cache_numbers_per_layer * (full * tokens + windowed)

    def attention_operations(self, tokens: int) -> float:
        """Operations of scores and sums over a prompt: 4 x heads x width x pairs of tokens."""
        pairs = tokens * tokens / 2
        near = min(pairs, tokens * self.window) if self.window else pairs
        full = self.layers - self.window_layers - self.recurrent_layers
        return 4.0 * self.heads * self.head_dim * (full * pairs + self.window_layers * near)

    def splits(self, cards: int) -> bool:
        """Whether tensor parallelism over so many cards cuts no head, as engines demand."""
        if cards < 1 or self.heads % cards:
            return False
        if self.latent is not None:
            return True
        return self.kv_heads % cards == 0 or cards % self.kv_heads == 0

    @property
    def widths(self) -> tuple[int, ...]:
        """Every number of cards, up to 64, over which it can be cut."""
        return tuple(cards for cards in range(1, 65) if self.splits(cards))
