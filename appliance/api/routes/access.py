"""Routes of people and keys: sessions, users, API keys."""

from fastapi import APIRouter, Request, Response

from appliance.api.deps import Box, Caller, KeyReader, KeyWriter, UserReader, UserWriter
from appliance.api.views import created_key, key_view, key_wish, session_view, user_view
from appliance.contract.access import (
    CreatedKey,
    KeyView,
    KeyWish,
    SessionView,
    SignIn,
    UserView,
    UserWish,
)

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.post("/sessions", status_code=201)
def sign_in(wish: SignIn, box: Box) -> SessionView:
    """Sign in with name and password."""
    return session_view(box.access.sign_in(wish.name, wish.password))


@router.delete("/sessions/current", status_code=204)
def sign_out(request: Request, box: Box, _: Caller) -> Response:
    """End the session whose token came along."""
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        box.access.sign_out(token.strip())
    return Response(status_code=204)


@router.get("/keys")
def keys(box: Box, _: KeyReader) -> list[KeyView]:
    """Every key ever made, without secrets."""
    return [key_view(key) for key in box.access.keys()]  # noqa: SIM118  # no dictionary


@router.post("/keys", status_code=201)
def create_key(wish: KeyWish, box: Box, who: KeyWriter) -> CreatedKey:
    """Make a key; its secret is shown this once."""
    return created_key(box.access.create_key(key_wish(wish), by=who), wish)


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: str, box: Box, who: KeyWriter) -> Response:
    """Revoke a key at once."""
    box.access.revoke_key(key_id, by=who)
    return Response(status_code=204)


@router.get("/users")
def users(box: Box, _: UserReader) -> list[UserView]:
    """Every person who may sign in."""
    return [user_view(user) for user in box.access.users()]


@router.post("/users", status_code=201)
def create_user(wish: UserWish, box: Box, who: UserWriter) -> UserView:
    """Let a person in."""
    return user_view(box.access.create_user(wish.name, wish.password, wish.role, by=who))
