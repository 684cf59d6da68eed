"""What the metadata of a GGUF model must say: architecture, hyper-parameters, vocabulary."""

from collections.abc import Mapping
from typing import Final

from models.formats.gguf_values import FLOAT32, INT32, STRING, ArrayValue, Value
from models.formats.refusals import GgufMalformed, TemplateHostile, quoted
from models.formats.template import check_template

# Engines divide by these, size buffers with them or index by them, so a zero or a number in the
# billions is a crash there. Keys are those of ggml/docs/gguf.md under the architecture's name.
_POSITIVE: Final = {
    "context_length": 1 << 30,
    "embedding_length": 1 << 20,
    "block_count": 1 << 14,
    "attention.key_length": 1 << 16,
    "attention.value_length": 1 << 16,
    "vocab_size": 1 << 26,
}
_PER_LAYER: Final = {
    "attention.head_count": 1 << 16,
    "attention.head_count_kv": 1 << 16,
    "feed_forward_length": 1 << 26,
}
_COUNTED: Final = {
    "expert_count": 1 << 16,
    "expert_used_count": 1 << 16,
    "rope.dimension_count": 1 << 16,
}
_MAX_ARCHITECTURE: Final = 64
_TOKENS: Final = "tokenizer.ggml.tokens"
_TEMPLATE: Final = "tokenizer.chat_template"
SPLIT_NUMBER: Final = "split.no"
SPLIT_COUNT: Final = "split.count"


def architecture_of(metadata: Mapping[str, Value]) -> str:
    """The architecture's name, or "" where the file names none."""
    value = metadata.get("general.architecture")
    return value.content if value and isinstance(value.content, str) else ""


def split_number(metadata: Mapping[str, Value], key: str) -> int:
    """A number of a model in several files, or 0; `llama-gguf-split` counts files from 0."""
    value = metadata.get(key)
    return value.content if value and isinstance(value.content, int) else 0


def check_model(metadata: Mapping[str, Value], *, has_tensors: bool) -> None:
    """Checks the meaning of the metadata, beyond its form.

    A file without tensors (a header or vocabulary alone) may leave out the architecture; the
    shelf does not take such a file, but it is no danger. Neither do the later files of a model in
    several: the first one names it for all (`gguf_parts`).

    Raises:
        GgufMalformed: A value that engines rely on is missing, of a wrong type or impossible.
        TemplateHostile: A chat template that does more than lay out messages.
    """
    later = split_number(metadata, SPLIT_NUMBER) > 0
    name = _architecture(metadata, required=has_tensors and not later)
    if name:
        for part, limit in _POSITIVE.items():
            _check_range(f"{name}.{part}", metadata, (1, limit))
        for part, limit in _COUNTED.items():
            _check_range(f"{name}.{part}", metadata, (0, limit))
        for part, limit in _PER_LAYER.items():
            _check_layers(f"{name}.{part}", metadata, limit)
    _check_vocabulary(metadata)
    _check_templates(metadata)


def _architecture(metadata: Mapping[str, Value], *, required: bool) -> str:
    value = metadata.get("general.architecture")
    if value is None:
        if required:
            raise GgufMalformed.by("architecture")
        return ""
    name = value.content
    plain = isinstance(name, str) and 0 < len(name) <= _MAX_ARCHITECTURE
    if not plain or not str(name).replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise GgufMalformed.by("value-kind", name="general.architecture")
    if not str(name).isascii():
        raise GgufMalformed.by("value-kind", name="general.architecture")
    return str(name)


def _check_range(key: str, metadata: Mapping[str, Value], bounds: tuple[int, int]) -> None:
    value = metadata.get(key)
    if value is None:
        return
    number = value.content
    if not isinstance(number, int) or not bounds[0] <= number <= bounds[1]:
        raise GgufMalformed.by("value-kind", name=quoted(key))


def _check_layers(key: str, metadata: Mapping[str, Value], limit: int) -> None:
    value = metadata.get(key)
    # Models, or layers, without attention or without a feed-forward part carry a zero here.
    if value is None or not isinstance(value.content, ArrayValue):
        _check_range(key, metadata, (0, limit))
        return
    array = value.content
    whole = all(isinstance(item, int) and 0 <= item <= limit for item in array.items)
    if array.count != len(array.items) or not array.count or not whole:
        raise GgufMalformed.by("value-kind", name=quoted(key))


def _check_vocabulary(metadata: Mapping[str, Value]) -> None:
    tokens = _array(metadata, _TOKENS, STRING)
    # Engines index scores and types by token id without looking at their length.
    for key, kind in (
        ("tokenizer.ggml.scores", FLOAT32),
        ("tokenizer.ggml.token_type", INT32),
    ):
        count = _array(metadata, key, kind)
        if count is not None and tokens is not None and count != tokens:
            raise GgufMalformed.by("vocabulary", name=key, count=count, expected=tokens)
    _array(metadata, "tokenizer.ggml.merges", STRING)
    _array(metadata, "tokenizer.ggml.added_tokens", STRING)


def _array(metadata: Mapping[str, Value], key: str, kind: int) -> int | None:
    value = metadata.get(key)
    if value is None:
        return None
    if not isinstance(value.content, ArrayValue) or value.content.item_type != kind:
        raise GgufMalformed.by("value-kind", name=key)
    return value.content.count


def _check_templates(metadata: Mapping[str, Value]) -> None:
    for key, value in metadata.items():
        if key == "tokenizer.chat_templates":
            _array(metadata, key, STRING)
        elif key == _TEMPLATE or key.startswith(_TEMPLATE + "."):
            if not isinstance(value.content, str):
                raise TemplateHostile.by("template-type")
            check_template(value.content)
