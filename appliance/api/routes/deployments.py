"""Routes of served names: what they stand for, in which shares, and back again."""

from fastapi import APIRouter, Response

from appliance.api.deps import Box, ModelReader, ModelWriter
from appliance.api.serving_views import deployment_view, targets_of
from appliance.contract.serving import DeploymentView, DeploymentWish, ServedName

router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"])


@router.get("")
async def deployments(box: Box, _: ModelReader) -> list[DeploymentView]:
    """Every served name."""
    return [deployment_view(one) for one in box.serving.deployments.all()]


@router.get("/{name}")
async def deployment(name: str, box: Box, _: ModelReader) -> DeploymentView:
    """One served name."""
    return deployment_view(box.serving.deployments.get(name))


@router.put("/{name}")
async def apply(
    name: ServedName, wish: DeploymentWish, box: Box, who: ModelWriter
) -> DeploymentView:
    """Give a name its targets; requests go by them at once."""
    one = await box.serving.deployments.apply(name, targets_of(wish), who.actor)
    return deployment_view(one)


@router.post("/{name}/revert")
async def revert(name: str, box: Box, who: ModelWriter) -> DeploymentView:
    """Give a name the targets it had before."""
    return deployment_view(await box.serving.deployments.revert(name, who.actor))


@router.post("/{name}/drain")
async def drain(name: str, box: Box, who: ModelWriter) -> DeploymentView:
    """Take nothing new under a name; running answers end."""
    return deployment_view(await box.serving.deployments.drain(name, who.actor))


@router.delete("/{name}", status_code=204)
async def withdraw(name: str, box: Box, who: ModelWriter) -> Response:
    """Serve nothing under a name any more."""
    await box.serving.deployments.withdraw(name, who.actor)
    return Response(status_code=204)
