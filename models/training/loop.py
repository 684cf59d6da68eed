"""The training loop: like-length batches, loss on answers, resumable and cancellable anywhere."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.training.checkpoint import Checkpoint, FolderKeeper, Keeper, restore
from models.training.corpus import Batch, Corpus, gather, plan_batches
from models.training.errors import TrainingDiverged
from models.training.model import answer_loss
from models.training.optimiser import Optimiser, clip, split
from models.training.precision import choose_device, choose_type
from models.training.recipe import Recipe, Schedule
from models.training.team import Alone, Team

_SMOOTHING = 0.95


@dataclass(frozen=True, slots=True)
class Progress:
    """What a watcher sees after a step.

    Attributes:
        step: Steps done.
        steps: Steps planned.
        fraction: How far the run is by steps or by clock, whichever is further (0..1).
        loss: Mean cross-entropy of the step, nats per token.
        smooth_loss: Its running mean.
        rate: Learning rate of the matrices (of the adapter in adapter runs).
        tokens: Tokens seen, padding not counted.
        tokens_per_s: Tokens per second of training so far.
        seconds: Training time.
    """

    step: int
    steps: int
    fraction: float
    loss: float
    smooth_loss: float
    rate: float
    tokens: int
    tokens_per_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: `finished`, or stopped between two steps with a checkpoint."""

    finished: bool
    step: int
    loss: float
    tokens: int
    seconds: float
    precision: str


def _silent(_: Progress) -> None:
    return None


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run needs from outside.

    Attributes:
        checkpoints: Folder for checkpoints, whoever else keeps them, or None to keep none.
        report: Called after each step.
        stop: Asked before each step; True ends the run with a checkpoint.
        clock: Monotonic seconds.
        team: Who trains with this process, in step.
    """

    checkpoints: Path | Keeper | None = None
    report: Callable[[Progress], None] = _silent
    stop: Callable[[], bool] = _never
    clock: Callable[[], float] = field(default=time.monotonic)
    team: Team = field(default_factory=Alone)


class Trainer(Protocol):
    """`train`, or who stands in for it."""

    def __call__(
        self,
        model: PreTrainedModel,
        corpus: Corpus,
        recipe: Recipe,
        surroundings: Surroundings,
        *,
        padding: int = 0,
    ) -> Outcome:
        """Train `model` in place."""
        ...


def rate_scale(schedule: Schedule, step: int, fraction: float) -> float:
    """Return the factor on the learning rate: linear rise, flat, linear fall to zero."""
    rise = min(1.0, (step + 1) / (schedule.warmup + 1))
    if schedule.decay == 0:
        return rise
    return min(rise, max(0.0, (1 - fraction) / schedule.decay), 1.0)


def train(
    model: nn.Module,
    corpus: Corpus,
    recipe: Recipe,
    surroundings: Surroundings,
    *,
    padding: int = 0,
) -> Outcome:
    """Train `model` in place, going on from the newest checkpoint when there is one.

    The same recipe, corpus, number of threads and kind of processor give the same weights, with or
    without interruptions in between (as long as `minutes` does not cut the run short).

    Args:
        model: A causal transformers model or a peft model; parameters in float32.
        corpus: Encoded examples.
        recipe: What to do.
        surroundings: Where checkpoints go, who watches, who may stop it.
        padding: Token id that fills short rows.

    Raises:
        TrainingDiverged: The loss is not finite.
        CheckpointMalformed: The newest checkpoint is damaged or of another recipe.
    """
    return _Run(model, corpus, recipe, surroundings, padding).go()


class _Run:
    """One run in flight."""

    def __init__(
        self, model: nn.Module, corpus: Corpus, recipe: Recipe, outside: Surroundings, padding: int
    ) -> None:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        self._device = choose_device(recipe.device)
        self._type = choose_type(recipe.precision, self._device)
        self._model = model.to(self._device).train()
        self._corpus, self._recipe, self._outside = corpus, recipe, outside
        self._padding, self._team = padding, outside.team
        kept = outside.checkpoints
        self._keeper = FolderKeeper(kept) if isinstance(kept, Path) else kept
        self._schedule = recipe.schedule
        if recipe.adapter is not None:
            self._schedule = replace(recipe.schedule, other_rate=recipe.adapter.rate)
        self._optimiser: Optimiser = split(
            model.named_parameters(), self._schedule, kind=self._type
        )
        self._parameters = {**self._optimiser.matrices, **self._optimiser.others}
        self._step = self._tokens = 0
        self._loss = self._smooth = math.nan
        self._seconds = 0.0
        self._resume()

    def _resume(self) -> None:
        found = None
        if self._keeper is not None and self._team.leads:
            found = self._keeper.newest(self._recipe.as_dict())
        found = self._team.spread(found)
        if found is None:
            return
        restore(self._parameters, found.model)
        state = {name: tensor.to(self._device) for name, tensor in found.optimiser.items()}
        self._optimiser.load(state, found.step)
        torch.set_rng_state(found.random_state)
        self._step, self._tokens, self._seconds = found.step, found.tokens, found.seconds

    def _save(self) -> None:
        if self._keeper is None or not self._team.leads:
            return
        self._keeper.save(
            Checkpoint(
                step=self._step,
                tokens=self._tokens,
                seconds=self._seconds,
                recipe=self._recipe.as_dict(),
                model={name: tensor.detach().cpu() for name, tensor in self._parameters.items()},
                optimiser={name: tensor.cpu() for name, tensor in self._optimiser.state.items()},
                random_state=torch.get_rng_state(),
            ),
        )

    def _fraction(self) -> float:
        schedule = self._recipe.schedule
        by_steps = self._step / schedule.steps
        by_clock = self._seconds / (60 * schedule.minutes) if schedule.minutes else 0.0
        return min(1.0, max(by_steps, by_clock))

    def _batches(self) -> Iterator[Batch]:
        """Yield batches from the current step on, pass after pass over the corpus."""
        epoch, skip = 0, self._step
        lengths = self._corpus.lengths
        budget = self._recipe.schedule.tokens_per_batch
        while True:
            plan = plan_batches(
                lengths,
                budget,
                seed=self._recipe.seed,
                epoch=epoch,
                ordered=self._recipe.ordered and epoch == 0,
            )
            for rows in plan[skip:]:
                yield gather(self._corpus, rows, padding=self._padding)
            skip = max(0, skip - len(plan))
            epoch += 1

    def go(self) -> Outcome:
        batches = self._batches()
        while self._fraction() < 1:
            stop, self._seconds = self._team.agree(stop=self._outside.stop(), seconds=self._seconds)
            if stop:
                self._save()
                return self._outcome(finished=False)
            began = self._outside.clock()
            self._one(next(batches))
            self._seconds += self._outside.clock() - began
            if self._team.leads:
                self._tell()
            if self._step % self._recipe.checkpoint_every == 0 and self._fraction() < 1:
                self._save()
        self._save()
        self._model.eval()
        return self._outcome(finished=True)

    def _one(self, batch: Batch) -> None:
        share, part = self._team.share(batch)
        ids = torch.from_numpy(share.ids).to(self._device)
        targets = torch.from_numpy(share.targets).to(self._device)
        with self._autocast():
            loss: Tensor = part * answer_loss(self._model, ids, targets)
        self._loss = self._team.total(float(loss.detach()))
        if not math.isfinite(self._loss):
            raise TrainingDiverged(step=self._step + 1)
        loss.backward()  # type: ignore[no-untyped-call]
        self._team.add(self._parameters.values())
        clip(self._parameters.values(), self._recipe.schedule.clip)
        self._optimiser.step(rate_scale(self._recipe.schedule, self._step, self._fraction()))
        self._step += 1
        self._tokens += batch.tokens
        smooth = self._loss if math.isnan(self._smooth) else self._smooth
        self._smooth = _SMOOTHING * smooth + (1 - _SMOOTHING) * self._loss

    def _autocast(self) -> AbstractContextManager[object]:
        if self._type == torch.float32:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._type)

    def _tell(self) -> None:
        schedule = self._recipe.schedule
        rate = self._recipe.adapter.rate if self._recipe.adapter else schedule.matrix_rate
        fraction = self._fraction()
        self._outside.report(
            Progress(
                step=self._step,
                steps=schedule.steps,
                fraction=fraction,
                loss=self._loss,
                smooth_loss=self._smooth,
                rate=rate * rate_scale(schedule, self._step, fraction),
                tokens=self._tokens,
                tokens_per_s=self._tokens / self._seconds if self._seconds else 0.0,
                seconds=self._seconds,
            )
        )

    def _outcome(self, *, finished: bool) -> Outcome:
        kind = str(self._type).removeprefix("torch.")
        return Outcome(finished, self._step, self._smooth, self._tokens, self._seconds, kind)
