"""The provider's three endpoints, asked over the hospital's network alone, with bounds on everything."""

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from appliance.settings.signin import OidcSettings
from appliance.signin.errors import ProviderUnreachable, SignInMisconfigured, TokenRefused
from appliance.signin.oidc_token import SigningKey, keys_of

_MAX_BYTES: Final = 262_144
_FRESH_S: Final = 3600.0
# A token may name a key that was made a moment ago; nobody may make us ask for it all the time.
_AGAIN_S: Final = 30.0
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the provider is asked for what; `userinfo` only where it tells more of a person."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code was exchanged for: who somebody is, and leave to ask for more of them."""

    token: str
    access: str | None


class LocalResolver(AbstractResolver):
    """Resolves names, and keeps the addresses inside the allowed networks."""

    def __init__(self, networks: list[str]) -> None:
        self._networks = [ip_network(network, strict=False) for network in networks]

    def allows(self, address: str) -> bool:
        """Whether an address lies in an allowed network."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self._networks)

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of a name; OSError when none may be spoken to."""
        found = await aiohttp.ThreadedResolver().resolve(host, port, family)
        kept = [one for one in found if self.allows(one["host"])]
        if not kept:
            raise OSError(None, "outside oidc.networks")
        return kept

    @override
    async def close(self) -> None:
        """Nothing is held."""


class Provider:
    """The hospital's own identity provider.

    Args:
        settings: issuer, client and networks.
        ca_file: authority of its certificate, or None for the system's.
        secret: gives the client's secret, or None for a public client.
        clock: Unix time in seconds.

    Raises:
        SignInMisconfigured: the settings contradict themselves.
    """

    def __init__(
        self,
        settings: OidcSettings,
        ca_file: Path | None,
        secret: Callable[[], str | None],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._resolver = LocalResolver(settings.networks)
        try:
            self._tls = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise _wrong(f"无法读取 ca_file {ca_file}", f"{ca_file} cannot be read") from error
        self._judge()
        self._endpoints: tuple[Endpoints, float] | None = None
        self._keys: tuple[dict[str, SigningKey], float] | None = None
        self._fetching = asyncio.Lock()

    async def endpoints(self) -> Endpoints:
        """What the provider publishes of itself, an hour old at most.

        Raises:
            ProviderUnreachable: it does not answer, or names endpoints elsewhere.
        """
        if self._endpoints is None or self._clock() - self._endpoints[1] > _FRESH_S:
            url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            document = await self._json("GET", url)
            self._endpoints = (self._endpoints_in(document), self._clock())
        return self._endpoints[0]

    async def key(self, kid: str) -> SigningKey:
        """The provider's key of an id; an unknown one is looked for again, not too often.

        Raises:
            TokenRefused: the provider has no such key.
            ProviderUnreachable: it does not answer.
        """
        async with self._fetching:
            held, at = self._keys or ({}, float("-inf"))
            age = self._clock() - at
            if (_named(held, kid) is None and age > _AGAIN_S) or age > _FRESH_S:
                held = keys_of(await self._json("GET", (await self.endpoints()).keys))
                self._keys = (held, self._clock())
        key = _named(held, kid)
        if key is None:
            raise TokenRefused(reason="kid")
        return key

    async def redeem(self, code: str, verifier: str) -> Redeemed:
        """Exchange an authorization code for an ID token (RFC 6749, RFC 7636).

        Raises:
            TokenRefused: the provider refuses the code.
            ProviderUnreachable: it does not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.callback,
            "client_id": self._settings.client_id,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        secret = self._secret()
        if secret:
            pair = f"{quote_plus(self._settings.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        url = (await self.endpoints()).token
        answer = await self._json("POST", url, form, headers, refused="code")
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise TokenRefused(reason="id_token")
        return Redeemed(token, access if isinstance(access, str) else None)

    async def userinfo(self, access: str | None) -> dict[str, Any]:
        """What the provider tells of a person beside the ID token; nothing where it tells no more.

        Raises:
            TokenRefused: the provider refuses the access token.
            ProviderUnreachable: it does not answer, or not in JSON.
        """
        url = (await self.endpoints()).userinfo
        if url is None or not access or not access.isascii() or not access.isprintable():
            return {}
        headers = {"Authorization": f"Bearer {access}", "Accept": "application/json"}
        return await self._json("GET", url, headers=headers, refused="userinfo")

    async def _json(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        refused: str = "",
    ) -> dict[str, Any]:
        host = urlsplit(url).hostname or ""
        if _is_address(host) and not self._resolver.allows(host):
            raise ProviderUnreachable(reason="oidc.networks")
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_s)
        connector = aiohttp.TCPConnector(ssl=self._tls, resolver=self._resolver, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
                ) as http,
                http.request(
                    method, url, data=form, headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = await _read(answer)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnreachable(reason=type(error).__name__) from error
        if status != _OK:
            if refused and status < 500:  # noqa: PLR2004  # a client's error: what it was sent
                raise TokenRefused(reason=refused)
            raise ProviderUnreachable(reason=f"HTTP {status}")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ProviderUnreachable(reason="JSON") from error
        if not isinstance(document, dict):
            raise ProviderUnreachable(reason="JSON")
        return document

    def _endpoints_in(self, document: Mapping[str, Any]) -> Endpoints:
        if document.get("issuer") != self._settings.issuer:
            raise ProviderUnreachable(reason="issuer")
        found: list[str] = []
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            url = document.get(name)
            # The secret and the code go to the issuer's own host or nowhere.
            if not isinstance(url, str) or _origin(url) != _origin(self._settings.issuer):
                raise ProviderUnreachable(reason=name)
            found.append(url)
        more = document.get("userinfo_endpoint")
        near = isinstance(more, str) and _origin(more) == _origin(self._settings.issuer)
        authorization, token, keys = found
        return Endpoints(authorization, token, keys, str(more) if near else None)

    def _judge(self) -> None:
        settings = self._settings
        for name, url in (("issuer", settings.issuer), ("callback", settings.callback)):
            parts = urlsplit(url)
            if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
                raise _wrong(f"{name} 必须使用 https", f"{name} must use https")
        if not settings.client_id or not settings.callback:
            raise _wrong("缺少 client_id 或 callback", "client_id or callback is missing")
        if "openid" not in settings.scopes:
            raise _wrong("scopes 缺少 openid", "scopes lack openid")


def _named(held: Mapping[str, SigningKey], kid: str) -> SigningKey | None:
    # Core 1.0, section 10.1: a provider with one key need not name it.
    if not kid and len(held) == 1:
        return next(iter(held.values()))
    return held.get(kid)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for piece in answer.content.iter_chunked(65_536):
        body += piece
        if len(body) > _MAX_BYTES:
            raise ProviderUnreachable(reason="> 256 KiB")
    return body


def _wrong(zh: str, en: str) -> SignInMisconfigured:
    return SignInMisconfigured(section="oidc", reason_zh=zh, reason_en=en)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    try:
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return parts.scheme, None, None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
