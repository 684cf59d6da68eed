"""Small decoders built from transformers configurations, and how their loss is computed."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils import logging

from models.training.errors import BaseUnusable
from models.training.recipe import Shape

_KINDS: dict[str, tuple[Any, Any]] = {
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "llama": (LlamaConfig, LlamaForCausalLM),
}
IGNORED = -100


def build(shape: Shape, *, seed: int, eos: int, pad: int) -> PreTrainedModel:
    """Build a model with random weights (float32) that depend on the seed alone.

    Args:
        shape: The wanted shape.
        seed: Seed of the weights.
        eos: Id of the token that ends a turn.
        pad: Id of the padding token.
    """
    config_kind, model_kind = _KINDS[shape.family]
    config = config_kind(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
        tie_word_embeddings=shape.tied,
        attention_bias=False,
        rms_norm_eps=1e-6,
        initializer_range=0.02,
        bos_token_id=None,
        eos_token_id=eos,
        pad_token_id=pad,
        use_cache=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = model_kind(config)
    return model


def load(folder: Path) -> PreTrainedModel:
    """Load a base model from safetensors in float32; nothing is fetched and no code is run.

    Raises:
        BaseUnusable: The folder holds no such model, or its shape is not one we can export.
    """
    # Its bar on the terminal is no line of a log.
    logging.disable_progress_bar()
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as fault:
        raise BaseUnusable(reason=str(fault)) from fault
    if model.config.model_type not in _KINDS:
        raise BaseUnusable(reason=f"model type {model.config.model_type}")
    return model


def answer_loss(model: nn.Module, ids: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy over answer positions only.

    Logits are computed for those positions alone. No attention mask is needed: padding stands on
    the right, where a causal model cannot see it.

    Args:
        model: A causal model of transformers, or a peft model around one.
        ids: Token ids, shape [rows, longest].
        targets: Next tokens, -100 where no loss is taken, same shape.
    """
    core: Any = getattr(model, "get_base_model", lambda: model)()
    hidden = core.model(input_ids=ids, use_cache=False).last_hidden_state
    wanted = targets != IGNORED
    logits = core.lm_head(hidden[wanted])
    return functional.cross_entropy(logits.float(), targets[wanted])
