"""How the weights of a folder are stored already, as its `config.json` says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from models.planning.precision import PRECISIONS, Precision, precision_named

_BITS: Final = {("int", 4): "int4", ("int", 8): "int8", ("float", 8): "fp8"}


def settled_precision(document: Any) -> Precision | None:
    """The precision that a quantised checkpoint is stored in.

    Args:
        document: The parsed `config.json`.

    Returns:
        None where it says nothing, or something that is not planned with: then the weights count
        as the original ones.
    """
    told = document.get("quantization_config") if isinstance(document, dict) else None
    if not isinstance(told, dict):
        return None
    found = precision_named(_scheme(told))
    if found is None or found not in PRECISIONS or found.gguf or not found.quality:
        return None
    return replace(found, settled=True)


def _scheme(told: Mapping[str, Any]) -> str:
    method = str(told.get("quant_method", "")).lower().replace("_", "-")
    if method in {"fp8", "fbgemm-fp8"}:
        return "fp8"
    if method in {"awq", "gptq"}:
        return _by_bits("int", told.get("bits", told.get("w_bit")))
    if method == "compressed-tensors":
        groups = told.get("config_groups")
        first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
        weights = first.get("weights") if isinstance(first, dict) else None
        if isinstance(weights, dict):
            return _by_bits(str(weights.get("type")), weights.get("num_bits"))
    return str(told.get("quant_algo", "")).lower() if method == "modelopt" else ""


def _by_bits(kind: str, bits: Any) -> str:
    return _BITS.get((kind, bits), "") if type(bits) is int else ""
