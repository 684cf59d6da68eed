"""Routes of the vault's keys: how they lie, replacing them, erasing by destroying them."""

from typing import Annotated

from fastapi import APIRouter, Query

from appliance.api import key_changes
from appliance.api.dataset_views import dataset_list
from appliance.api.deps import Box, SystemReader, TheFront, VaultWriter
from appliance.contract.vault_keys import (
    DatasetList,
    DestructionCertificate,
    Erasure,
    KeyList,
    KeyRotated,
    KeyRotation,
)

router = APIRouter(prefix="/api/v1/vault", tags=["vault"])


@router.get("/keys")
def keys(front: TheFront, _: SystemReader) -> KeyList:
    """Every key by use and version: algorithm, age, what lies under it; no secrets."""
    return key_changes.listing(front)


@router.post("/keys/rotate")
async def rotate(wish: KeyRotation, front: TheFront, who: VaultWriter) -> KeyRotated:
    """Replace the root key, or the key of one use; nobody is disturbed."""
    return await key_changes.rotate(front, wish, who)


@router.get("/datasets")
def datasets(
    box: Box, _: VaultWriter, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> DatasetList:
    """Files and data sets of all callers, newest first: how each is sealed; never their content."""
    return dataset_list(box.files, limit)


@router.post("/keys/erase")
async def erase(wish: Erasure, front: TheFront, who: VaultWriter) -> DestructionCertificate:
    """Destroy for good a dataset, a patient's bodies of the record, or the whole box."""
    return await key_changes.erase(front, wish, who)
