"""Routes of the models: the shelf, cards, verification, and the list that OpenAI's clients read."""

import asyncio
from datetime import UTC, datetime

import orjson
from fastapi import APIRouter, Response

from appliance.access.grants import Grant
from appliance.api.cluster_views import replica_views
from appliance.api.deps import Box, ChatCaller, ModelReader, ModelWriter, TheFront
from appliance.api.serving_views import state_view
from appliance.api.views import model_view
from appliance.cluster.replicas import Replica
from appliance.contract.catalogue import (
    CardView,
    ListedModel,
    ModelElsewhere,
    ModelList,
    ModelVerified,
    ModelView,
)
from appliance.contract.serving import Keeping, ModelStateView
from appliance.services.open_box import Services
from appliance.services.removal import remove_model
from appliance.serving.store import Keeping as StoredKeeping
from appliance.serving.store import StoredDeployment
from models.errors import ModelUnknown
from models.registry.shelf import ShelvedModel

router = APIRouter(tags=["models"])


def _view(box: Services, model: ShelvedModel) -> ModelView:
    name, content = model.card.id, model.manifest.content
    states = {one.model: str(one.status.state) for one in box.serving.status()}
    found = () if box.serving.beyond is None else box.serving.beyond.book.fit(name, None)
    boxes = tuple(sorted(one.address for one in found if one.offer.content == content))
    state, default = states.get(name, "absent"), name == box.serving.default
    return model_view(model, state, default=default, boxes=boxes)


def _listed(model: ShelvedModel) -> ListedModel:
    return _told(model.card.id, datetime.fromisoformat(model.manifest.created).timestamp())


def _told(name: str, created: float, owner: str = "wardbox") -> ListedModel:
    made = datetime.fromtimestamp(int(created), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ListedModel(
        id=name, created=int(created), owned_by=owner, display_name=name, created_at=made
    )


def _allowed(who: Grant, name: str) -> bool:
    return who.models is None or name in who.models


def _visible(who: Grant, model: ShelvedModel) -> bool:
    return _allowed(who, model.card.id)


def _served(who: Grant, one: StoredDeployment) -> bool:
    return not one.drained and _allowed(who, one.name)


def _elsewhere(name: str) -> ListedModel:
    """A model of another box, which does not tell when it was made."""
    return _told(name, 0, "wardbox-cluster")


def _named(one: StoredDeployment) -> ListedModel:
    return _told(one.name, one.made)


def _beyond(box: Services) -> dict[str, tuple[Replica, ...]]:
    """What other boxes of the cluster can be asked for now, by name; known to the event loop alone."""
    if box.serving.beyond is None:
        return {}
    book = box.serving.beyond.book
    return {name: book.holding(name) for name in book.askable()}


@router.get("/v1/models")
async def list_models(box: Box, who: ChatCaller) -> ModelList:
    """The models and served names that the caller's key may use, those of other boxes last."""
    shelf = await asyncio.to_thread(box.catalogue.models)
    models = [_listed(model) for model in shelf if _visible(who, model)]
    names = [one for one in box.serving.deployments.all() if _served(who, one)]
    here = {model.card.id for model in shelf} | {one.name for one in names}
    away = [one for one in _beyond(box) if one not in here and _allowed(who, one)]
    told = (*models, *map(_named, names), *map(_elsewhere, away))
    ends = (told[0].id, told[-1].id) if told else (None, None)
    return ModelList(data=told, first_id=ends[0], last_id=ends[1])


@router.get("/v1/models/{model_id}")
async def get_model(model_id: str, box: Box, who: ChatCaller) -> ListedModel:
    """One model or served name, of this box or of another one of the cluster."""
    box.access.allow(who, model_id)
    for one in box.serving.deployments.all():
        if one.name == model_id:
            return _named(one)
    try:
        return _listed(await asyncio.to_thread(box.catalogue.get, model_id))
    except ModelUnknown:
        if model_id not in _beyond(box):
            raise
        return _elsewhere(model_id)


@router.get("/api/v1/models")
async def models(box: Box, _: ModelReader) -> list[ModelView]:
    """The models on the shelf, the state of their engines, and which other boxes have them as well."""
    return [_view(box, model) for model in await asyncio.to_thread(box.catalogue.models)]


@router.get("/api/v1/models/elsewhere")
async def elsewhere(box: Box, _: ModelReader) -> list[ModelElsewhere]:
    """The models and served names that only other boxes have, and which these are."""
    here = {model.card.id for model in await asyncio.to_thread(box.catalogue.models)}
    here |= {one.name for one in box.serving.deployments.all() if not one.drained}
    return [
        ModelElsewhere(id=name, replicas=replica_views(found))
        for name, found in _beyond(box).items()
        if name not in here
    ]


@router.get("/api/v1/models/status")
async def states(box: Box, _: ModelReader) -> list[ModelStateView]:
    """Models in memory, on their way there, or failed, with what they hold."""
    return [state_view(one) for one in box.serving.pictures()]


@router.post("/api/v1/models/{model_id}/load", status_code=202)
async def load(model_id: str, box: Box, who: ModelWriter) -> ModelStateView:
    """Load a model now, whatever failed before."""
    return state_view(await box.serving.load(model_id, who.actor))


@router.post("/api/v1/models/{model_id}/unload", status_code=204)
async def unload(model_id: str, box: Box, who: ModelWriter) -> Response:
    """Let a model go after its running answers."""
    await box.serving.unload(model_id, who.actor)
    return Response(status_code=204)


@router.delete("/api/v1/models/{model_id}", status_code=204)
async def remove(model_id: str, box: Box, who: ModelWriter) -> Response:
    """Take a model that nothing needs off the shelf, whole or damaged; its running answers end."""
    await remove_model(box, model_id, who.actor)
    return Response(status_code=204)


@router.put("/api/v1/models/{model_id}/keeping")
async def keep(model_id: str, wish: Keeping, box: Box, who: ModelWriter) -> Keeping:
    """Pin a model, or give it its own idle time."""
    kept = StoredKeeping(wish.pinned, wish.idle_unload_s)
    await box.serving.keep(model_id, kept, who.actor)
    return wish


@router.get("/api/v1/models/{model_id}/card")
async def card(model_id: str, box: Box, _: ModelReader) -> CardView:
    """A model's card and signed manifest."""
    model = await asyncio.to_thread(box.catalogue.get, model_id)
    manifest = orjson.loads(model.manifest.to_bytes())
    return CardView(model=_view(box, model), card=model.card.to_json(), manifest=manifest)


@router.post("/api/v1/models/{model_id}/verify")
def verify(model_id: str, box: Box, who: ModelWriter, front: TheFront) -> ModelVerified:
    """Hash every byte of a model again."""
    manifest = box.catalogue.verify(model_id, who.actor)
    return ModelVerified(
        id=model_id,
        digest=manifest.digest,
        files=len(manifest.files),
        bytes=sum(file.size for file in manifest.files),
        checked=front.clock(),
    )
