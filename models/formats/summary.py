"""What a model file says about itself, in the few numbers that planning and people need."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.formats.ggml_types import FILE_TYPES
from models.formats.gguf import GgufHeader
from models.formats.gguf_model import architecture_of
from models.formats.gguf_values import ArrayValue, Value
from models.formats.safetensors import SafetensorsHeader


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """The facts of one model; a number is 0 and a text empty where the file does not say.

    Attributes:
        kind: "gguf", "safetensors" or "folder".
        architecture: Architecture name, for example "qwen3".
        name: The name that the file gives itself.
        tensors: Number of tensors.
        parameters: Number of weights.
        weight_bytes: Bytes of weights.
        quantisation: Storage type, for example "Q4_K_M" or "BF16".
        context: Longest context in tokens.
        layers: Transformer layers.
        kv_heads: Key and value heads per layer (the largest, where layers differ).
        head_dim: Width of one head.
        embedding: Width of the residual stream.
        vocabulary: Tokens in the vocabulary.
        chat_template: Whether the file carries a chat template.
    """

    kind: str
    architecture: str = ""
    name: str = ""
    tensors: int = 0
    parameters: int = 0
    weight_bytes: int = 0
    quantisation: str = ""
    context: int = 0
    layers: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    embedding: int = 0
    vocabulary: int = 0
    chat_template: bool = False


def summarise_gguf(header: GgufHeader) -> ModelSummary:
    """Draws the summary from a checked GGUF header."""
    facts = _Facts(header.metadata)
    heads = facts.count("attention.head_count")
    embedding = facts.count("embedding_length")
    return ModelSummary(
        kind="gguf",
        architecture=facts.architecture,
        name=facts.text("general.name")[:200],
        tensors=len(header.tensors),
        parameters=sum(tensor.elements for tensor in header.tensors),
        weight_bytes=sum(tensor.size for tensor in header.tensors),
        quantisation=_gguf_quantisation(header),
        context=facts.count("context_length"),
        layers=facts.count("block_count"),
        kv_heads=facts.count("attention.head_count_kv") or heads,
        head_dim=facts.count("attention.key_length") or (embedding // heads if heads else 0),
        embedding=embedding,
        vocabulary=facts.array_length("tokenizer.ggml.tokens") or facts.count("vocab_size"),
        chat_template="tokenizer.chat_template" in header.metadata,
    )


def summarise_safetensors(header: SafetensorsHeader) -> ModelSummary:
    """Draws the summary from a checked safetensors header."""
    return ModelSummary(
        kind="safetensors",
        tensors=len(header.tensors),
        parameters=sum(tensor.elements for tensor in header.tensors),
        weight_bytes=sum(tensor.size for tensor in header.tensors),
        quantisation=dominant((tensor.dtype, tensor.size) for tensor in header.tensors),
    )


def dominant(parts: Iterable[tuple[str, int]]) -> str:
    """The storage type that holds the most bytes, or "" without tensors."""
    weight: Counter[str] = Counter()
    for kind, size in parts:
        weight[kind] += size
    return weight.most_common(1)[0][0] if weight else ""


def _gguf_quantisation(header: GgufHeader) -> str:
    declared = header.metadata.get("general.file_type")
    if declared is not None and isinstance(declared.content, int):
        known = FILE_TYPES.get(declared.content)
        if known is not None:
            return known
    return dominant((tensor.type.name, tensor.size) for tensor in header.tensors)


class _Facts:
    """Typed access to checked metadata under the architecture's name."""

    def __init__(self, metadata: Mapping[str, Value]) -> None:
        self._metadata = metadata
        self.architecture = architecture_of(metadata)

    def count(self, part: str) -> int:
        value = self._metadata.get(f"{self.architecture}.{part}")
        if value is None:
            return 0
        if isinstance(value.content, ArrayValue):
            return int(max(value.content.items, default=0))
        return value.content if isinstance(value.content, int) else 0

    def text(self, key: str) -> str:
        value = self._metadata.get(key)
        return value.content if value and isinstance(value.content, str) else ""

    def array_length(self, key: str) -> int:
        value = self._metadata.get(key)
        return value.content.count if value and isinstance(value.content, ArrayValue) else 0


def summarise_folder(
    weights: Iterable[SafetensorsHeader], facts: Mapping[str, int | str], *, chat_template: bool
) -> ModelSummary:
    """Draws the summary of a model folder.

    Args:
        weights: The checked headers of its safetensors files.
        facts: What its `config.json` says, see `folder_settings.config_facts`.
        chat_template: Whether one of its files carries a chat template.
    """
    tensors = [tensor for header in weights for tensor in header.tensors]
    count = {key: int(value) for key, value in facts.items() if key != "architecture"}
    heads = count.get("heads", 0)
    head_dim = count.get("head_dim", 0) or (count["embedding"] // heads if heads else 0)
    return ModelSummary(
        kind="folder",
        architecture=str(facts["architecture"]),
        tensors=len(tensors),
        parameters=sum(tensor.elements for tensor in tensors),
        weight_bytes=sum(tensor.size for tensor in tensors),
        quantisation=dominant((tensor.dtype, tensor.size) for tensor in tensors),
        context=count.get("context", 0),
        layers=count.get("layers", 0),
        kv_heads=count.get("kv_heads", 0) or heads,
        head_dim=head_dim,
        embedding=count.get("embedding", 0),
        vocabulary=count.get("vocabulary", 0),
        chat_template=chat_template,
    )
