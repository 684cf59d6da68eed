"""How each model is kept: pinned in memory, let go when idle, or put to rest by a person."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from appliance.audit.event import Event
from appliance.audit.events import BOX
from appliance.audit.events_serving import model_engine
from appliance.serving.lease import Audit
from appliance.serving.store import Keeping, ServingStore

Happened = Literal["load", "unload", "evict", "fail"]
_AUDIT_TIMEOUT_S: Final = 30.0


class Keeper:
    """What people decided about models, durable and on the record.

    Args:
        store: Where it is kept.
        audit: The audit log.
        idle_unload_s: Idle time after which a model is let go, unless it has its own; 0: never.
        standing: Models that answer by default, which are kept like pinned ones.
    """

    def __init__(
        self,
        store: ServingStore,
        audit: Audit,
        idle_unload_s: float,
        standing: Callable[[], frozenset[str]],
    ) -> None:
        self._store = store
        self._audit = audit
        self._idle_s = idle_unload_s
        self._standing = standing
        self._by_model: dict[str, Keeping] = {}
        self._asked: dict[str, str] = {}
        # Unloaded by a person: not loaded again before somebody asks for it.
        self.resting: set[str] = set()

    async def start(self) -> None:
        """Read what was decided."""
        self._by_model = await asyncio.to_thread(self._store.keepings)

    def of(self, model: str) -> Keeping:
        """How a model is kept."""
        return self._by_model.get(model, Keeping())

    def kept(self, model: str) -> bool:
        """Whether a model is never put out for another one."""
        return self.of(model).pinned or (model in self._standing() and model not in self.resting)

    def wanted(self) -> frozenset[str]:
        """Models that are loaded without being asked for."""
        pinned = {model for model, keeping in self._by_model.items() if keeping.pinned}
        return frozenset((pinned | self._standing()) - self.resting)

    def idle_s(self, model: str) -> float:
        """Idle seconds after which a model is let go; 0: never."""
        if self.kept(model):
            return 0
        own = self.of(model).idle_unload_s
        return self._idle_s if own is None else own

    async def decide(self, model: str, keeping: Keeping, actor: str) -> None:
        """Store how a model is kept."""

        def write() -> None:
            action: Literal["pin", "unpin"] = "pin" if keeping.pinned else "unpin"
            with self._store.change():
                self._store.keep(model, keeping)
                self._record(model_engine(action, actor, model=model))

        await asyncio.to_thread(write)
        self._by_model[model] = keeping
        self.resting.discard(model)

    async def ask(self, action: str, model: str, actor: str) -> None:
        """Put a person's wish on record: "load" is recorded once it is done, "unload" before."""
        if action == "load":
            self._asked[model] = actor
            self.resting.discard(model)
            return
        event = model_engine("unload", actor, model=model)
        await asyncio.to_thread(self._record, event)
        self.resting.add(model)

    def happened(self, what: Happened, model: str, code: str | None) -> None:
        """Put on record what the box did: "load", "unload", "evict", "fail"; nobody waits for it."""
        actor = self._asked.pop(model, BOX)
        self._audit.append(model_engine(what, actor, model=model, code=code))

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
