"""Adapters of a running vLLM: the two requests by which it takes one on and lets one go.

vLLM answers them only with `VLLM_ALLOW_RUNTIME_LORA_UPDATING` and `--enable-lora`; both stand where a
specification leaves room for adapters. The gateway never passes these routes on.
"""

from pathlib import Path
from typing import Final

from models.engines.engine import EngineSpec, ProbeRequest

NAME: Final = "vllm"
_LOAD: Final = "/v1/load_lora_adapter"
_UNLOAD: Final = "/v1/unload_lora_adapter"


def is_hot(engine: str, spec: EngineSpec) -> bool:
    """Whether an engine takes adapters on while it runs.

    Args:
        engine: `Engine.name`.
        spec: What it was started with.
    """
    return engine == NAME and spec.adapter_room > 0


def load_request(path: Path) -> ProbeRequest:
    """Have it take on the adapter in a folder, which names it."""
    return ProbeRequest("POST", _LOAD, {"lora_name": path.name, "lora_path": str(path)}, "")


def unload_request(path: Path) -> ProbeRequest:
    """Have it let that adapter go."""
    return ProbeRequest("POST", _UNLOAD, {"lora_name": path.name}, "")
