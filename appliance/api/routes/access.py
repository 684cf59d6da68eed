"""Routes of sessions and keys: signing in and out, API keys and their limits."""

from fastapi import APIRouter, Response

from appliance.api.deps import Address, Box, Caller, KeyReader, KeyWriter, UserReader, UserWriter
from appliance.api.people_views import limits_of, session_info
from appliance.api.views import created_key, key_view, key_wish, session_view
from appliance.contract.access import CreatedKey, KeyLimits, KeyView, KeyWish, SessionView, SignIn
from appliance.contract.people import SessionInfo

router = APIRouter(prefix="/api/v1", tags=["access"])


@router.post("/sessions", status_code=201)
def sign_in(wish: SignIn, box: Box, address: Address) -> SessionView:
    """Sign in with name and password, and a one-time code where one is set up."""
    return session_view(box.access.sign_in(wish.name, wish.password, wish.totp, address))


@router.delete("/sessions/current", status_code=204)
def sign_out(box: Box, who: Caller) -> Response:
    """End the session whose token came along."""
    box.access.sign_ins.leave(who)
    return Response(status_code=204)


@router.get("/sessions")
def sessions(box: Box, _: UserReader) -> list[SessionInfo]:
    """Everybody's live sessions."""
    return [session_info(session) for session in box.access.sign_ins.sessions()]


@router.delete("/sessions/{session_id}", status_code=204)
def end_session(session_id: str, box: Box, who: UserWriter) -> Response:
    """End somebody's session at once."""
    box.access.sign_ins.revoke(session_id, who)
    return Response(status_code=204)


@router.get("/keys")
def keys(box: Box, _: KeyReader) -> list[KeyView]:
    """Every key ever made, without secrets."""
    return [key_view(key) for key in box.access.keys()]  # noqa: SIM118  # no dictionary


@router.post("/keys", status_code=201)
def create_key(wish: KeyWish, box: Box, who: KeyWriter) -> CreatedKey:
    """Make a key; its secret is shown this once."""
    return created_key(box.access.create_key(key_wish(wish), by=who), wish)


@router.put("/keys/{key_id}/limits")
def set_limits(key_id: str, wish: KeyLimits, box: Box, who: KeyWriter) -> KeyView:
    """Set the limits of a key; they count from its next request on."""
    return key_view(box.access.api_keys.set_limits(key_id, limits_of(wish), who))


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: str, box: Box, who: KeyWriter) -> Response:
    """Revoke a key at once."""
    box.access.revoke_key(key_id, by=who)
    return Response(status_code=204)
