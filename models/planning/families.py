"""What a family of models takes for granted, and so leaves out of its `config.json` or header.

From the configuration and model classes of transformers 5 and of llama.cpp 0.5.
"""

from collections.abc import Mapping
from typing import Final

_ENCODERS: Final = frozenset(
    {"bert", "roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "electra", "ernie"}
    | {"megatron-bert", "roformer", "big_bird", "data2vec-text", "roberta-prelayernorm", "xmod"}
)
NO_OUTPUT: Final = _ENCODERS
"""Families whose models write nothing: there is no output embedding."""

TWO_MATRICES: Final = _ENCODERS | frozenset(
    {"gpt2", "gpt_neox", "gpt_neox_japanese", "gptj", "gpt_bigcode", "codegen", "opt", "bloom"}
    | {"falcon", "phi", "starcoder2", "nemotron", "persimmon", "fuyu", "mpt", "apertus", "arcee"}
    | {"biogpt", "xglm", "jais2", "nanochat"}
)
"""Families whose feed-forward part has two matrices instead of three."""

TIED: Final = NO_OUTPUT | frozenset(
    {"gemma", "gemma2", "gemma3", "gemma3_text", "cohere", "cohere2", "gpt2", "gpt_bigcode"}
    | {"opt", "bloom", "falcon", "mpt", "starcoder2", "smollm3", "ernie4_5", "ernie4_5_moe"}
)
"""Families that tie their embeddings where the file does not say otherwise."""

WINDOW_PATTERN: Final[Mapping[str, int]] = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3_text": 6,
    "cohere2": 4,
    "gpt_oss": 2,
    "gpt-oss": 2,
    "olmo3": 4,
    "exaone4": 4,
}
"""Families in which one layer of so many sees everything and the others a window."""

_GEMMA3: Final[Mapping[str, int]] = {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "vocab_size": 262_208,
    "max_position_embeddings": 131_072,
}
DEFAULTS: Final[Mapping[str, Mapping[str, int]]] = {"gemma3": _GEMMA3, "gemma3_text": _GEMMA3}
"""Numbers that a published `config.json` of the family leaves out."""
