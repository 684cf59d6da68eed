"""Muon for matrices and AdamW for the rest, in one optimiser whose state is plain tensors."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.training.recipe import Schedule

# Quintic Newton-Schulz coefficients and the 0.2 * sqrt(max(rows, columns)) scale: K. Jordan et al.,
# "Muon: an optimizer for hidden layers" (2024), and J. Liu et al., arXiv:2502.16982, section 2.2.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5
_BETAS = (0.9, 0.95)
_EPSILON = 1e-8


def orthogonalise(matrices: Tensor, *, kind: torch.dtype = torch.float32) -> Tensor:
    """Return the nearest semi-orthogonal matrices, roughly (singular values in 0.7..1.2).

    Args:
        matrices: Shape [count, rows, columns], float32.
        kind: The type to compute in. bfloat16 pays only on processors that have it.
    """
    a, b, c = _COEFFICIENTS
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = (matrices if wide else matrices.mT).to(kind)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).to(matrices.dtype)


@dataclass(slots=True)
class Optimiser:
    """Two rules over named parameters; `state` holds every tensor that a checkpoint needs."""

    matrices: dict[str, nn.Parameter]
    others: dict[str, nn.Parameter]
    schedule: Schedule
    kind: torch.dtype = torch.float32
    state: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0

    def step(self, scale: float) -> None:
        """Apply one update with both learning rates multiplied by `scale`, then clear gradients."""
        self.steps += 1
        with torch.no_grad():
            self._muon(self.schedule.matrix_rate * scale)
            self._adamw(self.schedule.other_rate * scale)
        for parameter in (*self.matrices.values(), *self.others.values()):
            parameter.grad = None

    def _slot(self, key: str, like: Tensor) -> Tensor:
        if key not in self.state:
            self.state[key] = torch.zeros_like(like)
        return self.state[key]

    def _muon(self, rate: float) -> None:
        """Update matrices of the same shape together: few large products instead of many small."""
        alike: dict[tuple[int, ...], list[tuple[str, Tensor, Tensor]]] = defaultdict(list)
        for name, parameter in self.matrices.items():
            if parameter.grad is not None:
                alike[tuple(parameter.shape)].append((name, parameter, parameter.grad))
        for shape, group in alike.items():
            looks_ahead = []
            for name, weight, gradient in group:
                momentum = self._slot(f"momentum.{name}", weight)
                momentum.lerp_(gradient, 1 - self.schedule.momentum)
                looks_ahead.append(torch.lerp(gradient, momentum, self.schedule.momentum))
            updates = orthogonalise(torch.stack(looks_ahead), kind=self.kind)
            length = 0.2 * max(shape) ** 0.5
            for (_, weight, _), update in zip(group, updates, strict=True):
                weight.mul_(1 - rate * self.schedule.weight_decay)
                weight.add_(update, alpha=-rate * length)

    def _adamw(self, rate: float) -> None:
        bias, second_bias = (1 - beta**self.steps for beta in _BETAS)
        for name, parameter in self.others.items():
            if (gradient := parameter.grad) is None:
                continue
            first = self._slot(f"first.{name}", parameter)
            second = self._slot(f"second.{name}", parameter)
            first.lerp_(gradient, 1 - _BETAS[0])
            second.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
            deviation = second.sqrt().div_(second_bias**0.5).add_(_EPSILON)
            parameter.addcdiv_(first, deviation, value=-rate / bias)

    def load(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Take over the tensors and the step count of a checkpoint."""
        self.state = dict(state)
        self.steps = steps


def split(
    named: Iterable[tuple[str, nn.Parameter]],
    schedule: Schedule,
    *,
    kind: torch.dtype = torch.float32,
) -> Optimiser:
    """Give hidden matrices to Muon, and embeddings, norms and adapters to AdamW."""
    matrices: dict[str, nn.Parameter] = {}
    others: dict[str, nn.Parameter] = {}
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        hidden = parameter.ndim == 2 and ".layers." in name and "lora_" not in name  # noqa: PLR2004
        (matrices if hidden else others)[name] = parameter
    return Optimiser(matrices, others, schedule, kind=kind)


def clip(parameters: Iterable[nn.Parameter], limit: float) -> float:
    """Scale gradients down to a joint norm of `limit`; return the norm before."""
    return float(nn.utils.clip_grad_norm_(list(parameters), limit))
