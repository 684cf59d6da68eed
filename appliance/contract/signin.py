"""Wire types of sign-in from outside and of certificates."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Name, Secret, Wire

Pem = Annotated[str, Field(min_length=1, max_length=65_536, repr=False)]
Ticket = Annotated[str, Field(min_length=1, max_length=256, repr=False)]


class DirectorySignIn(Wire):
    """A person's name and password in the hospital's directory, and a one-time code of the box."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "li.wei", "password": "correct horse battery"}]}
    )

    name: Name
    password: Secret
    totp: str | None = Field(default=None, max_length=64, repr=False)


class OidcWish(Wire):
    """Where a browser shall be sent afterwards; one of the addresses in the settings, or nowhere."""

    return_to: Annotated[str, Field(max_length=600)] | None = None


class OidcBegun(Wire):
    """Open `url` in a browser; `ticket` stays here, and opens the session with the code it brings."""

    url: str
    ticket: str
    expires: datetime


class OidcFinish(Wire):
    """The ticket of the one who began, and the code that the browser showed."""

    ticket: Ticket
    code: Ticket


class SignInWays(Wire):
    """Which outside ways of signing in are set up, and whether the box has its secret for each."""

    ldap: bool
    oidc: bool
    ldap_secret: bool
    oidc_secret: bool


class SignInOffer(Wire):
    """Which outside ways of signing in are set up: all that is told to somebody who is nobody yet."""

    directory: bool
    oidc: bool


class SecretWish(Wire):
    """The box's own secret at a directory; an empty one is forgotten."""

    value: Annotated[str, Field(max_length=1024, repr=False)]


class DirectoryChecked(Wire):
    """How many people lost their sessions because the directory does not know them any more."""

    ended: int


class CertificateView(Wire):
    """The certificate that clients see: the box's own, or the hospital's."""

    source: Literal["box", "own"]
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    expires_in_days: int
    fingerprint: str


class CertificateWish(Wire):
    """The hospital's own certificate with its chain, and its private key, both PEM."""

    certificate: Pem
    key: Pem


class ClientWish(Wire):
    """A client certificate: a label, the key whose rights it has, and perhaps a signing request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "emr", "key_id": "wbk_0123456789abcdef", "csr": None}]
        }
    )

    name: Name
    key_id: Identifier
    csr: str | None = Field(default=None, min_length=1, max_length=65_536, repr=False)


class ClientIssued(Wire):
    """A new client certificate; `key` is null when it came with a request, else shown this once."""

    fingerprint: str
    certificate: str
    key: str | None = Field(repr=False)
    expires: datetime


class ClientView(Wire):
    """A client certificate without its key."""

    fingerprint: str
    name: str
    key_id: str
    created: datetime
    expires: datetime
    revoked: datetime | None
