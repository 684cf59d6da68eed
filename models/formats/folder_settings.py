"""The JSON settings of a model folder: what they may not ask for, and what they say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.formats.refusals import FolderRefused, TemplateHostile, quoted
from models.formats.template import check_template

# Keys with which transformers and diffusers load Python from the folder or the network
# (vLLM CVE-2026-22807).
_REMOTE_CODE: Final = frozenset({"auto_map", "trust_remote_code", "custom_pipelines"})
_COUNTS: Final = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads",),
    "head_dim": ("head_dim",),
    "embedding": ("hidden_size", "n_embd", "d_model"),
    "vocabulary": ("vocab_size",),
    "context": ("max_position_embeddings", "n_positions"),
}
_LARGEST: Final = 1 << 30


def check_settings(name: str, document: Any) -> bool:
    """Checks one JSON file of a model folder.

    Args:
        name: Its path inside the folder.
        document: The parsed JSON.

    Returns:
        Whether it carries a chat template (which has then been checked).

    Raises:
        FolderRefused: It asks to run code.
        TemplateHostile: Its chat template is unsafe.
    """
    # The vocabulary may hold any word as a token, "auto_map" included: only settings are searched.
    base = Path(name).name
    if base not in {"vocab.json", "tokenizer.json"}:
        _refuse_remote_code(name, document)
    if not isinstance(document, dict):
        return False
    template = document.get("chat_template")
    if template is None:
        return False
    for source in _templates(template):
        check_template(source)
    return True


def _refuse_remote_code(name: str, document: Any) -> None:
    pending = [document]
    while pending:
        found = pending.pop()
        if isinstance(found, list):
            pending.extend(found)
        elif isinstance(found, dict):
            asked = {key for key in _REMOTE_CODE & found.keys() if found[key]}
            if asked:
                raise FolderRefused.by("remote-code", name=f"{quoted(name)} {sorted(asked)}")
            pending.extend(found.values())


def _templates(template: Any) -> list[str]:
    if isinstance(template, str):
        return [template]
    if isinstance(template, dict):
        template = list(template.values())
    if not isinstance(template, list):
        raise TemplateHostile.by("template-type")
    found = [row.get("template") if isinstance(row, dict) else row for row in template]
    sources = [source for source in found if isinstance(source, str)]
    if len(sources) != len(found):
        raise TemplateHostile.by("template-type")
    return sources


def config_facts(config: Any) -> Mapping[str, int | str]:
    """Reads the hyper-parameters that planning needs from a `config.json`.

    Returns:
        "architecture" (text) and counts: layers, heads, kv_heads, head_dim, embedding,
        vocabulary, context. A count that the file does not give is 0.

    Raises:
        FolderRefused: The file is no object or a count is impossible.
    """
    if not isinstance(config, dict):
        raise FolderRefused.by("json", where="config.json", why="object expected")
    # Multimodal models keep the language model's settings one level down.
    inner = config.get("text_config")
    merged = {**config, **inner} if isinstance(inner, dict) else config
    facts: dict[str, int | str] = {"architecture": _architecture(config)}
    for fact, keys in _COUNTS.items():
        value = next((merged[key] for key in keys if merged.get(key) is not None), 0)
        if type(value) is not int or not 0 <= value <= _LARGEST:
            raise FolderRefused.by("value-kind", name=f"config.json {fact}")
        facts[fact] = value
    return facts


def _architecture(config: Mapping[str, Any]) -> str:
    kind = config.get("model_type", config.get("peft_type", ""))
    if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable():
        raise FolderRefused.by("value-kind", name="config.json model_type")
    return kind[:64]
