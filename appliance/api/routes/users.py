"""Routes of people, as administrators look after them."""

from fastapi import APIRouter, Response

from appliance.api.deps import Box, UserReader, UserWriter
from appliance.api.views import user_view
from appliance.contract.access import UserView, UserWish
from appliance.contract.people import PasswordReset, RoleChange

router = APIRouter(prefix="/api/v1/users", tags=["access"])
_DONE = 204


@router.get("")
def users(box: Box, _: UserReader) -> list[UserView]:
    """Every person who may sign in."""
    return [user_view(user) for user in box.access.users()]


@router.post("", status_code=201)
def create_user(wish: UserWish, box: Box, who: UserWriter) -> UserView:
    """Let a person in."""
    return user_view(
        box.access.people.create(wish.name, wish.password, wish.role, who, temporary=wish.temporary)
    )


@router.delete("/{name}", status_code=_DONE)
def remove_user(name: str, box: Box, who: UserWriter) -> Response:
    """Remove a person; sessions and keys end at once, what they used stays."""
    box.access.people.remove(name, who)
    return Response(status_code=_DONE)


@router.put("/{name}/password", status_code=_DONE)
def reset_password(name: str, wish: PasswordReset, box: Box, who: UserWriter) -> Response:
    """Give somebody a new password; their sessions end at once."""
    box.access.people.set_password(name, wish.password, who, temporary=wish.temporary)
    return Response(status_code=_DONE)


@router.put("/{name}/role", status_code=_DONE)
def set_role(name: str, wish: RoleChange, box: Box, who: UserWriter) -> Response:
    """Give somebody another role; their sessions and keys end at once."""
    box.access.people.set_role(name, wish.role, who)
    return Response(status_code=_DONE)


@router.post("/{name}/disable", status_code=_DONE)
def disable(name: str, box: Box, who: UserWriter) -> Response:
    """Disable a person: sessions end and keys rest, at once."""
    box.access.people.disable(name, who)
    return Response(status_code=_DONE)


@router.post("/{name}/enable", status_code=_DONE)
def enable(name: str, box: Box, who: UserWriter) -> Response:
    """Let a disabled person in again."""
    box.access.people.enable(name, who)
    return Response(status_code=_DONE)


@router.post("/{name}/unlock", status_code=_DONE)
def unlock(name: str, box: Box, who: UserWriter) -> Response:
    """Lift a person's lockout."""
    box.access.people.unlock(name, who)
    return Response(status_code=_DONE)


@router.delete("/{name}/totp", status_code=_DONE)
def reset_totp(name: str, box: Box, who: UserWriter) -> Response:
    """Remove the one-time codes of somebody who lost their authenticator."""
    box.access.people.reset_totp(name, who)
    return Response(status_code=_DONE)
