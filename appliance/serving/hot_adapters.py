"""Changes the adapters of an engine that takes them while it runs; nobody's answer is broken off."""

import asyncio
from dataclasses import replace
from typing import Final

from appliance.serving.adapter_folder import digest_of_adapter
from appliance.serving.errors import AdapterRefused
from appliance.serving.resident import LoadedAdapter, Phase, Resident
from models.engines.lifecycle import EngineSupervisor
from models.engines.probe import ask
from models.engines.vllm_adapters import is_hot, load_request, unload_request

_PATIENCE_S: Final = 120.0


async def swap(one: Resident, wanted: tuple[LoadedAdapter, ...]) -> bool:
    """Give a running engine its present adapters.

    A new one is there before anybody is sent to it; one that goes is asked for by nobody any more.
    A restart of the engine afterwards brings the same ones back.

    Args:
        one: The model in memory.
        wanted: Its adapters from now on, their files checked.

    Returns:
        False when the engine has to be started anew for it.

    Raises:
        AdapterRefused: The engine does not take an adapter; everything is as it was.
    """
    supervisor = one.supervisor
    ready = one.phase is Phase.READY and one.alive()
    if supervisor is None or not ready or not is_hot(one.engine, supervisor.spec):
        return False
    await asyncio.to_thread(check_adapters, wanted)
    lives = supervisor.status().restarts
    before = {adapter.id for adapter in one.adapters}
    after = {adapter.id for adapter in wanted}
    for adapter in wanted:
        if adapter.id not in before and not await _load(supervisor, adapter):
            return False
    paths = tuple(adapter.path for adapter in wanted)
    supervisor.spec = replace(supervisor.spec, adapters=paths)
    gone = [adapter for adapter in one.adapters if adapter.id not in after]
    one.adopt(wanted)
    for adapter in gone:
        # What it keeps of an adapter that nobody names any more does no harm.
        await ask(
            supervisor.address,
            supervisor.secret,
            unload_request(adapter.path),
            timeout_s=_PATIENCE_S,
        )
    return supervisor.status().restarts == lives


async def _load(supervisor: EngineSupervisor, adapter: LoadedAdapter) -> bool:
    """Whether the engine took it; False when it did not answer at all."""
    answer = await ask(
        supervisor.address, supervisor.secret, load_request(adapter.path), timeout_s=_PATIENCE_S
    )
    if answer.problem:
        return False
    if answer.status != 200:  # noqa: PLR2004
        told = f"HTTP {answer.status}"
        raise AdapterRefused(
            adapter=adapter.id,
            reason_zh=f"引擎拒绝({told})",
            reason_en=f"its engine refused: {told}",
        )
    return True


def check_adapters(adapters: tuple[LoadedAdapter, ...]) -> None:
    """Hash adapters again: an engine sees nothing that has changed. Raises AdapterRefused."""
    for adapter in adapters:
        if digest_of_adapter(adapter.path) != adapter.sha256:
            raise AdapterRefused(
                adapter=adapter.id, reason_zh="文件已改变", reason_en="its file has changed"
            )
