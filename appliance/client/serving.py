"""The part of a conversation with a box that is about serving."""

from collections.abc import Mapping
from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.contract.catalogue import ModelElsewhere
from appliance.contract.serving import (
    AdapterView,
    AdapterWish,
    DeploymentView,
    DeploymentWish,
    Keeping,
    Leases,
    ModelStateView,
    Promotion,
    WindowWish,
)


class Serving:
    """Models in memory, served names, adapters and leases; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    # Models

    async def states(self) -> tuple[ModelStateView, ...]:
        """Models in memory, on their way there, or failed."""
        rows = await self._wire.json("GET", "/api/v1/models/status")
        return tuple(ModelStateView.model_validate(row) for row in rows)

    async def elsewhere(self) -> tuple[ModelElsewhere, ...]:
        """Models and served names that only other boxes of the cluster have."""
        rows = await self._wire.json("GET", "/api/v1/models/elsewhere")
        return tuple(ModelElsewhere.model_validate(row) for row in rows)

    async def load(self, model: str) -> ModelStateView:
        """Load a model now."""
        return await self._wire.view(ModelStateView, "POST", f"{_model(model)}/load")

    async def unload(self, model: str) -> None:
        """Let a model go after its running answers."""
        await self._wire.json("POST", f"{_model(model)}/unload")

    async def remove(self, model: str) -> None:
        """Take a model off the shelf."""
        await self._wire.json("DELETE", _model(model))

    async def keep(self, model: str, keeping: Keeping) -> Keeping:
        """Decide how a model is kept."""
        return await self._wire.view(Keeping, "PUT", f"{_model(model)}/keeping", keeping)

    async def metrics(self) -> str:
        """The counters of the box in the text form of Prometheus."""
        pieces = [piece async for piece in self._wire.pieces("/metrics", {})]
        return b"".join(pieces).decode("utf-8", "replace")

    # Served names

    async def deployments(self) -> tuple[DeploymentView, ...]:
        """Every served name."""
        rows = await self._wire.json("GET", "/api/v1/deployments")
        return tuple(DeploymentView.model_validate(row) for row in rows)

    async def deploy(self, name: str, wish: DeploymentWish) -> DeploymentView:
        """Give a served name its targets."""
        return await self._wire.view(DeploymentView, "PUT", _deployment(name), wish)

    async def revert(self, name: str) -> DeploymentView:
        """Give a served name the targets it had before."""
        return await self._wire.view(DeploymentView, "POST", f"{_deployment(name)}/revert")

    async def drain(self, name: str) -> DeploymentView:
        """Take nothing new under a served name."""
        return await self._wire.view(DeploymentView, "POST", f"{_deployment(name)}/drain")

    async def withdraw(self, name: str) -> None:
        """Serve nothing under a name any more."""
        await self._wire.json("DELETE", _deployment(name))

    # Adapters

    async def adapters(self) -> tuple[AdapterView, ...]:
        """Every adapter."""
        rows = await self._wire.json("GET", "/api/v1/adapters")
        return tuple(AdapterView.model_validate(row) for row in rows)

    async def register_adapter(self, wish: AdapterWish) -> AdapterView:
        """Take a LoRA file into the vault (local socket only)."""
        return await self._wire.view(AdapterView, "POST", "/api/v1/adapters", wish)

    async def adapter_step(self, adapter: str, step: str, name: str | None = None) -> AdapterView:
        """Take an adapter a step further or back.

        Args:
            adapter: The adapter.
            step: "approve", "load", "promote" or "revert".
            name: The served name that a promotion or its revert is about.
        """
        body = None if name is None else Promotion(name=name)
        return await self._wire.view(AdapterView, "POST", f"{_adapter(adapter)}/{step}", body)

    async def remove_adapter(self, adapter: str) -> None:
        """Delete an adapter."""
        await self._wire.json("DELETE", _adapter(adapter))

    # Leases

    async def leases(self, past: int = 0) -> Leases:
        """Who holds memory and cores, and the last `past` who were lent some."""
        query = f"?past={past}" if past else ""
        return await self._wire.view(Leases, "GET", f"/api/v1/leases{query}")

    async def set_window(self, purpose: str, window: str | None) -> Leases:
        """Give training or evaluation its hours; None means all day."""
        path = f"/api/v1/leases/windows/{_part(purpose)}"
        return await self._wire.view(Leases, "PUT", path, WindowWish(window=window))


def _model(model: str) -> str:
    return f"/api/v1/models/{_part(model)}"


def _deployment(name: str) -> str:
    return f"/api/v1/deployments/{_part(name)}"


def _adapter(adapter: str) -> str:
    return f"/api/v1/adapters/{_part(adapter)}"


def _part(value: str) -> str:
    return quote(value, safe="")


def used(holds: Mapping[str, int]) -> str:
    """Amounts by place for people: "host 1.5 GiB, cores 2"."""
    return ", ".join(
        f"{place} {amount}" if place == "cores" else f"{place} {amount / (1 << 30):.2f} GiB"
        for place, amount in sorted(holds.items())
    )
