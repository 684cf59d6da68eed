"""Roles of the hospital's own and service accounts: rights are read live, never from before."""

import pytest

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    AccountExists,
    AccountUnknown,
    RoleInUse,
    RoleInvalid,
    RoleUnknown,
    UserNameMalformed,
)
from appliance.access.grants import KeyWish
from appliance.access.roles import SCOPES
from appliance.access.service import AccessService
from appliance.errors import AuditUnavailable

PASSWORD = "correct horse battery 9"
CHAT = frozenset({"chat"})


@pytest.fixture
def local(service):
    return service.local_grant()


def grant_of(service, name):
    return service.authenticate(f"Bearer {service.sign_in(name, PASSWORD).token}")


def test_a_role_of_ones_own_counts_at_once(service, local, audit):
    service.roles.define("pharmacy", frozenset({"chat", "models:read"}), local)
    service.create_user("li", PASSWORD, "pharmacy")
    session = service.sign_in("li", PASSWORD)
    grant = service.authenticate(f"Bearer {session.token}")
    key = service.create_key(KeyWish("k", CHAT), grant)
    service.require(grant, "models:read")
    service.roles.define("pharmacy", frozenset({"models:read"}), local)
    assert not service.alive(grant)
    now = service.authenticate(f"Bearer {session.token}")
    service.require(now, "models:read")
    with pytest.raises(AccessForbidden):
        service.require(now, "chat")
    with pytest.raises(AccessRefused):
        service.authenticate(f"Bearer {key.secret}")  # nothing is left of what it may do
    service.roles.define("pharmacy", frozenset({"models:read", "chat", "usage:read"}), local)
    assert service.alive(grant)  # what it allowed then is allowed again
    service.require(service.authenticate(f"Bearer {key.secret}"), "chat")
    assert audit.tags().count("access:role:define") == 3


def test_a_key_never_does_more_than_its_owner_may_now(service, local):
    service.roles.define("wide", frozenset({"chat", "models:read", "jobs:read"}), local)
    service.create_user("li", PASSWORD, "wide")
    wish = KeyWish("k", frozenset({"chat", "jobs:read"}))
    key = service.create_key(wish, grant_of(service, "li"))
    service.roles.define("wide", frozenset({"chat"}), local)
    assert service.authenticate(f"Bearer {key.secret}").scopes == CHAT


def test_roles_outlive_a_restart(service, local, db, audit, clock, passwords):
    service.roles.define("pharmacy", CHAT, local)
    service.create_user("li", PASSWORD, "pharmacy")
    session = service.sign_in("li", PASSWORD)
    again = AccessService(db, audit, clock, passwords=passwords)
    try:
        assert again.authenticate(f"Bearer {session.token}").scopes == CHAT
    finally:
        again.close()


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("administrator", CHAT),
        ("clinician", CHAT),
        ("", CHAT),
        ("Big", CHAT),
        ("x" * 33, CHAT),
        ("a b", CHAT),
        ("x'; DROP TABLE access_roles; --", CHAT),
        ("ok", frozenset()),
        ("ok", frozenset({"everything"})),
        ("ok", frozenset({"chat", "users:write"})),
    ],
)
def test_impossible_roles_are_refused(service, local, name, scopes):
    with pytest.raises(RoleInvalid):
        service.roles.define(name, scopes, local)


def test_nobody_defines_more_than_they_are(service, local):
    service.roles.define("strong", SCOPES - {"users:write"}, local)
    key = service.create_key(KeyWish("hr", frozenset({"users:write", "chat"})))
    hr = service.authenticate(f"Bearer {key.secret}")
    with pytest.raises(AccessForbidden):
        service.roles.define("mine", frozenset({"vault:write"}), hr)
    with pytest.raises(AccessForbidden):
        service.roles.define("strong", CHAT, hr)
    with pytest.raises(AccessForbidden):
        service.roles.demand_totp("administrator", hr, on=False)


def test_a_role_in_use_stays(service, local):
    service.roles.define("pharmacy", CHAT, local)
    service.create_user("li", PASSWORD, "pharmacy")
    with pytest.raises(RoleInUse, match="li"):
        service.roles.remove("pharmacy", local)
    service.set_role("li", "clinician")
    service.roles.remove("pharmacy", local)
    for name in ("pharmacy", "nobody"):
        with pytest.raises(RoleUnknown):
            service.roles.remove(name, local)
    with pytest.raises(RoleInvalid):
        service.roles.remove("auditor", local)


def test_a_role_that_cannot_be_recorded_is_not_there(service, local, audit):
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        service.roles.define("pharmacy", CHAT, local)
    audit.broken = False
    assert "pharmacy" not in {role.name for role in service.roles.all()}


def test_an_account_owns_keys_and_has_no_password(service, local, audit, passwords):
    service.accounts.create("emr", "application", "电子病历", local)
    key = service.create_key(KeyWish("emr-1", CHAT, account="emr"))
    grant = service.authenticate(f"Bearer {key.secret}")
    assert (grant.owner, grant.actor) == ("account:emr", f"key:{key.id}")
    compared = passwords.compared
    for password in ("", "emr", PASSWORD):
        with pytest.raises(AccessRefused):
            service.sign_in("emr", password)
    assert passwords.compared == compared + 3
    service.accounts.disable("emr", local)
    assert not service.alive(grant)
    with pytest.raises(AccessRefused):
        service.authenticate(f"Bearer {key.secret}")
    service.accounts.enable("emr", local)
    service.authenticate(f"Bearer {key.secret}")
    service.accounts.remove("emr", local)
    with pytest.raises(AccessRefused):
        service.authenticate(f"Bearer {key.secret}")
    service.accounts.create("emr", "application", "", local)
    with pytest.raises(AccessRefused):
        service.authenticate(f"Bearer {key.secret}")  # the name's new owner inherits no keys
    tags = [tag for tag in audit.tags() if tag.startswith("access:account")]
    assert tags == [
        f"access:account:{x}" for x in ("create", "disable", "enable", "remove", "create")
    ]


def test_an_account_never_administrates_and_its_role_bounds_its_keys(service, local):
    with pytest.raises(RoleInvalid):
        service.accounts.create("emr", "administrator", "", local)
    service.accounts.create("emr", "application", "", local)
    with pytest.raises(AccountExists):
        service.accounts.create("emr", "application", "", local)
    with pytest.raises(AccessForbidden):
        service.create_key(KeyWish("k", frozenset({"audit:read"}), account="emr"))
    with pytest.raises(AccountUnknown):
        service.create_key(KeyWish("k", CHAT, account="his' OR '1'='1"))
    with pytest.raises(UserNameMalformed):
        service.accounts.create("a:b", "application", "", local)
    key = service.create_key(KeyWish("k", frozenset({"chat", "specialists"}), account="emr"))
    service.roles.define("narrow", CHAT, local)
    service.accounts.set_role("emr", "narrow", local)
    assert service.authenticate(f"Bearer {key.secret}").scopes == CHAT


def test_a_person_and_an_account_of_one_name_are_two(service, local):
    service.create_user("emr", PASSWORD, "clinician")
    service.accounts.create("emr", "application", "", local)
    key = service.create_key(KeyWish("k", CHAT, account="emr"))
    service.remove_user("emr")
    service.authenticate(f"Bearer {key.secret}")
