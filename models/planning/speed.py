"""How fast a group of cards is: a roofline of bandwidth, matrix units and interconnect."""

from dataclasses import dataclass
from typing import Final

from models.hardware.sheet import CardSheet
from models.planning.memory import STEP_TOKENS, cache_bytes, cache_spread
from models.planning.precision import Precision, operations
from models.planning.shape import ModelShape

# Shares of the published figures that an engine reaches. Device copies on an H100 reach 0.90 of
# the bandwidth and plain matrix products 0.81 of the throughput; engines lose some on the way.
BANDWIDTH_SHARE: Final = 0.75
# Experts are read in many small pieces.
EXPERT_SHARE: Final = 0.6
MATRIX_SHARE: Final = 0.6
_LINK_SHARE: Final = 0.7
# Small kernels of one layer, replayed from a graph, and the scheduler's work for one step.
_LAYER_S: Final = 25e-6
_STEP_S: Final = 0.001
# One all-reduce of a few kilobytes over cards that reach each other directly, and over PCIe.
_DIRECT_S: Final = 10e-6
_PCIE_S: Final = 30e-6
_REDUCES_PER_LAYER: Final = 2


@dataclass(frozen=True, slots=True)
class Group:
    """Cards that share one copy of a model: matrix by matrix (vLLM), or layer by layer (GGUF).

    Attributes:
        shape: The model.
        precision: How its weights are stored.
        sheet: What each card is.
        cards: How many there are.
    """

    shape: ModelShape
    precision: Precision
    sheet: CardSheet
    cards: int

    def decode_s(self, sequences: int, tokens: int) -> float:
        """Seconds of one step in which every sequence gets one token.

        Weights are read once for all sequences, each cache once: bandwidth bounds it until the
        arithmetic of many sequences does.

        Args:
            sequences: Sequences in the step.
            tokens: Length of each, cache included.
        """
        share = BANDWIDTH_SHARE if self.shape.experts is None else EXPERT_SHARE
        weights = self._read_bytes(sequences) / self.lanes / share
        cached = cache_bytes(self.shape, tokens) * sequences
        cache = cached / cache_spread(self.shape, self.lanes)
        reading = (weights + cache / BANDWIDTH_SHARE) / self.sheet.bandwidth_bytes_s
        working = 2.0 * self.shape.worked_parameters * sequences / self._operations
        return max(reading, working) + self._fixed_s + self._exchange_s(sequences)

    def prefill_s(self, tokens: int) -> float:
        """Seconds until a prompt of so many tokens has been read; matrix throughput bounds it."""
        work = 2.0 * self.shape.worked_parameters * tokens + self.shape.attention_operations(tokens)
        steps = -(-tokens // STEP_TOKENS)
        reading = self._read_bytes(tokens) / self.lanes / self.sheet.bandwidth_bytes_s
        busy = max(work / self._operations, steps * reading / BANDWIDTH_SHARE)
        return busy + steps * self._fixed_s + self._exchange_s(tokens)

    @property
    def lanes(self) -> int:
        """Cards that work at the same time; llama.cpp passes a token from card to card."""
        return 1 if self.precision.gguf else self.cards

    @property
    def _operations(self) -> float:
        return operations(self.sheet, self.precision) * MATRIX_SHARE * self.lanes

    @property
    def _fixed_s(self) -> float:
        return _STEP_S + self.shape.layers * _LAYER_S

    def _read_bytes(self, tokens: int) -> float:
        embedding = self.shape.embedding_parameters
        matrices = self.shape.read_parameters(tokens) - embedding
        stored = self.precision
        return matrices * stored.bytes_per_weight + embedding * stored.embedding_bytes

    def _exchange_s(self, tokens: int) -> float:
        """Two all-reduces a layer: 2 x (n - 1) / n of the activations pass each card's link."""
        if self.lanes == 1:
            return 0.0
        reduces = _REDUCES_PER_LAYER * self.shape.layers
        passed = 2 * (self.lanes - 1) / self.lanes * tokens * self.shape.hidden * 2
        latency = _PCIE_S if self.sheet.link.startswith("PCIe") else _DIRECT_S
        return reduces * (latency + passed / (self.sheet.link_bytes_s * _LINK_SHARE))


@dataclass(frozen=True, slots=True)
class Pace:
    """What users notice.

    Attributes:
        prefill_tokens_s: Prompt tokens a second, one prompt at a time.
        decode_tokens_s: Tokens a second of one sequence alone.
        stream_tokens_s: Tokens a second of each sequence at the concurrency.
        output_tokens_s: Tokens a second of all of them.
        requests_s: Requests a second at the concurrency.
        ttft_s: Seconds to the first token of a request to an idle group.
        ttft_busy_s: The same at the concurrency, on average.
        ttft_burst_s: The same for the last, when as many arrive in one moment.
    """

    prefill_tokens_s: float
    decode_tokens_s: float
    stream_tokens_s: float
    output_tokens_s: float
    requests_s: float
    ttft_s: float
    ttft_busy_s: float
    ttft_burst_s: float


def pace(group: Group, concurrency: int, prompt: int, output: int, groups: int = 1) -> Pace:
    """Predicts the pace of equal groups among which requests are spread.

    In a steady state each of n sequences is read once and written in `output` steps that all
    share: a round of n requests takes n x prefill + output x step. A request that arrives waits
    for the prompts before it as in a queue with fixed service times (Pollaczek-Khinchine).

    Args:
        group: One group.
        concurrency: Requests at once, over all groups.
        prompt: Tokens of a prompt.
        output: Tokens of an answer.
        groups: How many groups there are.
    """
    each = -(-concurrency // groups)
    middle = prompt + output // 2
    reading, step = group.prefill_s(prompt), group.decode_s(each, middle)
    alone = group.decode_s(1, middle)
    round_s = each * reading + output * step
    requests = each / round_s
    busy = min(0.95, requests * reading)
    waiting = busy * reading / (2 * (1 - busy)) if each > 1 else 0.0
    served = requests * min(groups, concurrency)
    return Pace(
        prefill_tokens_s=prompt / reading,
        decode_tokens_s=1 / alone,
        stream_tokens_s=output * requests / each,
        output_tokens_s=output * served,
        requests_s=served,
        ttft_s=reading + alone,
        ttft_busy_s=reading + step + waiting,
        ttft_burst_s=each * reading + step,
    )
