"""Routes of sign-in from outside directories and of certificates."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from appliance.api.deps import (
    Address,
    Box,
    KeyReader,
    KeyWriter,
    LocalDoor,
    SystemReader,
    TheFront,
    UserWriter,
    VaultWriter,
)
from appliance.api.signin_views import (
    begun_view,
    certificate_view,
    client_view,
    code_page,
    issued_view,
)
from appliance.api.views import session_view
from appliance.contract.access import SessionView
from appliance.contract.signin import (
    CertificateView,
    CertificateWish,
    ClientIssued,
    ClientView,
    ClientWish,
    DirectoryChecked,
    DirectorySignIn,
    OidcBegun,
    OidcFinish,
    OidcWish,
    SecretWish,
    SignInOffer,
    SignInWays,
)

router = APIRouter(prefix="/api/v1", tags=["sign-in"])
Brought = Annotated[str | None, Query(max_length=4096)]


@router.post("/signin/directory", status_code=201)
def sign_in_by_directory(wish: DirectorySignIn, box: Box, address: Address) -> SessionView:
    """Sign in with name and password of the hospital's directory."""
    desk = box.signin.directory
    return session_view(desk.sign_in(wish.name, wish.password, wish.totp, address))


@router.post("/signin/oidc", status_code=201)
async def begin_oidc(wish: OidcWish, request: Request, box: Box) -> OidcBegun:
    """Begin to sign in at the hospital's identity provider."""
    client = request.client.host if request.client is not None else "local"
    return begun_view(await box.signin.provider.begin(client, wish.return_to))


@router.get("/signin/oidc/callback", response_class=HTMLResponse)
async def come_back(box: Box, state: Brought = None, code: Brought = None) -> Response:
    """Where the provider sends a browser: shows a one-time code, or takes it to an allowed address."""
    back = await box.signin.provider.come_back(state or "", code)
    if back.return_to is None:
        return HTMLResponse(code_page(back.code))
    joint = "&" if "?" in back.return_to else "?"
    return RedirectResponse(back.return_to + joint + urlencode({"code": back.code}), 303)


@router.post("/signin/oidc/session", status_code=201)
def finish_oidc(wish: OidcFinish, box: Box) -> SessionView:
    """Open the session with the ticket and the one-time code."""
    return session_view(box.signin.provider.finish(wish.ticket, wish.code))


@router.get("/signin")
def ways(box: Box, _: SystemReader) -> SignInWays:
    """Which outside ways of signing in are set up."""
    signin = box.signin
    return SignInWays(
        ldap=signin.directory.on,
        oidc=signin.provider.on,
        ldap_secret=signin.has_secret("ldap"),
        oidc_secret=signin.has_secret("oidc"),
    )


@router.get("/signin/offered")
def offered(box: Box) -> SignInOffer:
    """Which outside ways of signing in a person may try; for entrances, and all that they learn."""
    return SignInOffer(directory=box.signin.directory.on, oidc=box.signin.provider.on)


@router.put("/signin/secrets/{way}", status_code=204)
def set_secret(
    way: Literal["ldap", "oidc"], wish: SecretWish, box: Box, who: UserWriter, _: LocalDoor
) -> Response:
    """Keep the box's own secret at a directory (local socket only)."""
    box.signin.set_secret(way, wish.value, by=who)
    return Response(status_code=204)


@router.post("/signin/check")
def check_directory(box: Box, _: UserWriter) -> DirectoryChecked:
    """Look up now whether everybody who is signed in is still in the directory."""
    return DirectoryChecked(ended=box.signin.directory.check())


@router.get("/certificate")
def certificate(box: Box, front: TheFront, _: SystemReader) -> CertificateView:
    """The certificate that clients see."""
    return certificate_view(box.signin.certificate(), front.clock())


@router.put("/certificate")
def install(
    wish: CertificateWish, box: Box, front: TheFront, who: VaultWriter, _: LocalDoor
) -> CertificateView:
    """Show the hospital's own certificate from now on (local socket only)."""
    made = box.signin.install(wish.certificate.encode(), wish.key.encode(), by=who)
    return certificate_view(made, front.clock())


@router.delete("/certificate")
def remove(box: Box, front: TheFront, who: VaultWriter, _: LocalDoor) -> CertificateView:
    """Show the certificate of the box's own authority again (local socket only)."""
    return certificate_view(box.signin.remove(by=who), front.clock())


@router.get("/certificates/clients")
def clients(box: Box, _: KeyReader) -> list[ClientView]:
    """Every client certificate ever issued."""
    return [client_view(one) for one in box.signin.clients.all()]


@router.post("/certificates/clients", status_code=201)
def issue_client(wish: ClientWish, box: Box, who: KeyWriter) -> ClientIssued:
    """Issue a client certificate that has the rights of a key."""
    csr = None if wish.csr is None else wish.csr.encode()
    return issued_view(box.signin.clients.issue(wish.name, wish.key_id, csr, by=who))


@router.delete("/certificates/clients/{fingerprint}", status_code=204)
def revoke_client(fingerprint: str, box: Box, who: KeyWriter) -> Response:
    """Revoke a client certificate at once."""
    box.signin.clients.revoke(fingerprint, by=who)
    return Response(status_code=204)
