"""What an engine must be told about a model beyond its shape: template, pooling, companion files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.formats.gguf import parse_gguf
from models.formats.refusals import FolderRefused
from models.formats.strict_json import parse_json
from models.formats.view import open_view

_TOOLS: Final = re.compile(r"\btools\b")
_THINKS: Final = re.compile(r"<think>|reasoning_content|enable_thinking|<\|channel\|>")
_MOST_BYTES: Final = 8 << 20
# What the file of a model that ranks says of itself (`{arch}.pooling_type`, gguf specification).
_POOLING: Final = {1: "mean", 2: "cls", 3: "last", 4: "rank"}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts from a model's own files.

    Attributes:
        tools: Whether its chat template has a place for tools.
        thinks: Whether its chat template marks reasoning.
        pooling: How it makes one vector of many, "" where the file does not say.
    """

    tools: bool = False
    thinks: bool = False
    pooling: str = ""


def read_model_facts(path: Path) -> ModelFacts:
    """Reads the facts of a file or folder that was accepted before.

    Raises:
        FileRefused: It is not acceptable.
        FileUnreadable: It cannot be read.
    """
    if path.is_dir():
        return _of_template(_folder_template(path))
    if path.suffix != ".gguf":
        return ModelFacts()
    with open_view(path) as view:
        metadata = parse_gguf(view).metadata
    template = metadata.get("tokenizer.chat_template")
    facts = _of_template(str(template.content) if template else "")
    for key, value in metadata.items():
        if key.endswith(".pooling_type") and isinstance(value.content, int):
            return ModelFacts(facts.tools, facts.thinks, _POOLING.get(value.content, ""))
    return facts


def _of_template(template: str) -> ModelFacts:
    return ModelFacts(bool(_TOOLS.search(template)), bool(_THINKS.search(template)))


def _folder_template(folder: Path) -> str:
    text = _read(folder / "chat_template.jinja")
    if text:
        return text
    raw = _read(folder / "tokenizer_config.json")
    if not raw:
        return ""
    settings = parse_json(raw.encode(), "tokenizer_config.json", FolderRefused)
    return _template_in(settings)


def _template_in(settings: Any) -> str:
    found = settings.get("chat_template") if isinstance(settings, dict) else None
    if isinstance(found, list):
        return "\n".join(str(one.get("template", "")) for one in found if isinstance(one, dict))
    return found if isinstance(found, str) else ""


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
