"""Workers that train one model in step: what each does of a batch, and how they come to agree."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from torch import distributed as dist
from torch import nn
from typing_extensions import override

from models.training.checkpoint import Checkpoint, pack, unpack
from models.training.corpus import Batch


class Team(Protocol):
    """Who trains. Every worker calls the same methods in the same order."""

    @property
    def leads(self) -> bool:
        """Whether this worker tells, and keeps checkpoints, for all of them."""
        ...

    def share(self, batch: Batch) -> tuple[Batch, float]:
        """The rows of a batch that this worker does, and their part of the batch's answer tokens."""
        ...

    def add(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add the gradients of all workers up, each weighed by its part before."""
        ...

    def total(self, value: float) -> float:
        """The sum of what every worker gives."""
        ...

    def agree(self, *, stop: bool, seconds: float) -> tuple[bool, float]:
        """Whether anybody wants to stop, and the leader's clock."""
        ...

    def spread(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """The leader's checkpoint, for everybody."""
        ...


class Alone(Team):
    """One worker does everything."""

    leads = True

    @override
    def share(self, batch: Batch) -> tuple[Batch, float]:
        return batch, 1.0

    @override
    def add(self, parameters: Iterable[nn.Parameter]) -> None:
        del parameters

    @override
    def total(self, value: float) -> float:
        return value

    @override
    def agree(self, *, stop: bool, seconds: float) -> tuple[bool, float]:
        return stop, seconds

    @override
    def spread(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        return checkpoint


class Gang(Team):
    """The workers of torch's default process group, which somebody else has made.

    Of every batch each does every n-th row. The loss of a batch is the mean over its answer tokens;
    a worker weighs its own mean by its part of them, so that the sums are those of one process.
    """

    def __init__(self) -> None:
        self._rank, self._size = dist.get_rank(), dist.get_world_size()

    @property
    @override
    def leads(self) -> bool:
        return bool(self._rank == 0)

    @override
    def share(self, batch: Batch) -> tuple[Batch, float]:
        rows = slice(self._rank, None, self._size)
        every = int((batch.targets >= 0).sum())
        if self._rank >= len(batch.ids):
            # A batch of fewer rows than workers: this one does a row that counts for nothing.
            return Batch(batch.ids[:1], batch.targets[:1], 0), 0.0
        ids, targets = batch.ids[rows], batch.targets[rows]
        tokens = round(batch.tokens * len(ids) / len(batch.ids))
        own = int((targets >= 0).sum())
        return Batch(np.ascontiguousarray(ids), np.ascontiguousarray(targets), tokens), own / every

    @override
    def add(self, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)

    @override
    def total(self, value: float) -> float:
        shared = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(shared)
        return float(shared[0])

    @override
    def agree(self, *, stop: bool, seconds: float) -> tuple[bool, float]:
        told = torch.tensor([float(stop), seconds if self.leads else 0.0], dtype=torch.float64)
        dist.all_reduce(told)
        return float(told[0]) > 0, float(told[1])

    @override
    def spread(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """Tensors and plain numbers only: no object travels pickled."""
        whole = pack(checkpoint) if self.leads and checkpoint is not None else b""
        size = torch.tensor([len(whole)], dtype=torch.int64)
        dist.broadcast(size, 0)
        if not int(size[0]):
            return None
        raw = torch.zeros(int(size[0]), dtype=torch.uint8)
        if self.leads:
            raw = torch.frombuffer(bytearray(whole), dtype=torch.uint8)
        dist.broadcast(raw, 0)
        return checkpoint if self.leads else unpack(raw.numpy().tobytes())
