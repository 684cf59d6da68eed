"""Sign-in at the hospital's identity provider: begun by a program, proved in a browser, finished here.

Whoever begins gets a ticket and an address. A person opens the address in a browser, signs in at the
provider and comes back with a one-time code: on the page, or in the address of an allowed local
application. Ticket and code together open the session, so that neither a link sent to somebody else
nor a code overheard is enough.
"""

import asyncio
import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from appliance.access.attempts import network_of
from appliance.access.errors import AccessRefused
from appliance.access.grants import Session
from appliance.access.service import AccessService
from appliance.settings.signin import OidcSettings
from appliance.signin.errors import (
    NameTaken,
    NoRole,
    ReturnRefused,
    SignInOff,
    TicketRefused,
    TokenRefused,
    TooManySignIns,
)
from appliance.signin.names import claim_name
from appliance.signin.oidc_token import claims_of, completed, kid_of, lacks, person_of
from appliance.signin.person import Person
from appliance.signin.store import KnownPerson, SignInStore

if TYPE_CHECKING:
    from appliance.signin.oidc_provider import Provider

OIDC: Final = "oidc"
LASTS_S: Final = 600.0
_READABLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_SIGNS: Final = 8
_TRIES: Final = 5
_MAX_ALL: Final = 512
_MAX_EACH: Final = 16


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun: `url` for a browser, `ticket` for whoever began, until `expires`."""

    url: str
    ticket: str
    expires: float


@dataclass(frozen=True, slots=True)
class Returned:
    """Somebody who came back from the provider: the one-time code, and where it is taken."""

    code: str
    return_to: str | None


@dataclass(slots=True)
class _Pending:
    state: str
    nonce: str
    verifier: str
    ticket: str
    return_to: str | None
    expires: float
    client: str
    person: Person | None = None
    code: str = ""
    tries: int = 0


class OidcSignIn:
    """Sign-ins under way, in memory: a restart forgets them.

    Args:
        settings: the provider, and which claims mean what.
        open_provider: makes the provider at its first use.
        access: where sessions are opened.
        store: the rows of this room.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        settings: OidcSettings,
        open_provider: "Callable[[], Provider]",
        access: AccessService,
        store: SignInStore,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._open_provider = open_provider
        self._provider: Provider | None = None
        self._access = access
        self._store = store
        self._clock = clock
        self._pending: dict[str, _Pending] = {}
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether somebody has set a provider up."""
        return bool(self._settings.issuer)

    async def begin(self, client: str, return_to: str | None = None) -> Begun:
        """Begin a sign-in.

        Args:
            client: the address that asks, of whose line only so many sign-ins may be under way.
            return_to: where the browser is sent afterwards; one of `oidc.return_to`, whole.

        Raises:
            SignInOff, SignInMisconfigured, ProviderUnreachable: there is no provider to ask.
            ReturnRefused: the browser may not be sent there.
            TooManySignIns: too many are under way.
        """
        provider = self._asked()
        if return_to is not None and return_to not in self._settings.return_to:
            raise ReturnRefused
        endpoints = await provider.endpoints()
        expires = self._clock() + LASTS_S
        made = _Pending(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            ticket=secrets.token_urlsafe(32),
            return_to=return_to,
            expires=expires,
            client=network_of(client),
        )
        self._keep(made)
        digest = hashlib.sha256(made.verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._settings.client_id,
                "redirect_uri": self._settings.callback,
                "scope": " ".join(self._settings.scopes),
                "state": made.state,
                "nonce": made.nonce,
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        joint = "&" if "?" in endpoints.authorization else "?"
        return Begun(f"{endpoints.authorization}{joint}{query}", made.ticket, expires)

    async def come_back(self, state: str, code: str | None) -> Returned:
        """Take what a browser brings back from the provider; a state counts once.

        Raises:
            TicketRefused: nobody began this, or it was used before.
            TokenRefused: the provider said no, or what it gave proves nothing.
            NoRole: no claim of the person has a role here.
            ProviderUnreachable: the provider does not answer.
        """
        provider = self._asked()
        with self._lock:
            self._sweep()
            found = self._pending.pop(state, None)
        if found is None:
            raise TicketRefused
        try:
            found.person = await self._proved(provider, found, code)
        except (TokenRefused, NoRole) as refusal:
            await asyncio.to_thread(self._access.sign_ins.refuse, refusal.code)
            raise
        found.code = "".join(secrets.choice(_READABLE) for _ in range(_CODE_SIGNS))
        with self._lock:
            self._pending[f"ticket {found.ticket}"] = found
        return Returned(found.code, found.return_to)

    def finish(self, ticket: str, code: str) -> Session:
        """Open the session that ticket and one-time code stand for; both count once.

        Raises:
            TicketRefused: they do not belong together, or were used before.
            UserExists, NameTaken, UserNameMalformed: the name belongs to somebody else, or to none.
        """
        plain = "".join(sign for sign in code.lower() if sign.isalnum())
        with self._lock:
            self._sweep()
            found = self._pending.get(f"ticket {ticket}")
            if found is None:
                raise TicketRefused
            found.tries += 1
            fits = compare_digest(plain.encode(), found.code.encode())
            if fits or found.tries >= _TRIES:
                del self._pending[f"ticket {ticket}"]
        try:
            return self._enter(found.person if fits else None)
        except (TicketRefused, NameTaken, AccessRefused) as refusal:
            self._access.sign_ins.refuse(refusal.code)
            raise

    async def _proved(self, provider: "Provider", found: _Pending, code: str | None) -> Person:
        if not code:
            raise TokenRefused(reason="error")
        redeemed, settings = await provider.redeem(code, found.verifier), self._settings
        key = await provider.key(kid_of(redeemed.token))
        claims = claims_of(redeemed.token, key, settings, found.nonce, self._clock())
        if lacks(claims, settings):
            more = await provider.userinfo(redeemed.access)
            if more:
                claims = completed(claims, more, redeemed.access or "", settings)
        person = person_of(claims, settings)
        if person.role is None:
            raise NoRole(section="oidc")
        return person

    def _enter(self, person: Person | None) -> Session:
        role = None if person is None else person.role
        if person is None or role is None:
            raise TicketRefused
        name = person.name.casefold()
        claim_name(self._access, self._store, name, OIDC, person.subject)
        lasts = float(self._settings.session_s)
        session = self._access.open_session_for(name, role, OIDC, lasts)
        now = self._clock()
        self._store.remember(KnownPerson(name, OIDC, person.subject, role, now, session.expires))
        return session

    def _keep(self, made: _Pending) -> None:
        with self._lock:
            self._sweep()
            same = sum(1 for one in self._pending.values() if one.client == made.client)
            if same >= _MAX_EACH or len(self._pending) >= _MAX_ALL:
                raise TooManySignIns(retry_after_s=60)
            self._pending[made.state] = made

    def _sweep(self) -> None:
        now = self._clock()
        for key in [key for key, one in self._pending.items() if one.expires <= now]:
            del self._pending[key]

    def _asked(self) -> "Provider":
        if not self.on:
            raise SignInOff(way="OpenID Connect", section="oidc")
        if self._provider is None:
            self._provider = self._open_provider()
        return self._provider
