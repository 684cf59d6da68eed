"""Routes of what people do for themselves: password, one-time codes, their own sessions."""

from fastapi import APIRouter, Response

from appliance.access.sign_in_desk import person
from appliance.api.deps import Box, Person
from appliance.api.people_views import enrolment_view, me_view, session_info
from appliance.contract.people import (
    Me,
    PasswordChange,
    RecoveryCodes,
    SessionInfo,
    TotpBegun,
    TotpCode,
)

router = APIRouter(prefix="/api/v1/users/me", tags=["access"])


@router.get("")
def me(who: Person) -> Me:
    """Who is signed in, and what is due."""
    return me_view(who)


@router.get("/sessions")
def sessions(box: Box, who: Person) -> list[SessionInfo]:
    """One's own live sessions."""
    return [session_info(one) for one in box.access.sign_ins.sessions(person(who))]


@router.delete("/sessions/{session_id}", status_code=204)
def end_session(session_id: str, box: Box, who: Person) -> Response:
    """End one of one's own sessions at once."""
    box.access.sign_ins.revoke_own(session_id, who)
    return Response(status_code=204)


@router.put("/password", status_code=204)
def change_password(wish: PasswordChange, box: Box, who: Person) -> Response:
    """Change one's own password; all of one's sessions end."""
    box.access.sign_ins.change_password(who, wish.old, wish.new)
    return Response(status_code=204)


@router.post("/totp", status_code=201)
def begin_totp(box: Box, who: Person) -> TotpBegun:
    """Begin to set up one-time codes; the secret is shown this once."""
    return enrolment_view(box.access.sign_ins.totp_begin(who))


@router.post("/totp/confirm")
def confirm_totp(wish: TotpCode, box: Box, who: Person) -> RecoveryCodes:
    """Confirm by a first code; the recovery codes are shown this once."""
    return RecoveryCodes(codes=tuple(box.access.sign_ins.totp_confirm(who, wish.code)))


@router.post("/totp/remove", status_code=204)
def remove_totp(wish: TotpCode, box: Box, who: Person) -> Response:
    """Give up one-time codes with one last code, where one's role does not demand them."""
    box.access.sign_ins.totp_remove(who, wish.code)
    return Response(status_code=204)
