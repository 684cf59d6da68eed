"""People's rules: passwords, disabling, sessions, and who may touch whom."""

import pytest

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    LastAdministrator,
    PasswordExpired,
    SessionUnknown,
    UserExternal,
    WeakPassword,
)
from appliance.access.grants import KeyWish
from appliance.access.rules import AccessRules, PasswordRules, judge_password
from appliance.access.service import AccessService

PASSWORD = "correct horse battery 9"
CHAT = frozenset({"chat"})


@pytest.fixture
def people(service):
    service.create_user("boss", PASSWORD, "administrator")
    service.create_user("li", PASSWORD, "clinician")
    return service


def grant_of(service, name, password=PASSWORD):
    return service.authenticate(f"Bearer {service.sign_in(name, password).token}")


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("short", PasswordRules()),
        ("x" * 257, PasswordRules()),
        ("my name is li.wei!", PasswordRules()),
        ("iew.il spelled back", PasswordRules()),
        ("MY NAME IS LI.WEI!", PasswordRules()),
        ("aaaaaaaaaaaaa", PasswordRules()),
        ("abababababab", PasswordRules()),
        ("onlysmallletters", PasswordRules(classes=2)),
        ("small and 3 digits", PasswordRules(classes=4)),
    ],
)
def test_weak_passwords_are_refused_with_a_reason(password, rules):
    with pytest.raises(WeakPassword) as refusal:
        judge_password(password, "li.wei", rules)
    assert password not in str(refusal.value)


def test_strong_passwords_pass():
    judge_password("正确的马电池订书钉 1", "li.wei", PasswordRules(classes=2))
    judge_password("Tr0ub4dor&3-x", "li.wei", PasswordRules(classes=4))


def test_the_last_passwords_do_not_come_back(people, rules):
    local = people.local_grant()
    words = [f"{PASSWORD} number {n}" for n in range(rules.password.history)]
    for word in words:
        people.set_password("li", word)
    for word in words:
        with pytest.raises(WeakPassword):
            people.people.set_password("li", word, local)
    people.set_password("li", PASSWORD)  # older than the last five


def test_an_old_password_can_only_be_changed(people, clock, rules):
    clock.now += rules.password.max_age_s
    session = people.sign_in("li", PASSWORD)
    assert (session.must, session.scopes) == ("password", frozenset())
    grant = people.authenticate(f"Bearer {session.token}")
    with pytest.raises(PasswordExpired):
        people.require(grant, "chat")
    with pytest.raises(AccessRefused):
        people.sign_ins.change_password(grant, "wrong", "another good word")
    people.sign_ins.change_password(grant, PASSWORD, "another good word")
    assert not people.alive(grant)
    people.require(grant_of(people, "li", "another good word"), "chat")


def test_a_temporary_password_is_changed_first(people):
    people.people.create("wang", PASSWORD, "clinician", people.local_grant(), temporary=True)
    grant = grant_of(people, "wang")
    assert grant.must == "password"
    people.sign_ins.change_password(grant, PASSWORD, "another good word")
    assert grant_of(people, "wang", "another good word").must is None


def test_a_directory_changes_its_own_passwords(people):
    session = people.open_session_for("zhao", "clinician", "ldap")
    with pytest.raises((UserExternal, AccessRefused)):
        people.sign_ins.change_password(
            people.authenticate(f"Bearer {session.token}"), PASSWORD, "another good word"
        )


def test_disabled_people_look_like_nobody_and_their_keys_rest(people, passwords, audit):
    grant = grant_of(people, "li")
    key = people.create_key(KeyWish("mine", CHAT), grant)
    child = people.authenticate(f"Bearer {key.secret}")
    assert people.alive(child)
    people.people.disable("li", people.local_grant())
    assert not people.alive(grant)
    assert not people.alive(child)
    assert [k.state for k in people.keys()] == ["suspended"]  # noqa: SIM118
    compared = passwords.compared
    with pytest.raises(AccessRefused) as refusal:
        people.sign_in("li", PASSWORD)
    assert str(refusal.value) == str(AccessRefused())
    assert passwords.compared == compared + 1
    people.people.enable("li", people.local_grant())
    assert people.authenticate(f"Bearer {key.secret}").key_id == key.id
    grant_of(people, "li")
    assert {"disabled", "enabled"} <= {e.details.get("change") for e in audit.events}


def test_a_disabled_directory_account_stays_out(people):
    people.open_session_for("zhao", "clinician", "oidc")
    people.people.disable("zhao", people.local_grant())
    with pytest.raises(AccessRefused):
        people.open_session_for("zhao", "clinician", "oidc")


def test_disabled_stays_disabled_after_a_restart(people, db, audit, clock, passwords):
    key = people.create_key(KeyWish("mine", CHAT), grant_of(people, "li"))
    people.people.disable("li", people.local_grant())
    again = AccessService(db, audit, clock, passwords=passwords)
    try:
        with pytest.raises(AccessRefused):
            again.authenticate(f"Bearer {key.secret}")
    finally:
        again.close()


def test_what_a_key_made_dies_with_it(people):
    scopes = frozenset({"chat", "keys:write"})
    parent = people.create_key(KeyWish("parent", scopes), grant_of(people, "boss"))
    grant = people.authenticate(f"Bearer {parent.secret}")
    child = people.create_key(KeyWish("child", scopes), grant)
    grandchild = people.create_key(
        KeyWish("grandchild", CHAT), people.authenticate(f"Bearer {child.secret}")
    )
    people.revoke_key(parent.id)
    for key in (parent, child, grandchild):
        with pytest.raises(AccessRefused):
            people.authenticate(f"Bearer {key.secret}")


def test_sessions_are_listed_and_ended(people, audit, clock):
    first = people.sign_in("li", PASSWORD, address="10.0.0.7")
    clock.now += 1
    second = people.sign_in("li", PASSWORD)
    infos = people.sign_ins.sessions("li")
    assert [(i.source, i.method) for i in infos] == [("10.0.0.7", "password"), (None, "password")]
    assert first.token.split(".")[1] not in repr(infos)
    boss, li = grant_of(people, "boss"), people.authenticate(f"Bearer {second.token}")
    people.sign_ins.revoke(infos[0].id, boss)
    with pytest.raises(AccessRefused):
        people.authenticate(f"Bearer {first.token}")
    with pytest.raises(SessionUnknown):
        people.sign_ins.revoke(infos[0].id, boss)
    with pytest.raises(SessionUnknown):
        people.sign_ins.revoke_own(boss.credential, li)
    with pytest.raises(AccessForbidden):
        people.sign_ins.revoke(boss.credential, li)
    people.sign_ins.revoke_own(infos[1].id, li)
    assert not people.alive(li)
    assert audit.tags().count("access:session:revoke") == 2


def test_what_expired_is_forgotten_in_the_end(people, clock, rules):
    session = people.sign_in("li", PASSWORD)
    clock.now = session.expires + 86_401
    people.prune_usage(0)
    assert people._index.of_actor("user:li") == []


def test_nobody_changes_somebody_who_may_do_more(people):
    key = people.create_key(KeyWish("hr", frozenset({"users:write", "users:read"})))
    hr = people.authenticate(f"Bearer {key.secret}")
    desk = people.people
    for attack in (
        lambda: desk.set_password("boss", "another good word", hr),
        lambda: desk.set_role("boss", "clinician", hr),
        lambda: desk.set_role("li", "administrator", hr),
        lambda: desk.create("evil", PASSWORD, "administrator", hr),
        lambda: desk.remove("boss", hr),
        lambda: desk.disable("boss", hr),
        lambda: desk.unlock("boss", hr),
        lambda: desk.reset_totp("boss", hr),
    ):
        with pytest.raises(AccessForbidden):
            attack()
    grant_of(people, "boss")


def test_the_last_administrator_stays_but_for_the_console(people):
    boss = grant_of(people, "boss")
    for move in (
        lambda: people.people.remove("boss", boss),
        lambda: people.people.disable("boss", boss),
        lambda: people.people.set_role("boss", "clinician", boss),
    ):
        with pytest.raises(LastAdministrator):
            move()
    people.people.remove("boss", people.local_grant())


@pytest.mark.parametrize(
    "name", ["x'; DROP TABLE access_users; --", 'x" OR "1"="1', "me", "..", "a/b"]
)
def test_names_with_a_meaning_elsewhere_are_refused_or_text(people, name):
    from appliance.access.errors import UserNameMalformed

    with pytest.raises(UserNameMalformed):
        people.create_user(name, PASSWORD, "clinician")
    with pytest.raises(AccessRefused):
        people.sign_in(name, PASSWORD)
    people.create_user("o;DROP--%_*", PASSWORD, "clinician")
    assert grant_of(people, "o;DROP--%_*").owner == "user:o;DROP--%_*"


def test_a_password_change_in_the_middle_of_signing_in_wins(people, db, audit, clock, passwords):
    """A session opened beside a change of the account is judged by what the account is then."""
    verify = passwords.verify

    def verify_and_disable(encoded, password):
        people.people.disable("li", people.local_grant())
        return verify(encoded, password)

    passwords.verify = verify_and_disable
    session = people.sign_in("li", PASSWORD)
    with pytest.raises(AccessRefused):
        people.authenticate(f"Bearer {session.token}")


def test_rules_have_defaults_that_agree():
    assert AccessRules().lockout_s < AccessRules().lockout_max_s
