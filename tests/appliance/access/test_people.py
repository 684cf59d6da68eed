"""People: signing in, lockout, sessions and what ends them."""

import threading

import pytest

from appliance.access.errors import (
    AccessRefused,
    LockedOut,
    RoleUnknown,
    UserExists,
    UserNameMalformed,
    UserUnknown,
    WeakPassword,
)
from appliance.access.grants import KeyWish
from appliance.access.roles import ROLES, SCOPES
from appliance.access.service import AccessService
from appliance.errors import AuditUnavailable

PASSWORD = "正确的马电池订书钉 1"


@pytest.fixture
def people(service):
    service.create_user("王医生", PASSWORD, "clinician")
    return service


def signed_in(service, name="王医生"):
    session = service.sign_in(name, PASSWORD)
    return session, f"Bearer {session.token}"


def test_a_person_signs_in_and_out(people, audit):
    session, header = signed_in(people)
    grant = people.authenticate(header)
    assert (grant.actor, grant.role, grant.key_id) == ("user:王医生", "clinician", None)
    assert grant.scopes == ROLES["clinician"] == session.scopes
    people.sign_out(session.token)
    with pytest.raises(AccessRefused):
        people.authenticate(header)
    assert audit.tags() == ["access:user:create", "access:session:open", "access:session:close"]


def test_signing_out_with_rubbish_is_harmless(people):
    _, header = signed_in(people)
    key = people.create_key(KeyWish("emr", frozenset({"chat"})))
    for token in ("", "x", "wbs_" + "0" * 16 + "." + "A" * 43, key.secret, "\x00"):
        people.sign_out(token)
    people.authenticate(header)
    people.authenticate(f"Bearer {key.secret}")


def test_sessions_end_by_age_and_by_idleness(people, clock, rules):
    _, header = signed_in(people)
    clock.now += rules.idle_s - 1
    people.authenticate(header)
    clock.now += rules.idle_s - 1
    people.authenticate(header)
    clock.now += rules.idle_s + 1
    with pytest.raises(AccessRefused):
        people.authenticate(header)
    session, header = signed_in(people)
    while clock.now < session.expires - 600:
        clock.now += 600
        people.authenticate(header)
    clock.now = session.expires
    with pytest.raises(AccessRefused):
        people.authenticate(header)


def test_sessions_outlive_a_restart(people, db, audit, clock, passwords):
    _, header = signed_in(people)
    again = AccessService(db, audit, clock, passwords=passwords)
    try:
        assert again.authenticate(header).actor == "user:王医生"
    finally:
        again.close()


def test_wrong_passwords_and_unknown_names_look_alike(people, passwords):
    before = passwords.compared
    with pytest.raises(AccessRefused) as wrong:
        people.sign_in("王医生", "not the password")
    with pytest.raises(AccessRefused) as unknown:
        people.sign_in("nobody", "not the password")
    assert str(wrong.value) == str(unknown.value)
    assert passwords.compared == before + 2


@pytest.mark.parametrize("name", ["王医生", "nobody"])
def test_five_failures_lock_a_name_known_or_not(people, name, db, audit, clock, passwords, rules):
    for _ in range(rules.failures):
        with pytest.raises(AccessRefused):
            people.sign_in(name, "not the password")
    with pytest.raises(LockedOut):
        people.sign_in(name, PASSWORD)
    again = AccessService(db, audit, clock, passwords=passwords, rules=rules)
    try:
        with pytest.raises(LockedOut):
            again.sign_in(name, PASSWORD)
    finally:
        again.close()
    assert [user.locked for user in people.users()] == [name == "王医生"]
    clock.now += rules.lockout_s + 1
    if name == "王医生":
        people.sign_in(name, PASSWORD)


def test_parallel_guesses_do_not_outrun_the_count(people, passwords, rules):
    barrier = threading.Barrier(24)
    results = []

    def guess():
        barrier.wait()
        try:
            people.sign_in("王医生", "wrong password")
        except (AccessRefused, LockedOut) as refusal:
            results.append(refusal.code)

    before = passwords.compared
    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 24
    assert passwords.compared - before == rules.failures


def test_a_success_forgets_the_failures(people, rules):
    for _ in range(3):
        for _ in range(rules.failures - 1):
            with pytest.raises(AccessRefused):
                people.sign_in("王医生", "not the password")
        people.sign_in("王医生", PASSWORD)


@pytest.mark.parametrize("change", ["password", "role", "removal"])
def test_changes_end_sessions_and_keys_at_once(people, change):
    _, header = signed_in(people)
    grant = people.authenticate(header)
    key = people.create_key(KeyWish("mine", frozenset({"chat"})), grant)
    if change == "password":
        people.set_password("王医生", "another long password")
    elif change == "role":
        people.set_role("王医生", "auditor")
    else:
        people.remove_user("王医生")
    with pytest.raises(AccessRefused):
        people.authenticate(header)
    if change != "password":
        with pytest.raises(AccessRefused):
            people.authenticate(f"Bearer {key.secret}")


def test_a_failed_record_opens_no_session(people, audit, db):
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        people.sign_in("王医生", PASSWORD)
    audit.broken = False
    assert people._index.seen_since(0) == []
    with db.read() as read:
        assert list(read.query("SELECT * FROM access_sessions")) == []


def test_a_failed_record_makes_no_user(service, audit):
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        service.create_user("x", "a long password", "auditor")
    audit.broken = False
    assert service.users() == []


@pytest.mark.parametrize(
    ("name", "password", "role", "refusal"),
    [
        ("", "a long password", "auditor", UserNameMalformed),
        ("a b", "a long password", "auditor", UserNameMalformed),
        ("a\x1b[2J", "a long password", "auditor", UserNameMalformed),
        ("a\u202eb", "a long password", "auditor", UserNameMalformed),
        ("x" * 65, "a long password", "auditor", UserNameMalformed),
        ("\ud800", "a long password", "auditor", UserNameMalformed),
        ("ok", "short", "auditor", WeakPassword),
        ("ok", "x" * 257, "auditor", WeakPassword),
        ("abcdefghijk", "ABCDEFGHIJK", "auditor", WeakPassword),
        ("ok", "a long password", "god", RoleUnknown),
        ("王医生", "a long password", "auditor", UserExists),
    ],
)
def test_impossible_people_are_refused(people, name, password, role, refusal):
    with pytest.raises(refusal):
        people.create_user(name, password, role)


def test_changes_to_nobody_are_refused(service):
    for change in (
        lambda: service.set_password("x", "a long password"),
        lambda: service.set_role("x", "auditor"),
        lambda: service.remove_user("x"),
    ):
        with pytest.raises(UserUnknown):
            change()


def test_injection_in_names_is_text(people):
    with pytest.raises(AccessRefused):
        people.sign_in("' OR 1=1 --", "x" * 20)
    with pytest.raises(AccessRefused):
        people.sign_in("\x00" * 300, "\ud800")
    with pytest.raises(AccessRefused):
        people.sign_in("\ud800", "x")


def test_the_table_of_roles_is_closed():
    for scopes in ROLES.values():
        assert scopes <= SCOPES
    assert ROLES["administrator"] == SCOPES
    assert not ROLES["auditor"] & {"chat", "specialists", "keys:write"}


def test_argon2_is_behind_the_real_service(db, audit, clock):
    real = AccessService(db, audit, clock)
    try:
        real.create_user("li", PASSWORD, "auditor")
        assert real.sign_in("li", PASSWORD).role == "auditor"
        with pytest.raises(AccessRefused):
            real.sign_in("li", PASSWORD + "x")
        with pytest.raises(AccessRefused):
            real.sign_in("nobody", PASSWORD)
    finally:
        real.close()
    with db.read() as read:
        rows = list(read.query("SELECT password FROM access_users"))
    assert rows[0]["password"].startswith("$argon2id$")
