"""Which of vLLM's parsers reads tool calls and reasoning, by the architecture of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Parsers:
    """Names of parsers as `--tool-call-parser` and `--reasoning-parser` take them, "" for none."""

    tools: str = ""
    reasoning: str = ""


# The names stand in vllm/tool_parsers/__init__.py and vllm/reasoning/__init__.py of 0.32;
# architectures are `model_type` of config.json, which is what `models.formats` reports.
FAMILIES: Final[Mapping[str, Parsers]] = MappingProxyType(
    {
        "qwen2": Parsers("hermes"),
        "qwen2_moe": Parsers("hermes"),
        "qwen3": Parsers("hermes", "qwen3"),
        "qwen3_moe": Parsers("hermes", "qwen3"),
        "qwen3_next": Parsers("hermes", "qwen3"),
        "llama": Parsers("llama3_json"),
        "llama4": Parsers("llama4_pythonic"),
        "mistral": Parsers("mistral", "mistral"),
        "deepseek_v3": Parsers("deepseek_v3", "deepseek_r1"),
        "deepseek_v32": Parsers("deepseek_v32", "deepseek_v3"),
        "glm4_moe": Parsers("glm45", "glm45"),
        "gpt_oss": Parsers("openai", "openai_gptoss"),
        "granite": Parsers("granite", "granite"),
        "hunyuan_v1_moe": Parsers("hunyuan_a13b", "hunyuan_a13b"),
        "internlm2": Parsers("internlm"),
        "kimi_k2": Parsers("kimi_k2", "kimi_k2"),
        "minimax_m2": Parsers("minimax_m2", "minimax_m2"),
        "ernie4_5_moe": Parsers("ernie45", "ernie45"),
        "bailing_moe_v2": Parsers("ling3", "ling3"),
        "gemma4": Parsers("gemma4", "gemma4"),
    }
)


def parsers_of(architecture: str) -> Parsers:
    """The parsers of a family; none for one that is not listed, so that no call is misread."""
    return FAMILIES.get(architecture, Parsers())
