"""Route of the encrypted storage: back end, what is not well with it, and its space."""

from fastapi import APIRouter

from appliance.api.deps import Box, SystemReader, TheFront
from appliance.api.storage_views import finding_view, space_view
from appliance.contract.storage import StorageView
from appliance.vault.doctor import examine

router = APIRouter(prefix="/api/v1/storage", tags=["storage"])


@router.get("")
def storage(front: TheFront, box: Box, _: SystemReader) -> StorageView:
    """How the storage stands; sizes of areas are measured every five minutes."""
    return StorageView(
        time=front.clock(),
        backend=front.vault.status().backend,
        suite=front.vault.suite.id,
        findings=tuple(map(finding_view, examine(front.layout))),
        space=space_view(box.space.keeper.now),
    )
