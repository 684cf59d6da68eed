"""Compares a trained model with its GGUF file: logits, tokens and greedy text."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn

from models.training.errors import ExportFailed, ParityBroken

_F32 = 0  # GGML_TYPE_F32: with the default f16 cache the logits differ by 1e-2 alone.


@dataclass(frozen=True, slots=True)
class Parity:
    """How near two forms of one model are.

    Attributes:
        logit_difference: Largest absolute difference over all positions of all texts.
        same_tokens: Texts that both tokenizers cut alike.
        same_texts: Texts that both models continue alike, greedily.
        texts: Texts compared.
    """

    logit_difference: float
    same_tokens: int
    same_texts: int
    texts: int

    def require(self, limit: float) -> None:
        """Refuse when logits differ by more than `limit`, or any text or token differs.

        Raises:
            ParityBroken: With the figures.
        """
        equal = min(self.same_tokens, self.same_texts)
        if not self.logit_difference <= limit or equal < self.texts:
            raise ParityBroken(
                difference=f"{self.logit_difference:.2e}", equal=equal, total=self.texts
            )


class LlamaFile:
    """A GGUF file opened in this process, with a float32 cache. Close it after use."""

    def __init__(
        self,
        binding: Any,
        path: Path,
        *,
        context: int = 1024,
        threads: int = 1,
        adapter: Path | None = None,
    ) -> None:
        try:
            self._llama = binding.Llama(
                model_path=str(path),
                n_ctx=context,
                n_batch=context,
                n_ubatch=context,
                n_threads=threads,
                n_threads_batch=threads,
                n_gpu_layers=0,
                logits_all=True,
                type_k=_F32,
                type_v=_F32,
                flash_attn=False,
                lora_path=None if adapter is None else str(adapter),
                verbose=False,
            )
        except (ValueError, RuntimeError) as fault:
            raise ExportFailed(reason=str(fault)) from fault
        self._binding = binding

    def tokens(self, text: str) -> list[int]:
        """Cut a text, control tokens included."""
        found: list[int] = self._llama.tokenize(text.encode("utf-8"), add_bos=False, special=True)
        return found

    def logits(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits at every position, shape [tokens, vocabulary]."""
        self._llama.reset()
        self._llama.eval(list(ids))
        size = self._llama.n_vocab()
        raw = self._binding.llama_get_logits(self._llama.ctx)
        flat = ctypes.cast(raw, ctypes.POINTER(ctypes.c_float * (len(ids) * size))).contents
        return np.frombuffer(flat, dtype=np.float32).reshape(len(ids), size).copy()

    def greedy(self, ids: Sequence[int], *, most: int, end: int) -> list[int]:
        """Continue greedily until `end` or `most` tokens."""
        self._llama.reset()
        self._llama.eval(list(ids))
        found: list[int] = []
        size = self._llama.n_vocab()
        rows = len(ids)
        while len(found) < most:
            raw = self._binding.llama_get_logits_ith(self._llama.ctx, rows - 1)
            flat = ctypes.cast(raw, ctypes.POINTER(ctypes.c_float * size)).contents
            best = int(np.argmax(np.frombuffer(flat, dtype=np.float32)))
            if best == end:
                break
            found.append(best)
            self._llama.eval([best])
            rows = 1
        return found

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


def greedy(model: nn.Module, ids: Sequence[int], *, most: int, end: int) -> list[int]:
    """Continue greedily with the torch model until `end` or `most` tokens."""
    whole = list(ids)
    with torch.inference_mode():
        while len(whole) < len(ids) + most:
            best = int(model(input_ids=torch.tensor([whole])).logits[0, -1].argmax())
            if best == end:
                break
            whole.append(best)
    return whole[len(ids) :]


def compare(
    model: nn.Module,
    tokenizer: Tokenizer,
    opened: LlamaFile,
    prompts: Sequence[str],
    *,
    end: int,
    most: int = 64,
) -> Parity:
    """Run the same prompts through both forms.

    Args:
        model: The torch model in evaluation mode, float32, on the CPU.
        tokenizer: Its tokenizer.
        opened: The GGUF file.
        prompts: Laid-out chats, ready for an answer.
        end: Id of the token that ends an answer.
        most: Most tokens to generate per prompt.
    """
    worst, same_tokens, same_texts = 0.0, 0, 0
    for prompt in prompts:
        ids = tokenizer.encode(prompt, add_special_tokens=False).ids
        same_tokens += opened.tokens(prompt) == ids
        with torch.inference_mode():
            expected = model(input_ids=torch.tensor([ids])).logits[0].float().numpy()
        worst = max(worst, float(np.abs(expected - opened.logits(ids)).max()))
        wanted = greedy(model, ids, most=most, end=end)
        same_texts += opened.greedy(ids, most=most, end=end) == wanted
    return Parity(worst, same_tokens, same_texts, len(prompts))
