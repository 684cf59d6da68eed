"""How far a model is loaded, read from what each engine says while it loads."""

import re
from collections.abc import Sequence
from typing import Final

from models.engines.engine import LoadStep

# Weights are most of the way; the shares below only order the phases for whoever waits.
_WEIGHTS_FROM: Final = 0.05
_WEIGHTS_TO: Final = 0.75

_LLAMA_CPP: Final = (
    (re.compile(r"listening on"), LoadStep("ready", 1.0)),
    (re.compile(r"model loaded"), LoadStep("ready", 0.99)),
    (re.compile(r"initializing, n_slots"), LoadStep("cache", 0.9)),
    (re.compile(r"warming up"), LoadStep("warmup", 0.95)),
    (re.compile(r"loading model"), LoadStep("weights")),
    (re.compile(r"initializing \.\.\."), LoadStep("start")),
)
_SHARDS: Final = re.compile(r"checkpoint shards: +(\d{1,3})% Completed")
_GRAPHS: Final = re.compile(r"Capturing .{0,40}graphs?.{0,40}?(\d{1,3})%")
_VLLM: Final = (
    (re.compile(r"Application startup complete"), LoadStep("ready", 1.0)),
    (re.compile(r"Starting vLLM|Started server process"), LoadStep("ready", 0.99)),
    (re.compile(r"init engine .*took|Warming up|torch\.compile takes"), LoadStep("warmup", 0.9)),
    (re.compile(r"KV cache size|GPU blocks|CPU blocks|Using .* KV cache"), LoadStep("cache", 0.85)),
    (re.compile(r"Loading weights took|Model loading took"), LoadStep("cache", 0.8)),
    (re.compile(r"Starting to load model"), LoadStep("weights", _WEIGHTS_FROM)),
    (re.compile(r"Initializing a V\d LLM engine|Resolved architecture"), LoadStep("start", 0.03)),
)


def llama_cpp_step(line: str) -> LoadStep | None:
    """What a line of llama-server says; it writes phases and no shares of the weights."""
    return _known(_LLAMA_CPP, line)


def vllm_step(line: str) -> LoadStep | None:
    """What a line of vLLM says: shards of the weights and captured graphs come as percentages."""
    shards = _SHARDS.search(line)
    if shards:
        done = min(int(shards.group(1)), 100) / 100
        return LoadStep("weights", _WEIGHTS_FROM + (_WEIGHTS_TO - _WEIGHTS_FROM) * done)
    graphs = _GRAPHS.search(line)
    if graphs:
        return LoadStep("warmup", 0.9 + 0.09 * min(int(graphs.group(1)), 100) / 100)
    return _known(_VLLM, line)


def _known(table: Sequence[tuple[re.Pattern[str], LoadStep]], line: str) -> LoadStep | None:
    for pattern, step in table:
        if pattern.search(line):
            return step
    return None
