"""Low-rank adapters through peft: attached, saved, and merged back before export."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import PreTrainedModel

from models.training.corpus import Corpus
from models.training.errors import BaseUnusable
from models.training.recipe import Adapter

_MOST_ROWS = 8192
COUNTS_FILE = "token_counts.json"


def count_tokens(corpus: Corpus, vocabulary: int) -> list[int]:
    """Return how often each token id occurs in a corpus."""
    counts: list[int] = np.bincount(np.asarray(corpus.tokens), minlength=vocabulary).tolist()
    return counts


def save_counts(folder: Path, counts: Sequence[int]) -> None:
    """Keep the counts beside a model, so that a later adapter knows which tokens are new to it."""
    (folder / COUNTS_FILE).write_bytes(orjson.dumps(list(counts)))


def new_tokens(base: Path, corpus: Corpus, vocabulary: int) -> tuple[int, ...]:
    """Return the tokens of a corpus that the base model never met.

    A model of another maker carries no counts: then nothing is known to be new and its own rows
    are kept.

    Raises:
        BaseUnusable: The counts beside the base are damaged.
    """
    path = base / COUNTS_FILE
    if not path.is_file():
        return ()
    try:
        before = np.asarray(orjson.loads(path.read_bytes()), dtype=np.int64)
    except (ValueError, TypeError) as fault:
        raise BaseUnusable(reason=f"{COUNTS_FILE}: {fault}") from fault
    if before.shape != (vocabulary,):
        raise BaseUnusable(reason=f"{COUNTS_FILE} has {before.size} counts for {vocabulary} tokens")
    now = np.asarray(count_tokens(corpus, vocabulary))
    fresh = np.flatnonzero((now > 0) & (before == 0))
    return tuple(int(index) for index in fresh[np.argsort(-now[fresh], kind="stable")][:_MOST_ROWS])


def attach(model: PreTrainedModel, adapter: Adapter, tokens: Sequence[int] = ()) -> PeftModel:
    """Freeze a model and put a fresh adapter on all its linear layers.

    Args:
        model: The base model, float32.
        adapter: Rank, scale and dropout.
        tokens: Token ids whose embedding rows are trained as well. Without the rows of unseen
            tokens an adapter cannot teach them: the low-rank layers never see what they mean.
    """
    rows: dict[str, Any] = (
        {"trainable_token_indices": {"embed_tokens": sorted(tokens)}}
        if tokens and adapter.token_rows
        else {}
    )
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules="all-linear",
        bias="none",
        **rows,
    )
    with warnings.catch_warnings():
        # peft asks transformers for a property under its old name.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)


def save(model: PeftModel, folder: Path) -> None:
    """Write the adapter alone, as safetensors."""
    model.save_pretrained(str(folder), safe_serialization=True)


def merge(model: PeftModel) -> PreTrainedModel:
    """Fold the adapter and its token rows into the base and return the plain model.

    A GGUF adapter cannot carry trained embedding rows, so export always starts from here.

    Raises:
        BaseUnusable: The merged weights are not finite.
    """
    merged: PreTrainedModel = model.merge_and_unload(safe_merge=False)
    for name, parameter in merged.named_parameters():
        if not bool(parameter.isfinite().all()):
            raise BaseUnusable(reason=f"{name} is not finite after merging")
    return merged
