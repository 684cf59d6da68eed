"""ID tokens of an identity provider that lies in every way known: forged, stale, for others, of strange keys."""

import base64
import json
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.signin.errors import (
    TokenRefused,
)
from appliance.signin.oidc_token import keys_of
from tests.appliance.signin.oidc_steps import whole
from tests.appliance.signin.provider import CLIENT


async def test_the_other_algorithm_and_a_new_key_are_taken(desk, liar):
    one = desk(liar.issuer)
    liar.sign = lambda claims: jwt.encode(claims, liar.ec, "ES256", headers={"kid": liar.kids[1]})
    await whole(one, liar)
    liar.kids = ["r2", "e2"]
    with pytest.raises(TokenRefused, match="kid"):
        await whole(one, liar)
    assert liar.asked_for_keys == 1
    one._clock.now += 31
    liar.now += 31
    await whole(one, liar)
    assert liar.asked_for_keys == 2


def by_none(liar, claims):
    return jwt.encode(claims, None, "none", headers={"kid": "r1"})


def by_public_key(liar, claims):
    import hashlib
    import hmac

    pem = liar.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [{"alg": "HS256", "kid": "r1"}, claims]
    head = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts
    )
    seal = hmac.new(pem, head, hashlib.sha256).digest()
    return (head + b"." + base64.urlsafe_b64encode(seal).rstrip(b"=")).decode()


def by_symmetric_key(liar, claims):
    return jwt.encode(claims, "secret" * 8, "HS256", headers={"kid": "o1"})


def by_stranger(liar, claims):
    from cryptography.hazmat.primitives.asymmetric import rsa

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, other, "RS256", headers={"kid": "r1"})


def by_wrong_kind(liar, claims):
    return jwt.encode(claims, liar.ec, "ES256", headers={"kid": "r1"})


def by_nobody(liar, claims):
    return "no token at all"


def by_flood(liar, claims):
    return "a" * 40_000


FORGED = (
    by_none, by_public_key, by_symmetric_key, by_stranger, by_wrong_kind, by_nobody, by_flood,
)  # fmt: skip


async def test_a_forged_token_is_refused(desk, liar, access):
    one = desk(liar.issuer)
    for forged in FORGED:
        liar.sign = partial(forged, liar)
        with pytest.raises(TokenRefused):
            await whole(one, liar)
        assert access.users() == [], forged


WRONG_CLAIMS = (
    ({"nonce": "another"}, (), "nonce"),
    ({}, ("nonce",), "nonce"),
    ({"nonce": 7}, (), "nonce"),
    ({"aud": "other"}, (), "aud"),
    ({"aud": [CLIENT, "other"]}, (), "azp"),
    ({"azp": "other"}, (), "azp"),
    ({"iss": "https://evil.cn"}, (), "iss"),
    ({"exp": 1_000_000_000}, (), "exp"),
    ({"exp": "soon"}, (), "exp"),
    ({"exp": True}, (), "exp"),
    ({"iat": 3_000_000_000}, (), "iat"),
    ({"nbf": 3_000_000_000}, (), "iat"),
    ({}, ("exp",), "claims"),
    ({}, ("sub",), "claims"),
    ({}, ("preferred_username",), "preferred_username"),
    ({"preferred_username": ["li.wei"]}, (), "preferred_username"),
)


async def test_a_claim_that_is_wrong_is_refused(desk, liar):
    one = desk(liar.issuer)
    for claims, drop, which in WRONG_CLAIMS:
        liar.claims, liar.drop = claims, set(drop)
        with pytest.raises(TokenRefused) as refusal:
            await whole(one, liar)
        assert refusal.value.facts["reason"] == which


def test_weak_and_strange_keys_are_passed_over():
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    jwk = json.loads(RSAAlgorithm.to_jwk(weak.public_key())) | {"kid": "weak"}
    assert keys_of({"keys": [jwk, {"kty": "RSA"}, {"kty": "EC", "crv": "x"}, 7, {}]}) == {}
    for bad in (None, [], {}, {"keys": {}}, {"keys": [{}] * 33}):
        with pytest.raises(TokenRefused):
            keys_of(bad)
