"""Sign-in at an identity provider: a real one, its tickets and codes, who may enter, where it may stand."""

import base64
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

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
from appliance.signin.oidc_provider import LocalResolver
from appliance.signin.store import SignInStore
from tests.appliance.signin.oidc_steps import APP, CALLBACK, state_of, whole


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
    # One line has more IPv6 addresses than sign-ins fit: it keeps nobody else out.
    for number in range(16):
        await one.begin(f"2001:db8::{number:x}")
    with pytest.raises(TooManySignIns):
        await one.begin("2001:db8::ffff")


async def test_what_is_refused_is_on_record(desk, liar, access, audit):
    one = desk(liar.issuer)
    liar.claims = {"groups": ["patients"]}
    with pytest.raises(NoRole):
        await whole(one, liar)
    liar.claims = {"aud": "somebody else"}
    with pytest.raises(TokenRefused):
        await whole(one, liar)
    liar.claims = {}
    begun = await one.begin("10.0.0.1")
    await one.come_back(state_of(begun), liar.visit(begun.url))
    with pytest.raises(TicketRefused):
        one.finish(begun.ticket, "wrongone")
    # What nobody began costs nothing to send, and tells nothing.
    with pytest.raises(TicketRefused):
        one.finish("no ticket", "wrongone")
    with pytest.raises(TicketRefused):
        await one.come_back("no state", "code")
    refused = [one for one in audit.events if one.tag == "access:session:refuse"]
    assert [one.details["reason"] for one in refused] == [
        NoRole.code, TokenRefused.code, TicketRefused.code,
    ]  # fmt: skip


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
