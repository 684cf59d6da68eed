"""The part of a conversation with a box that is about sign-in from outside and certificates."""

from typing import Literal
from urllib.parse import quote

from appliance.client.transport import Transport
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

_CLIENTS = "/api/v1/certificates/clients"


class OutsideSignIn:
    """Directory, identity provider and certificates; the errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    async def ways(self) -> SignInWays:
        """Which outside ways of signing in are set up."""
        return await self._wire.view(SignInWays, "GET", "/api/v1/signin")

    async def offered(self) -> SignInOffer:
        """Which outside ways of signing in a person may try; needs nobody to be signed in."""
        return await self._wire.view(SignInOffer, "GET", "/api/v1/signin/offered")

    async def by_directory(self, name: str, password: str, totp: str | None = None) -> SessionView:
        """Sign in with the directory's password and speak with the new session from here on."""
        wish = DirectorySignIn(name=name, password=password, totp=totp)
        view = await self._wire.view(SessionView, "POST", "/api/v1/signin/directory", wish)
        self._wire.token = view.token
        return view

    async def begin(self, return_to: str | None = None) -> OidcBegun:
        """Begin to sign in at the identity provider."""
        wish = OidcWish(return_to=return_to)
        return await self._wire.view(OidcBegun, "POST", "/api/v1/signin/oidc", wish)

    async def finish(self, ticket: str, code: str) -> SessionView:
        """Open the session with ticket and code and speak with it from here on."""
        wish = OidcFinish(ticket=ticket, code=code)
        view = await self._wire.view(SessionView, "POST", "/api/v1/signin/oidc/session", wish)
        self._wire.token = view.token
        return view

    async def set_secret(self, way: Literal["ldap", "oidc"], value: str) -> None:
        """Give the box its secret at a directory (local socket only)."""
        await self._wire.json("PUT", f"/api/v1/signin/secrets/{way}", SecretWish(value=value))

    async def check(self) -> DirectoryChecked:
        """Look up now whether everybody who is signed in is still in the directory."""
        return await self._wire.view(DirectoryChecked, "POST", "/api/v1/signin/check")

    async def certificate(self) -> CertificateView:
        """The certificate that clients see."""
        return await self._wire.view(CertificateView, "GET", "/api/v1/certificate")

    async def install(self, wish: CertificateWish) -> CertificateView:
        """Show the hospital's own certificate from now on (local socket only)."""
        return await self._wire.view(CertificateView, "PUT", "/api/v1/certificate", wish)

    async def remove(self) -> CertificateView:
        """Show the box's own certificate again (local socket only)."""
        return await self._wire.view(CertificateView, "DELETE", "/api/v1/certificate")

    async def clients(self) -> tuple[ClientView, ...]:
        """Every client certificate, without its key."""
        rows = await self._wire.json("GET", _CLIENTS)
        return tuple(ClientView.model_validate(row) for row in rows)

    async def issue(self, wish: ClientWish) -> ClientIssued:
        """Issue a client certificate; a key made by the box is in the answer and nowhere else."""
        return await self._wire.view(ClientIssued, "POST", _CLIENTS, wish)

    async def revoke(self, fingerprint: str) -> None:
        """Revoke a client certificate; it stops working at once."""
        await self._wire.json("DELETE", f"{_CLIENTS}/{quote(fingerprint, safe='')}")
