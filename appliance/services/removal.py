"""Taking a model off the shelf for good, once nothing of the box leans on it any more."""

import asyncio

from appliance.catalogue.errors import ModelInUse
from appliance.services.open_box import Services
from appliance.serving.store import Keeping


async def remove_model(box: Services, model_id: str, actor: str) -> None:
    """Take a model off the shelf; a damaged one as well. Running answers end, new ones find none.

    Args:
        box: The open box.
        model_id: Its id.
        actor: Who asked.

    Raises:
        ModelUnknown: There is no such model.
        DefaultModelKept: It is the default model.
        ModelInUse: A served name, an adapter or the updates of the box need it.
    """
    serving = box.serving
    name = serving.deployments.uses(model_id)
    if name is not None:
        raise _used(model_id, f"服务 {name} 使用它", f"the served name {name} sends requests to it")
    for one in serving.adapters.all():
        if one.base == model_id:
            raise _used(model_id, f"适配器 {one.id} 以它为基础", f"the adapter {one.id} needs it")
    # What stands here from a stick is what the next stick builds on.
    if await asyncio.to_thread(box.updates.brought, model_id):
        raise _used(model_id, "它来自签名的更新包", "it came with a signed bundle")
    await asyncio.to_thread(box.catalogue.remove, model_id, actor)
    if serving.keeper.of(model_id).pinned:
        await serving.keeper.decide(model_id, Keeping(False, None), actor)
    await serving.residency.end(model_id)


def _used(model_id: str, reason_zh: str, reason_en: str) -> ModelInUse:
    return ModelInUse(model_id=ascii(model_id[:64]), reason_zh=reason_zh, reason_en=reason_en)
