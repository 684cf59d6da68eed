"""Routes of roles and service accounts."""

from fastapi import APIRouter, Response

from appliance.api.deps import Box, UserReader, UserWriter
from appliance.api.people_views import account_view, role_view
from appliance.contract.people import (
    AccountView,
    AccountWish,
    RoleChange,
    RoleScopes,
    RoleView,
    TotpDemand,
)

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.get("/roles")
def roles(box: Box, _: UserReader) -> list[RoleView]:
    """Every role and what it may do."""
    return [role_view(role) for role in box.access.roles.all()]


@router.put("/roles/{name}")
def define_role(name: str, wish: RoleScopes, box: Box, who: UserWriter) -> RoleView:
    """Define a role of the hospital's own, or other scopes for one; it counts at once."""
    return role_view(box.access.roles.define(name, frozenset(wish.scopes), who))


@router.delete("/roles/{name}", status_code=204)
def remove_role(name: str, box: Box, who: UserWriter) -> Response:
    """Remove a role that nobody has."""
    box.access.roles.remove(name, who)
    return Response(status_code=204)


@router.put("/roles/{name}/totp")
def demand_totp(name: str, wish: TotpDemand, box: Box, who: UserWriter) -> RoleView:
    """Say whether the people of a role need one-time codes; it counts at once."""
    return role_view(box.access.roles.demand_totp(name, who, on=wish.demanded))


@router.get("/accounts")
def accounts(box: Box, _: UserReader) -> list[AccountView]:
    """Every service account."""
    return [account_view(account) for account in box.access.accounts.all()]


@router.post("/accounts", status_code=201)
def create_account(wish: AccountWish, box: Box, who: UserWriter) -> AccountView:
    """Make a service account: an owner of keys that is no person."""
    return account_view(box.access.accounts.create(wish.name, wish.role, wish.note, who))


@router.put("/accounts/{name}/role")
def set_account_role(name: str, wish: RoleChange, box: Box, who: UserWriter) -> AccountView:
    """Change what the keys of an account may do; it counts at once."""
    return account_view(box.access.accounts.set_role(name, wish.role, who))


@router.post("/accounts/{name}/disable")
def disable_account(name: str, box: Box, who: UserWriter) -> AccountView:
    """Let the keys and certificates of an account rest, at once."""
    return account_view(box.access.accounts.disable(name, who))


@router.post("/accounts/{name}/enable")
def enable_account(name: str, box: Box, who: UserWriter) -> AccountView:
    """Let the keys and certificates of an account work again."""
    return account_view(box.access.accounts.enable(name, who))


@router.delete("/accounts/{name}", status_code=204)
def remove_account(name: str, box: Box, who: UserWriter) -> Response:
    """Remove an account; its keys are revoked, what they used stays."""
    box.access.accounts.remove(name, who)
    return Response(status_code=204)
