"""Sign-in at an identity provider: a real one, and one that lies in every way known."""

import asyncio
import base64
import json
from functools import partial
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.access.errors import AccessRefused, UserExists, UserNameMalformed
from appliance.settings.signin import OidcSettings
from appliance.signin.errors import (
    NameTaken,
    NoRole,
    ProviderUnreachable,
    ReturnRefused,
    SignInMisconfigured,
    SignInOff,
    TicketRefused,
    TokenRefused,
    TooManySignIns,
)
from appliance.signin.oidc import LASTS_S, OidcSignIn
from appliance.signin.oidc_provider import LocalResolver, Provider
from appliance.signin.oidc_token import keys_of
from appliance.signin.store import SignInStore
from tests.appliance.signin.provider import CLIENT, lying_provider

CALLBACK = "https://box.hospital.cn:8443/api/v1/signin/oidc/callback"
APP = "https://his.hospital.cn/wardbox"


@pytest.fixture
def liar(clock):
    with lying_provider() as made:
        made.now = clock()
        yield made


@pytest.fixture
def desk(access, db, clock):
    def made(issuer, secret=None, **more):
        settings = OidcSettings.model_validate(
            {
                "issuer": issuer,
                "client_id": CLIENT,
                "callback": CALLBACK,
                "roles": {"it": "administrator", "doctors": "clinician"},
                "return_to": [APP],
                **more,
            }
        )
        provider = Provider(settings, None, lambda: secret, clock)
        return OidcSignIn(settings, lambda: provider, access, SignInStore(db), clock)

    return made


def state_of(begun):
    return parse_qs(urlsplit(begun.url).query)["state"][0]


async def whole(desk, liar):
    begun = await desk.begin("10.0.0.1")
    back = await desk.come_back(state_of(begun), liar.visit(begun.url))
    return await asyncio.to_thread(desk.finish, begun.ticket, back.code)


async def test_a_person_signs_in_with_ticket_and_code(desk, liar, access, clock):
    one = desk(liar.issuer, secret="se cret/+")
    session = await whole(one, liar)
    grant = access.authenticate(f"Bearer {session.token}")
    assert (grant.actor, grant.role) == ("user:li.wei", "clinician")
    basic = base64.b64encode(b"wardbox:se+cret%2F%2B").decode()
    assert liar.headers[0]["Authorization"] == f"Basic {basic}"
    assert "client_secret" not in liar.forms[0]
    clock.now += 3601
    with pytest.raises(AccessRefused):
        access.authenticate(f"Bearer {session.token}")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider, not of ours
async def test_a_real_provider_is_understood(desk, access, clock, recwarn):
    import time

    from oidc_provider_mock import User, run_server_in_thread

    clock.now = time.time()
    user = User(sub="s-1", claims={"preferred_username": "wang.fang", "groups": ["it"]})
    with run_server_in_thread(user_claims=[user]) as server:
        issuer = f"http://localhost:{server.server_port}"
        one = desk(issuer, secret="any")
        begun = await one.begin("10.0.0.1", APP)
        async with aiohttp.ClientSession() as browser:
            answer = await browser.post(begun.url, data={"sub": "s-1"}, allow_redirects=False)
            assert answer.status == 302, await answer.text()
            target = answer.headers["Location"]
        assert target.startswith(CALLBACK)
        brought = {name: v[0] for name, v in parse_qs(urlsplit(target).query).items()}
        back = await one.come_back(brought["state"], brought["code"])
        assert back.return_to == APP
        session = one.finish(begun.ticket, back.code)
    assert access.authenticate(f"Bearer {session.token}").role == "administrator"


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


async def test_a_state_a_code_and_a_ticket_count_once(desk, liar):
    one = desk(liar.issuer)
    begun = await one.begin("10.0.0.1")
    state, code = state_of(begun), liar.visit(begun.url)
    back = await one.come_back(state, code)
    with pytest.raises(TicketRefused):
        await one.come_back(state, code)
    with pytest.raises(TicketRefused):
        await one.come_back("", code)
    again = await one.begin("10.0.0.1")
    with pytest.raises(TokenRefused):
        await one.come_back(state_of(again), code)
    one.finish(begun.ticket, f" {back.code[:4].upper()}-{back.code[4:]} ")
    with pytest.raises(TicketRefused):
        one.finish(begun.ticket, back.code)


async def test_ticket_and_code_belong_together_and_guesses_are_few(desk, liar):
    one = desk(liar.issuer)
    mine, other = await one.begin("10.0.0.1"), await one.begin("10.0.0.2")
    back = await one.come_back(state_of(other), liar.visit(other.url))
    with pytest.raises(TicketRefused):
        one.finish(mine.ticket, back.code)
    with pytest.raises(TicketRefused):
        one.finish(state_of(other), back.code)
    for _ in range(5):
        with pytest.raises(TicketRefused):
            one.finish(other.ticket, "wrongone")
    with pytest.raises(TicketRefused):
        one.finish(other.ticket, back.code)


async def test_a_sign_in_ends_by_itself_and_few_are_under_way(desk, liar, clock):
    one = desk(liar.issuer)
    begun = await one.begin("10.0.0.1")
    clock.now += LASTS_S
    with pytest.raises(TicketRefused):
        await one.come_back(state_of(begun), liar.visit(begun.url))
    for _ in range(16):
        await one.begin("10.0.0.1")
    with pytest.raises(TooManySignIns):
        await one.begin("10.0.0.1")
    await one.begin("10.0.0.2")


ELSEWHERE = (
    "https://evil.cn", APP + "/x", APP + "@evil.cn", "//evil.cn", "/\\evil.cn", "javascript:1", "",
)  # fmt: skip


async def test_a_browser_is_sent_to_listed_addresses_alone(desk, liar):
    one = desk(liar.issuer)
    for target in ELSEWHERE:
        with pytest.raises(ReturnRefused):
            await one.begin("10.0.0.1", target)


async def test_a_person_without_a_role_or_with_anothers_name_stays_outside(desk, liar, access):
    one = desk(liar.issuer)
    liar.claims = {"groups": ["patients"]}
    with pytest.raises(NoRole):
        await whole(one, liar)
    access.create_user("admin", "a good password", "administrator")
    liar.claims = {"preferred_username": "Admin", "groups": "it"}
    with pytest.raises(UserExists):
        await whole(one, liar)
    liar.claims = {"preferred_username": "x\u202ey z"}
    with pytest.raises(UserNameMalformed):
        await whole(one, liar)
    liar.claims = {}
    await whole(one, liar)
    liar.claims = {"sub": "subject-2"}
    with pytest.raises(NameTaken):
        await whole(one, liar)


@pytest.mark.parametrize(
    "lie",
    [
        {"issuer": "https://other.cn"},
        {"token_endpoint": "https://evil.cn/token"},
        {"jwks_uri": "http://127.0.0.1:1/keys"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_provider_that_points_elsewhere_is_refused(desk, liar, lie):
    liar.discovery = lie
    with pytest.raises(ProviderUnreachable):
        await desk(liar.issuer).begin("10.0.0.1")


async def test_a_provider_that_is_away_outside_or_too_long_is_a_sentence(desk, liar):
    with pytest.raises(ProviderUnreachable):
        await desk("http://127.0.0.1:1").begin("10.0.0.1")
    for issuer in (liar.issuer, liar.issuer.replace("127.0.0.1", "localhost")):
        with pytest.raises(ProviderUnreachable):
            await desk(issuer, networks=["10.0.0.0/8"]).begin("10.0.0.1")
    liar.discovery = {"padding": "x" * 300_000}
    with pytest.raises(ProviderUnreachable, match="256"):
        await desk(liar.issuer).begin("10.0.0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://idp.hospital.cn"},
        {"callback": "http://box.hospital.cn/cb"},
        {"client_id": ""},
        {"scopes": ["profile"]},
    ],
)
def test_settings_that_would_leak_are_refused(desk, wrong):
    issuer = wrong.pop("issuer", "https://idp.hospital.cn")
    with pytest.raises(SignInMisconfigured):
        desk(issuer, **wrong)


async def test_without_a_provider_it_is_off(access, db, clock):
    off = OidcSignIn(OidcSettings(), lambda: None, access, SignInStore(db), clock)
    with pytest.raises(SignInOff):
        await off.begin("10.0.0.1")


def test_networks_see_through_mapped_addresses():
    resolver = LocalResolver(["10.0.0.0/8"])
    assert resolver.allows("10.1.1.1")
    assert resolver.allows("::ffff:10.1.1.1")
    for address in ("8.8.8.8", "::ffff:8.8.8.8", "0.0.0.1", "::", "localhost", "10.1.1.1.evil"):
        assert not resolver.allows(address)


def test_weak_and_strange_keys_are_passed_over():
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    jwk = json.loads(RSAAlgorithm.to_jwk(weak.public_key())) | {"kid": "weak"}
    assert keys_of({"keys": [jwk, {"kty": "RSA"}, {"kty": "EC", "crv": "x"}, 7, {}]}) == {}
    for bad in (None, [], {}, {"keys": {}}, {"keys": [{}] * 33}):
        with pytest.raises(TokenRefused):
            keys_of(bad)
