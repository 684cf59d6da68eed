"""People, quotas, usage and two-person actions over real HTTP, through the typed client."""

import asyncio
from base64 import b32decode
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from appliance.access.grants import KeyWish as GrantedWish
from appliance.access.grants import UsageRow
from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.access import KeyLimits, KeyWish, UserWish
from appliance.contract.people import AccountWish, ApprovalWish

PASSWORD = "a long password indeed 7"


def code_of(secret: str, now: float) -> str:
    return TOTP(b32decode(secret), 6, SHA1(), 30).generate(int(now)).decode()  # noqa: S303


async def refused(asked) -> str:
    with pytest.raises(ProblemError) as refusal:
        await asked
    return refusal.value.code


async def test_a_person_sets_up_codes_and_signs_in_with_them(box):
    async with Session.local(box.socket) as local, Session.remote(box.url) as person:
        await local.create_user(UserWish(name="li", password=PASSWORD, role="clinician"))
        await local.access.demand_totp("clinician", demanded=True)
        assert (await person.sign_in("li", PASSWORD)).must == "totp"
        assert await refused(person.models()) == "access.totp-enrolment-due"
        begun = await person.access.begin_totp()
        now = box.services.access._clock()
        codes = await person.access.confirm_totp(code_of(begun.secret, now))
        assert (await person.access.me()).must is None
        assert await person.models() == ()
        await person.sign_out()
        assert await refused(person.sign_in("li", PASSWORD)) == "access.totp-needed"
        await person.sign_in("li", PASSWORD, codes.codes[0])
        assert await refused(person.sign_in("li", PASSWORD, codes.codes[0])) == "access.refused"
        (user,) = [user for user in await local.users() if user.name == "li"]
        assert user.totp
        (session,) = await local.access.sessions()
        assert (session.source, session.method) == ("127.0.0.1", "password")
        await local.access.end_session(session.id)
        assert await refused(person.access.me()) == "access.refused"


async def test_a_session_ends_whichever_header_it_came_in(box):
    async with Session.local(box.socket) as local:
        await local.create_user(UserWish(name="li", password=PASSWORD, role="clinician"))
    for name, form in (
        ("X-Api-Key", "{}"),
        ("Authorization", "Bearer {}"),
        ("authorization", "bEARER {}"),
    ):
        token = box.services.access.sign_in("li", PASSWORD).token
        headers = {name: form.format(token)}
        told = []
        for method, path in (("GET", "me"), ("DELETE", "current"), ("GET", "me")):
            room = "users" if path == "me" else "sessions"
            url = f"{box.url}/api/v1/{room}/{path}"
            async with box.http.request(method, url, headers=headers) as answer:
                told.append(answer.status)
        assert told == [200, 204, 401], name
    key = box.make_key("chat")
    async with box.http.delete(f"{box.url}/api/v1/sessions/current", headers=key) as answer:
        assert answer.status == 204
    assert box.services.access.authenticate(key["Authorization"]).scopes == {"chat"}


async def test_an_administrator_looks_after_people(box):
    async with Session.local(box.socket) as local, Session.remote(box.url) as person:
        await local.create_user(UserWish(name="王医生", password=PASSWORD, role="clinician"))
        await local.access.define_role("pharmacy", ("chat", "models:read"))
        await local.access.set_role("王医生", "pharmacy")
        assert (await person.sign_in("王医生", PASSWORD)).role == "pharmacy"
        await local.access.user_does("王医生", "disable")
        assert await refused(person.models()) == "access.refused"
        await local.access.user_does("王医生", "enable")
        await local.access.reset_password("王医生", "another good word 8")
        assert (await person.sign_in("王医生", "another good word 8")).must == "password"
        await person.access.change_password("another good word 8", "a third good word 9")
        await person.sign_in("王医生", "a third good word 9")
        await local.access.user_does("王医生", "unlock")
        assert await refused(local.access.remove_role("pharmacy")) == "access.role-in-use"
        await local.access.remove_user("王医生")
        assert await refused(local.access.remove_user("王医生")) == "access.user-unknown"
        await local.access.remove_role("pharmacy")
        assert "pharmacy" not in {role.name for role in await local.access.roles()}
        assert await refused(local.access.reset_totp("x")) == "access.user-unknown"


@pytest.mark.slow
async def test_a_service_account_with_quotas_and_its_usage(box, tmp_path):
    async with Session.local(box.socket) as local:
        await local.access.create_account(AccountWish(name="emr", role="application", note="EMR"))
        wish = KeyWish(name="emr-1", scopes=("chat",), account="emr", requests_per_day=1)
        made = await local.create_key(wish)
        body = {"messages": [{"role": "user", "content": "x"}]}
        async with Session.remote(box.url, token=made.secret) as emr:
            await emr.chat(body)
            with pytest.raises(ProblemError) as refusal:
                await emr.chat(body)
            assert refusal.value.code == "access.quota-exceeded"
            assert "requests per day" in refusal.value.detail
            limits = KeyLimits(requests_per_minute=50, tokens_per_month=10_000)
            view = await local.access.set_limits(made.id, limits)
            assert (view.requests_per_day, view.requests_per_minute) == (None, 50)
            await emr.chat(body)
            await local.access.account_does("emr", "disable")
            assert await refused(emr.chat(body)) == "access.refused"
        report = await local.access.usage("user")
        assert [(row.name, row.requests) for row in report.rows] == [("account:emr", 2)]
        csv = b"".join([piece async for piece in local.access.export_usage()])
        assert csv.startswith(b"\xef\xbb\xbfday,hour,owner")
        assert b"account:emr" in csv
        await local.access.set_account_role("emr", "application")
        await local.access.remove_account("emr")
        assert await local.access.accounts() == ()


async def test_usage_is_for_those_who_may_read_it(box):
    for scope, allowed in (("usage:read", True), ("audit:read", False)):
        headers = box.make_key(scope)
        for path in ("/api/v1/usage?by=day", "/api/v1/usage/export"):
            async with box.http.get(box.url + path, headers=headers) as answer:
                assert (answer.status == 200) is allowed
    headers = box.make_key("usage:read")
    for bad in ("by=hour", "from=yesterday", "from=2026-13-01", "to=2000-01-01T00:00:00Z"):
        async with box.http.get(f"{box.url}/api/v1/usage?{bad}", headers=headers) as answer:
            assert answer.status == 422, bad


async def test_a_day_of_usage_is_a_day_of_the_box(box, tmp_path):
    """Days begin at midnight of `access.utc_offset_h`, wherever the clock of the machine stands."""
    midnight = int(datetime(2026, 1, 31, 16, tzinfo=UTC).timestamp())
    rows = [
        UsageRow(midnight + hour * 3600, "key:k", "k", "m", 1, 2, 3, "user:li", "emr")
        for hour in (-1, 0, 23, 24)
    ]
    box.services.access._usage.add(rows, [], [])
    february = date(2026, 2, 1), date(2026, 2, 2)
    async with Session.local(box.socket) as local:
        report = await local.access.usage("day", *february)
        assert [(row.name, row.requests) for row in report.rows] == [("2026-02-01", 2)]
        csv = b"".join([piece async for piece in local.access.export_usage(*february)])
        assert [line[:16] for line in csv.decode().splitlines()[1:]] == [
            "2026-02-01,00:00", "2026-02-01,23:00",
        ]  # fmt: skip


async def test_two_people_over_http(box):
    object.__setattr__(box.services.access.rules, "two_person", True)
    async with (
        Session.local(box.socket) as local,
        Session.remote(box.url) as ann,
        Session.remote(box.url) as bob,
    ):
        for name in ("ann", "bob"):
            await local.create_user(UserWish(name=name, password=PASSWORD, role="administrator"))
        await ann.sign_in("ann", PASSWORD)
        await bob.sign_in("bob", PASSWORD)
        assert await refused(ann.access.remove_user("bob")) == "access.approval-needed"
        assert await refused(local.access.remove_user("bob")) == "access.approval-needed"
        wish = ApprovalWish(action="user.remove-administrator", subject="bob", reason="离职")
        assert await refused(local.access.request(wish)) == "access.person-needed"
        asked = await ann.access.request(wish)
        own = ann.access.approval_does(asked.id, "approve")
        assert await refused(own) == "access.approval-refused"
        assert (await bob.access.approval_does(asked.id, "approve")).state == "approved"
        assert (await ann.access.execute(asked.id)).decided_by == "user:bob"
        assert await refused(bob.access.me()) == "access.refused"
        told = await ann.access.approvals()
        assert told.on
        assert [one.state for one in told.approvals] == ["executed"]
        assert box.entries("access:approval:execute")[0].details["approved_by"] == "user:bob"


async def test_rubbish_in_paths_is_no_fault(box):
    headers = box.bearer
    bad = ("x'; DROP TABLE access_users;--", "%00", "..%2f..", "%F0%9F%92%A9" * 20, "a" * 3000)
    for name in bad:
        for method, path in (
            ("DELETE", f"/api/v1/users/{name}"),
            ("PUT", f"/api/v1/keys/{name}/limits"),
            ("DELETE", f"/api/v1/sessions/{name}"),
            ("DELETE", f"/api/v1/accounts/{name}"),
            ("POST", f"/api/v1/approvals/{name}/approve"),
        ):
            url = box.url + path
            async with box.http.request(method, url, json={}, headers=headers) as answer:
                assert 400 <= answer.status < 500, (method, path, answer.status)
    await asyncio.sleep(0)


async def test_a_revocation_ends_what_is_under_way(box):
    made = box.services.access.create_key(GrantedWish("tail", frozenset({"audit:read"})))
    headers = {"Authorization": f"Bearer {made.secret}"}
    async with box.http.get(box.url + "/api/v1/audit/live", headers=headers) as answer:
        assert await answer.content.readline() == b": open\n"
        box.services.access.revoke_key(made.id)
        rest = await asyncio.wait_for(answer.content.read(), 20)
    assert b"event: error" in rest
    assert b"access.refused" in rest
