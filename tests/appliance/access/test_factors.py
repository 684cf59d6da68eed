"""Second factors: enrolment, codes used once, recovery codes, and roles that demand them."""

from base64 import b32decode

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    LockedOut,
    PersonNeeded,
    TotpEnrolmentDue,
    TotpNeeded,
    TotpState,
    TotpWrong,
)
from appliance.access.grants import KeyWish

PASSWORD = "correct horse battery 9"


@pytest.fixture
def li(service):
    service.create_user("li", PASSWORD, "administrator")
    return service


def code_at(uri: str, now: float) -> str:
    secret = b32decode(uri.partition("secret=")[2].partition("&")[0])
    return TOTP(secret, 6, SHA1(), 30).generate(int(now)).decode()  # noqa: S303


def signed_in(service, code=None):
    session = service.sign_in("li", PASSWORD, code)
    return session, service.authenticate(f"Bearer {session.token}")


def enrolled(service, clock):
    session, grant = signed_in(service)
    begun = service.sign_ins.totp_begin(grant)
    codes = service.sign_ins.totp_confirm(grant, code_at(begun.uri, clock.now))
    clock.now += 30
    return begun.uri, codes, session


def test_rfc_6238_vectors_of_sha1(db):
    from appliance.access.factor_store import FactorStore
    from appliance.access.factors import Factors
    from appliance.access.migrations import MIGRATIONS

    assert MIGRATIONS
    store = FactorStore(db)
    factors = Factors(store)
    # RFC 6238, appendix B, cut to six digits.
    for number, (time, code) in enumerate(
        ((59, "287082"), (1111111109, "081804"), (2000000000, "279037"))
    ):
        name = f"v{number}"
        store.begin(name, b"12345678901234567890", 0.0)
        store.confirm(name, 0.0)
        assert factors.check(name, code, time) == "totp"


def test_enrolment_is_shown_once_and_confirmed_by_a_code(li, clock, db):
    _, grant = signed_in(li)
    first = li.sign_ins.totp_begin(grant)
    begun = li.sign_ins.totp_begin(grant)
    assert begun.uri.startswith("otpauth://totp/WardBox:li?")
    assert first.secret != begun.secret
    with pytest.raises(TotpWrong):
        li.sign_ins.totp_confirm(grant, code_at(first.uri, clock.now))
    li.sign_in("li", PASSWORD)  # not confirmed yet: nothing is asked
    codes = li.sign_ins.totp_confirm(grant, code_at(begun.uri, clock.now))
    assert len(set(codes)) == 10
    for again in (li.sign_ins.totp_begin, lambda g: li.sign_ins.totp_confirm(g, "000000")):
        with pytest.raises(TotpState):
            again(grant)
    with db.read() as read:
        rows = repr(list(read.query("SELECT * FROM access_recovery")))
    assert not [code for code in codes if code in rows or code.replace("-", "") in rows]


def test_confirming_ends_the_other_sessions(li, clock):
    other, _ = signed_in(li)
    _, _, kept = enrolled(li, clock)
    li.authenticate(f"Bearer {kept.token}")
    with pytest.raises(AccessRefused):
        li.authenticate(f"Bearer {other.token}")


def test_a_code_opens_one_session_only(li, clock, audit):
    uri, _, _ = enrolled(li, clock)
    with pytest.raises(TotpNeeded):
        signed_in(li)
    code = code_at(uri, clock.now)
    signed_in(li, code)
    with pytest.raises(AccessRefused):
        signed_in(li, code)
    with pytest.raises(AccessRefused):
        signed_in(li, code_at(uri, clock.now - 30))  # older than the last used
    clock.now += 30
    signed_in(li, f" {code_at(uri, clock.now)[:3]} {code_at(uri, clock.now)[3:]}")
    assert "access:session:refuse" in audit.tags()


def test_a_phone_half_a_minute_off_is_let_in_and_two_minutes_is_not(li, clock):
    uri, _, _ = enrolled(li, clock)
    clock.now += 300
    with pytest.raises(AccessRefused):
        signed_in(li, code_at(uri, clock.now - 120))
    signed_in(li, code_at(uri, clock.now + 30))


@pytest.mark.parametrize(
    "code", ["", "1", "1234567", "１２３４５６", "abcdef", "' OR 1=1", "\x00" * 6]
)
def test_what_is_no_code_is_refused(li, clock, code):
    enrolled(li, clock)
    with pytest.raises((AccessRefused, TotpNeeded)):
        signed_in(li, code)


def test_a_recovery_code_opens_once(li, clock, audit):
    _, codes, _ = enrolled(li, clock)
    signed_in(li, codes[0].upper())
    assert "access:totp:recover" in audit.tags()
    with pytest.raises(AccessRefused):
        signed_in(li, codes[0])
    signed_in(li, codes[1].replace("-", " "))


def test_codes_cannot_be_guessed_with_the_right_password(li, clock, rules):
    uri, _, _ = enrolled(li, clock)
    for tried in range(rules.failures):
        with pytest.raises(AccessRefused):
            signed_in(li, "000000" if code_at(uri, clock.now) != "000000" else "111111")
        if tried < rules.failures - 2:
            with pytest.raises(TotpNeeded):
                signed_in(li)  # asking without a code neither counts nor resets
    with pytest.raises(LockedOut):
        signed_in(li, code_at(uri, clock.now))


def test_a_role_that_demands_codes_lets_its_people_do_nothing_else_first(li, clock):
    session, grant = signed_in(li)
    assert session.must is None
    li.roles.demand_totp("administrator", li.local_grant(), on=True)
    assert not li.alive(grant)
    fresh = li.authenticate(f"Bearer {session.token}")
    assert fresh.scopes == frozenset()
    with pytest.raises(TotpEnrolmentDue):
        li.require(fresh, "chat")
    later = li.sign_in("li", PASSWORD)
    assert (later.must, later.scopes) == ("totp", frozenset())
    grant = li.authenticate(f"Bearer {later.token}")
    begun = li.sign_ins.totp_begin(grant)
    li.sign_ins.totp_confirm(grant, code_at(begun.uri, clock.now))
    li.require(li.authenticate(f"Bearer {later.token}"), "users:write")
    clock.now += 30
    with pytest.raises(TotpState):
        li.sign_ins.totp_remove(
            li.authenticate(f"Bearer {later.token}"), code_at(begun.uri, clock.now)
        )


def test_a_demand_outlives_a_restart(li, db, audit, clock, passwords):
    from appliance.access.service import AccessService

    li.roles.demand_totp("administrator", li.local_grant(), on=True)
    again = AccessService(db, audit, clock, passwords=passwords)
    try:
        assert again.sign_in("li", PASSWORD).must == "totp"
    finally:
        again.close()


def test_giving_up_takes_a_code_and_a_reset_takes_an_administrator(li, clock):
    uri, _, session = enrolled(li, clock)
    grant = li.authenticate(f"Bearer {session.token}")
    with pytest.raises(TotpWrong):
        li.sign_ins.totp_remove(grant, "000000")
    li.sign_ins.totp_remove(grant, code_at(uri, clock.now))
    signed_in(li)
    with pytest.raises(TotpState):
        li.people.reset_totp("li", li.local_grant())
    enrolled(li, clock)
    li.people.reset_totp("li", li.local_grant())
    signed_in(li)


def test_keys_and_the_console_have_no_second_factor(li):
    key = li.create_key(KeyWish("k", frozenset({"chat"})))
    for grant in (li.local_grant(), li.authenticate(f"Bearer {key.secret}")):
        with pytest.raises(PersonNeeded):
            li.sign_ins.totp_begin(grant)


def test_people_of_a_directory_need_their_code_too(li, clock):
    session = li.open_session_for("wang", "clinician", "ldap")
    grant = li.authenticate(f"Bearer {session.token}")
    begun = li.sign_ins.totp_begin(grant)
    li.sign_ins.totp_confirm(grant, code_at(begun.uri, clock.now))
    clock.now += 30
    with pytest.raises(TotpNeeded):
        li.open_session_for("wang", "clinician", "ldap")
    with pytest.raises(AccessRefused):
        li.open_session_for("wang", "clinician", "ldap", code="000000")
    li.open_session_for("wang", "clinician", "ldap", code=code_at(begun.uri, clock.now))


def test_somebody_less_cannot_take_a_second_factor_away(li, clock):
    enrolled(li, clock)
    li.create_user("zhao", PASSWORD, "informatics")
    zhao = li.authenticate(f"Bearer {li.sign_in('zhao', PASSWORD).token}")
    with pytest.raises(AccessForbidden):
        li.people.reset_totp("li", zhao)
