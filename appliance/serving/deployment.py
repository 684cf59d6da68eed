"""Deployments: names that applications ask for, each a share of one or several models."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from appliance.audit.events_serving import deployment_change
from appliance.serving.errors import DeploymentDrained, DeploymentRefused, DeploymentUnknown
from appliance.serving.lease import Audit
from appliance.serving.store import ServingStore, StoredDeployment, Target
from models.errors import ModelsError, ModelUnknown

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST_TARGETS: Final = 8
_HUNDRED: Final = 100
_AUDIT_TIMEOUT_S: Final = 30.0
_Action = Literal["apply", "revert", "drain", "withdraw"]


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a request goes: a model, alone or with one of its adapters."""

    model: str
    adapter: str | None = None


class Split:
    """Shares requests out by weight, evenly: of every hundred each target gets its percent.

    A counter decides and no hash: shares are exact after a hundred requests whatever their ids,
    and it costs one addition. Live on one event loop.
    """

    __slots__ = ("_next", "aims", "name", "schedule")

    def __init__(self, name: str, targets: Sequence[Target]) -> None:
        self.name = name
        self.aims = tuple(Aim(one.model, one.adapter) for one in targets if one.weight)
        self.schedule = spread([one.weight for one in targets if one.weight])
        self._next = 0

    def pick(self) -> Aim:
        """The target of the next request."""
        place = self._next
        self._next = place + 1 if place + 1 < len(self.schedule) else 0
        return self.aims[self.schedule[place]]


def spread(weights: Sequence[int]) -> tuple[int, ...]:
    """Lay out turns so that each of `weights` comes in its share, as far apart as may be.

    The smooth weighted round robin of nginx: who is owed most has its turn and pays the sum.

    Returns:
        Indices, `sum(weights)` of them.
    """
    total = sum(weights)
    owed = [0] * len(weights)
    turns = []
    for _ in range(total):
        owed = [due + weight for due, weight in zip(owed, weights, strict=True)]
        turn = max(range(len(owed)), key=lambda index: (owed[index], -index))
        owed[turn] -= total
        turns.append(turn)
    return tuple(turns)


class Deployments:
    """The served names of the box: durable, on the record, put back in one call.

    Args:
        store: Where they are kept.
        audit: The audit log; a change that cannot be recorded does not happen.
        check: Passes a target (model and adapter) that can be served; raises what is wrong.
        clock: Unix seconds.
    """

    def __init__(
        self,
        store: ServingStore,
        audit: Audit,
        check: Callable[[str, str | None], object],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._audit = audit
        self._check = check
        self._clock = clock
        self._changing = asyncio.Lock()
        self._splits: dict[str, Split] = {}
        self._known: dict[str, StoredDeployment] = {}

    async def start(self) -> None:
        """Read what was deployed."""
        for one in await asyncio.to_thread(self._store.deployments):
            self._take(one)

    def all(self) -> tuple[StoredDeployment, ...]:
        """Every served name, by name."""
        return tuple(self._known[name] for name in sorted(self._known))

    def get(self, name: str) -> StoredDeployment:
        """One served name. Raises DeploymentUnknown."""
        one = self._known.get(name)
        if one is None:
            raise DeploymentUnknown(name=ascii(name[:64]))
        return one

    def split(self, name: str) -> Split | None:
        """How a name's requests are shared out; None when it is no served name, or drained."""
        return self._splits.get(name)

    def require_open(self, name: str) -> None:
        """Pass a name that is not drained. Raises DeploymentDrained."""
        if name in self._known and name not in self._splits:
            raise DeploymentDrained(name=name, retry_after_s=30)

    def uses(self, model: str, adapter: str | None = None) -> str | None:
        """A served name that sends requests to a model, or to its adapter; None without one."""
        for one in self._known.values():
            for target in one.targets:
                if target.model == model and adapter in {None, target.adapter}:
                    return one.name
        return None

    async def apply(self, name: str, targets: Sequence[Target], actor: str) -> StoredDeployment:
        """Give a name its targets; the next request goes by them.

        Args:
            name: What applications ask for; no model's own id.
            targets: One to eight; weights are percents and add up to 100, 0 drains a target.
            actor: Who asks.

        Raises:
            DeploymentRefused: The name or the weights cannot be.
            ApplianceError, ModelsError: A target cannot be served.
        """
        _judge(name, targets)
        async with self._changing:
            await asyncio.to_thread(self._check_targets, name, targets)
            return await self._put("apply", name, tuple(targets), actor)

    async def revert(self, name: str, actor: str) -> StoredDeployment:
        """Give a name the targets it had before the present ones; twice brings these back.

        Raises:
            DeploymentUnknown: There is no such name.
            DeploymentRefused: It never had others.
        """
        async with self._changing:
            one = self.get(name)
            before = one.previous
            targets = (
                ()
                if before is None
                else await asyncio.to_thread(self._store.revision, name, before)
            )
            if not targets:
                raise DeploymentRefused(
                    name=name, reason_zh="没有上一版", reason_en="it has no previous revision"
                )
            await asyncio.to_thread(self._check_targets, name, targets)
            return await self._put("revert", name, targets, actor)

    async def drain(self, name: str, actor: str) -> StoredDeployment:
        """Take nothing new under a name; running answers end. `apply` or `revert` bring it back."""
        async with self._changing:
            one = replace(self.get(name), drained=True)

            def write() -> None:
                with self._store.change():
                    self._store.drain(name)
                    self._record("drain", one, actor)

            await asyncio.to_thread(write)
            self._take(one)
            return one

    async def withdraw(self, name: str, actor: str) -> None:
        """Serve nothing under a name any more. Raises DeploymentUnknown."""
        async with self._changing:
            one = self.get(name)

            def write() -> None:
                with self._store.change():
                    self._store.withdraw(name)
                    self._record("withdraw", one, actor)

            await asyncio.to_thread(write)
            del self._known[name]
            self._splits.pop(name, None)

    def _check_targets(self, name: str, targets: Sequence[Target]) -> None:
        if self._is_model(name):
            raise DeploymentRefused(
                name=name,
                reason_zh="服务名不能与模型同名",
                reason_en="a served name cannot be a model's own id",
            )
        for target in targets:
            self._check(target.model, target.adapter)

    def _is_model(self, name: str) -> bool:
        try:
            self._check(name, None)
        except ModelUnknown:
            return False
        except ModelsError:
            # A damaged one has the name all the same.
            return True
        return True

    async def _put(
        self, action: _Action, name: str, targets: tuple[Target, ...], actor: str
    ) -> StoredDeployment:
        before = self._known.get(name)

        def write() -> StoredDeployment:
            with self._store.change():
                one = StoredDeployment(
                    name=name,
                    revision=self._store.newest_revision(name) + 1,
                    previous=None if before is None else before.revision,
                    drained=False,
                    targets=targets,
                    actor=actor,
                    made=self._clock(),
                )
                self._store.deploy(one)
                self._record(action, one, actor)
            return one

        one = await asyncio.to_thread(write)
        self._take(one)
        return one

    def _take(self, one: StoredDeployment) -> None:
        self._known[one.name] = one
        if one.drained:
            self._splits.pop(one.name, None)
        else:
            self._splits[one.name] = Split(one.name, one.targets)

    def _record(self, action: _Action, one: StoredDeployment, actor: str) -> None:
        event = deployment_change(
            action,
            actor,
            name=one.name,
            revision=one.revision,
            targets=[told(target) for target in one.targets],
        )
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def told(target: Target) -> str:
    """A target as one word: "model=90" or "model+adapter=10"."""
    adapter = f"+{target.adapter}" if target.adapter else ""
    return f"{target.model}{adapter}={target.weight}"


def _judge(name: str, targets: Sequence[Target]) -> None:
    reasons: Mapping[str, tuple[bool, str]] = {
        "名称不合格式": (not _NAME.fullmatch(name), "the name is malformed"),
        f"目标须为 1 至 {_MOST_TARGETS} 个": (
            not 0 < len(targets) <= _MOST_TARGETS,
            f"it takes 1 to {_MOST_TARGETS} targets",
        ),
        "权重之和须为 100": (
            sum(one.weight for one in targets) != _HUNDRED,
            "the weights do not add up to 100",
        ),
        "权重须在 0 至 100 之间": (
            any(not 0 <= one.weight <= _HUNDRED for one in targets),
            "a weight is not between 0 and 100",
        ),
        "同一目标出现两次": (
            len({(one.model, one.adapter) for one in targets}) != len(targets),
            "a target is named twice",
        ),
    }
    for zh, (broken, en) in reasons.items():
        if broken:
            raise DeploymentRefused(name=ascii(name[:64]), reason_zh=zh, reason_en=en)
