"""Routes of the vault: how it stands, unlock and lock."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from appliance.api.deps import Local, Permit, TheFront, VaultWriter, grant_of
from appliance.api.errors import LocalOnly
from appliance.api.slot_views import offer_of, vault_view
from appliance.contract.access import Unlock, VaultView

router = APIRouter(prefix="/api/v1/vault", tags=["vault"])
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def unlocker(request: Request, front: TheFront, local: Local) -> str:
    """Who may try a secret: anybody on this machine, or a caller with `vault:write`."""
    if local:
        return "local:console"
    if request.client is not None and request.client.host in _LOOPBACK:
        return "local:tls"
    if front.services is None:
        raise LocalOnly(what="vault unlock")
    return Permit("vault:write")(request).actor


@router.get("")
def vault(request: Request, front: TheFront, local: Local) -> VaultView:
    """How the vault stands; while it is open, callers are asked who they are."""
    if front.services is not None:
        grant_of(request)
    return vault_view(front.vault_status(), near=local)


@router.post("/unlock")
async def unlock(
    wish: Unlock, front: TheFront, actor: Annotated[str, Depends(unlocker)]
) -> VaultView:
    """Open the vault with a passphrase, the recovery key, shares, or a key file and its passphrase."""
    return vault_view(await front.unlock(offer_of(wish), actor), near=True)


@router.post("/lock")
async def lock(front: TheFront, who: VaultWriter) -> VaultView:
    """Close everything and forget the keys."""
    return vault_view(await front.lock(who.actor))
