"""Checkpoints of a run: safetensors and JSON only, written beside and renamed into place."""

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import load_file, save_file
from safetensors.torch import save as to_bytes
from torch import Tensor
from typing_extensions import override

from models.training.errors import CheckpointMalformed, TrainingDiskFull

_PREFIX = "step-"
_RANDOM_STATE = "random.state"
_GROUPS = ("model/", "optimiser/")
_COUNTS = "counts"
_FILES = ("model.safetensors", "optimiser.safetensors", "state.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that is needed to go on as if nothing had happened.

    Attributes:
        step: Steps done.
        tokens: Tokens seen.
        seconds: Training time so far, without the pauses.
        recipe: The recipe as JSON values; a checkpoint resumes only under the same recipe.
        model: Trained tensors by parameter name.
        optimiser: Optimiser tensors.
        random_state: State of torch's CPU generator, uint8.
    """

    step: int
    tokens: int
    seconds: float
    recipe: Mapping[str, Any]
    model: Mapping[str, Tensor]
    optimiser: Mapping[str, Tensor]
    random_state: Tensor


def save(folder: Path, checkpoint: Checkpoint, *, keep: int = 2) -> Path:
    """Write a checkpoint atomically and drop all but the newest `keep`.

    Raises:
        TrainingDiskFull: No room; earlier checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{_PREFIX}{checkpoint.step:09d}"
    draft = folder / f".{final.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _write(draft, checkpoint)
    except (OSError, SafetensorError) as fault:
        shutil.rmtree(draft, ignore_errors=True)
        full = getattr(fault, "errno", None) == errno.ENOSPC or "No space left" in str(fault)
        if full:
            raise TrainingDiskFull(name=final.name) from fault
        raise
    shutil.rmtree(final, ignore_errors=True)
    draft.rename(final)
    _sync(folder)
    for old in _found(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def _write(draft: Path, checkpoint: Checkpoint) -> None:
    draft.mkdir()
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.optimiser.items()}
    save_file(
        {name: tensor.contiguous() for name, tensor in checkpoint.model.items()},
        draft / "model.safetensors",
    )
    save_file(
        tensors | {_RANDOM_STATE: checkpoint.random_state.clone()}, draft / "optimiser.safetensors"
    )
    state = {
        "step": checkpoint.step,
        "tokens": checkpoint.tokens,
        "seconds": checkpoint.seconds,
        "recipe": checkpoint.recipe,
    }
    (draft / "state.json").write_bytes(orjson.dumps(state, option=orjson.OPT_INDENT_2))
    for name in _FILES:
        _sync(draft / name)
    _sync(draft)


def newest(folder: Path, recipe: Mapping[str, Any]) -> Checkpoint | None:
    """Read the newest checkpoint under `folder`, or return None when there is none.

    Raises:
        CheckpointMalformed: It is damaged, or was made under another recipe.
    """
    found = _found(folder)
    if not found:
        return None
    checkpoint = _read(found[-1])
    if checkpoint.recipe != orjson.loads(orjson.dumps(recipe)):
        raise CheckpointMalformed(reason=f"{found[-1].name} belongs to another recipe")
    return checkpoint


def _read(folder: Path) -> Checkpoint:
    try:
        state = orjson.loads((folder / "state.json").read_bytes())
        model = load_file(folder / "model.safetensors")
        optimiser = load_file(folder / "optimiser.safetensors")
        return Checkpoint(
            step=int(state["step"]),
            tokens=int(state["tokens"]),
            seconds=float(state["seconds"]),
            recipe=state["recipe"],
            model=model,
            random_state=optimiser.pop(_RANDOM_STATE),
            optimiser=optimiser,
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as fault:
        raise CheckpointMalformed(reason=f"{folder.name}: {fault}") from fault


class Keeper(Protocol):
    """Where a run keeps its checkpoints."""

    def newest(self, recipe: Mapping[str, Any]) -> Checkpoint | None:
        """The newest one; raises CheckpointMalformed as `newest` does."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep one; raises TrainingDiskFull."""
        ...


@dataclass(frozen=True, slots=True)
class FolderKeeper(Keeper):
    """A folder of checkpoints."""

    folder: Path

    @override
    def newest(self, recipe: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest one."""
        return newest(self.folder, recipe)

    @override
    def save(self, checkpoint: Checkpoint) -> None:
        """Write one, and drop the oldest."""
        save(self.folder, checkpoint)


def pack(checkpoint: Checkpoint) -> bytes:
    """A checkpoint without its recipe, for another process: tensors and numbers, nothing pickled."""
    tensors = {_RANDOM_STATE: checkpoint.random_state.clone()}
    for prefix, group in zip(_GROUPS, (checkpoint.model, checkpoint.optimiser), strict=True):
        tensors |= {prefix + name: tensor.clone().contiguous() for name, tensor in group.items()}
    numbers = [checkpoint.step, checkpoint.tokens, checkpoint.seconds]
    tensors[_COUNTS] = torch.tensor(numbers, dtype=torch.float64)
    return bytes(to_bytes(tensors))


def unpack(raw: bytes) -> Checkpoint:
    """Read what `pack` wrote. Raises CheckpointMalformed."""
    try:
        tensors = from_bytes(raw)
        step, tokens, seconds = (float(value) for value in tensors.pop(_COUNTS))
        random_state = tensors.pop(_RANDOM_STATE)
    except (KeyError, ValueError, SafetensorError) as fault:
        raise CheckpointMalformed(reason=str(fault)) from fault
    model, optimiser = (
        {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
        for prefix in _GROUPS
    )
    return Checkpoint(int(step), int(tokens), seconds, {}, model, optimiser, random_state)


def restore(parameters: Mapping[str, torch.nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into parameters.

    Raises:
        CheckpointMalformed: Names or shapes differ.
    """
    if set(parameters) != set(tensors):
        raise CheckpointMalformed(reason="the parameters are not those of this model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != tensors[name].shape:
                raise CheckpointMalformed(reason=f"{name} has another shape")
            parameter.copy_(tensors[name])


def _found(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.startswith(_PREFIX))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
