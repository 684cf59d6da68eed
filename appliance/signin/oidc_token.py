"""ID tokens judged: two algorithms, keys of the right kind and size, and every claim that matters."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from appliance.settings.signin import OidcSettings
from appliance.signin.errors import TokenRefused
from appliance.signin.person import Person, first_role

# OpenID Connect Core 1.0, section 15.1, and RFC 8725: what is not listed is refused, `none` first.
ALGORITHMS: Final = ("RS256", "ES256")
_LEEWAY_S: Final = 60
_MIN_RSA_BITS: Final = 2048
_MAX_KEYS: Final = 32
_MAX_TOKEN: Final = 32_768
_MAX_VALUES: Final = 1000

Keys = Mapping[str, "SigningKey"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of the provider and the one algorithm that it is for."""

    algorithm: str
    key: RSAPublicKey | EllipticCurvePublicKey


def keys_of(document: object) -> dict[str, SigningKey]:
    """The usable signing keys of a key set (RFC 7517) by `kid`; others are passed over.

    Raises:
        TokenRefused: it is no key set, or a very large one.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MAX_KEYS:
        raise TokenRefused(reason="JWKS")
    found: dict[str, SigningKey] = {}
    for entry in listed:
        if isinstance(entry, dict) and entry.get("use", "sig") == "sig":
            key = _key_of(entry)
            if key is not None and entry.get("alg", key.algorithm) == key.algorithm:
                found[str(entry.get("kid", ""))] = key
    return found


def kid_of(token: str) -> str:
    """The id of the key that is said to have signed a token.

    Raises:
        TokenRefused: it is no signed token of an algorithm that is taken.
    """
    if len(token) > _MAX_TOKEN:
        raise TokenRefused(reason="id_token")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenRefused(reason="id_token") from error
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefused(reason="alg")
    return str(header.get("kid", ""))


def claims_of(
    token: str, key: SigningKey, settings: OidcSettings, nonce: str, now: float
) -> dict[str, Any]:
    """The claims of a token that proves who somebody is.

    Args:
        token: the ID token.
        key: the provider's key that its header names.
        settings: issuer and client.
        nonce: what this sign-in sent.
        now: Unix time in seconds.

    Raises:
        TokenRefused: the first claim that is wrong.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            audience=settings.client_id,
            issuer=settings.issuer,
            # Times are judged below by the box's own clock.
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise TokenRefused(reason=_which(error)) from error
    _judge_times(claims, now)
    audience = claims["aud"]
    # Core 1.0, section 3.1.3.7: a token for several parties says which one asked for it.
    several = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if several else settings.client_id) != settings.client_id:
        raise TokenRefused(reason="azp")
    sent = claims.get("nonce")
    if not isinstance(sent, str) or not compare_digest(sent.encode(), nonce.encode()):
        raise TokenRefused(reason="nonce")
    return claims


def lacks(claims: Mapping[str, Any], settings: OidcSettings) -> bool:
    """Whether an ID token leaves out what names a person or gives a role (Core 1.0, section 5.4)."""
    return not {settings.name_claim, settings.roles_claim} <= claims.keys()


def completed(
    claims: Mapping[str, Any], more: Mapping[str, Any], access: str, settings: OidcSettings
) -> dict[str, Any]:
    """The claims of an ID token, and what it leaves out as the provider told it beside.

    Args:
        claims: of the ID token.
        more: what the provider told.
        access: the access token that it was asked with.
        settings: which claims name a person and give a role.

    Raises:
        TokenRefused: it was told of somebody else (Core 1.0, 5.3.2), or the access token is not the
            one that the ID token came with (3.1.3.8).
    """
    digest = hashlib.sha256(access.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if claims.get("at_hash", half) != half:
        raise TokenRefused(reason="at_hash")
    if more.get("sub") != claims["sub"]:
        raise TokenRefused(reason="sub")
    wanted = (settings.name_claim, settings.roles_claim)
    return {name: more[name] for name in wanted if name in more} | dict(claims)


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Whom the claims name, and the role of the first listed value that they hold.

    Raises:
        TokenRefused: they name nobody.
    """
    name, subject = claims.get(settings.name_claim), claims.get("sub")
    if not isinstance(name, str) or not isinstance(subject, str) or not name or not subject:
        raise TokenRefused(reason=settings.name_claim)
    held = claims.get(settings.roles_claim)
    values = [held] if isinstance(held, str) else held if isinstance(held, list) else []
    mine = [value for value in values[:_MAX_VALUES] if isinstance(value, str)]
    return Person(name, subject, first_role(settings.roles, mine))


def _judge_times(claims: Mapping[str, Any], now: float) -> None:
    times = {name: claims.get(name) for name in ("exp", "iat", "nbf") if name in claims}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenRefused(reason=name)
    if times["exp"] + _LEEWAY_S <= now:  # type: ignore[operator]  # judged above
        raise TokenRefused(reason="exp")
    if max(times["iat"], times.get("nbf", times["iat"])) > now + _LEEWAY_S:  # type: ignore[type-var,operator]
        raise TokenRefused(reason="iat")


def _key_of(entry: Mapping[str, Any]) -> SigningKey | None:
    try:
        if entry.get("kty") == "RSA":
            made = RSAAlgorithm.from_jwk(json.dumps(entry))
            if isinstance(made, RSAPublicKey) and made.key_size >= _MIN_RSA_BITS:
                return SigningKey("RS256", made)
        elif entry.get("kty") == "EC":
            curve = ECAlgorithm.from_jwk(json.dumps(entry))
            if isinstance(curve, EllipticCurvePublicKey) and isinstance(curve.curve, SECP256R1):
                return SigningKey("ES256", curve)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None


def _which(error: Exception) -> str:
    """Which claim was wrong, without a word of the token."""
    kinds = {
        jwt.InvalidAudienceError: "aud",
        jwt.InvalidIssuerError: "iss",
        jwt.InvalidSignatureError: "signature",
        jwt.MissingRequiredClaimError: "claims",
    }
    return next((name for kind, name in kinds.items() if isinstance(error, kind)), "id_token")
