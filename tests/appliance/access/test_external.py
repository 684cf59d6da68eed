"""People of an outside directory: their sessions, their end, and local accounts left alone."""

import pytest

from appliance.access.errors import (
    AccessRefused,
    LockedOut,
    RoleUnknown,
    UserExists,
    UserExternal,
    UserNameMalformed,
)


def bearer(session):
    return f"Bearer {session.token}"


def test_a_vouched_person_gets_a_session_that_may_be_shorter(service, clock):
    session = service.open_session_for("li.wei", "clinician", "ldap", 600)
    assert service.authenticate(bearer(session)).actor == "user:li.wei"
    clock.now += 601
    with pytest.raises(AccessRefused):
        service.authenticate(bearer(session))


def test_a_local_account_is_never_taken_over(service, audit):
    service.create_user("admin", "a good password", "administrator")
    for name in ("admin", "Admin", "ADMIN", "ａdmin"):
        with pytest.raises(UserExists):
            service.open_session_for(name, "administrator", "ldap")
    service.open_session_for("li.wei", "clinician", "ldap")
    with pytest.raises(UserExists):
        service.open_session_for("li.wei", "clinician", "oidc")
    with pytest.raises(UserExists):
        service.create_user("li.wei", "a good password", "clinician")


def test_no_password_opens_an_outside_account_here(service, passwords):
    service.open_session_for("li.wei", "clinician", "ldap")
    before = passwords.compared
    for guess in ("external:ldap", "ldap", ""):
        with pytest.raises(AccessRefused):
            service.sign_in("li.wei", guess)
    assert passwords.compared == before + 3
    with pytest.raises(UserExternal):
        service.set_password("li.wei", "a good password")


def test_a_changed_role_and_a_closing_end_what_was_open(service, audit):
    first = service.open_session_for("li.wei", "administrator", "ldap")
    second = service.open_session_for("li.wei", "clinician", "ldap")
    with pytest.raises(AccessRefused):
        service.authenticate(bearer(first))
    assert service.authenticate(bearer(second)).role == "clinician"
    service.close_sessions_of("li.wei")
    service.close_sessions_of("nobody")
    with pytest.raises(AccessRefused):
        service.authenticate(bearer(second))
    assert audit.events[-1].tag == "access:session:close"
    assert audit.events[-1].details == {"reason": "directory"}


@pytest.mark.parametrize("name", ["", "a b", "a\u202eb", "x" * 65, "a\x00", "../x"])
def test_names_that_confuse_are_refused(service, name):
    with pytest.raises(UserNameMalformed):
        service.open_session_for(name, "clinician", "ldap")


def test_an_unknown_role_and_too_many_attempts(service, audit):
    with pytest.raises(RoleUnknown):
        service.open_session_for("li.wei", "surgeon", "ldap")
    spellings = ("Li.Wei", "li.wei", "LI.WEI", "li.WEI", "ｌi.wei")
    for name in spellings:
        service.attempt(name, "ldap")
    with pytest.raises(LockedOut):
        service.attempt("li.wei", "ldap")
