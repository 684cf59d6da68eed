"""Directory people in the box: sessions, lockout, and the end of those whom the directory forgets."""

import pytest

from appliance.access.errors import (
    AccessRefused,
    LockedOut,
    TotpNeeded,
    UserExists,
    UserExternal,
)
from appliance.access.rules import as_counted
from appliance.settings.signin import LdapSettings
from appliance.signin.directory import DirectorySignIn
from appliance.signin.errors import (
    DirectoryRefused,
    DirectoryUnreachable,
    NameTaken,
    NoRole,
    SignInOff,
)
from appliance.signin.outside import open_directory
from appliance.signin.store import SignInStore
from tests.appliance.access.test_factors import code_at
from tests.appliance.signin.slapd import (
    BASE,
    GROUPS,
    PEOPLE,
    READER,
    READER_PASSWORD,
    ROLES,
    person,
)

PASSWORD = "li's password"


@pytest.fixture
def desk(directory, access, db, audit, clock):
    def made(**more):
        settings = LdapSettings.model_validate(
            {
                "servers": [directory.tls],
                "flavour": "openldap",
                "base": BASE,
                "bind_dn": READER,
                "roles": ROLES,
                "grace_s": 600,
                "timeout_s": 60,
                **more,
            }
        )
        store = SignInStore(db)
        if store.secret("ldap") is None:
            store.set_secret("ldap", READER_PASSWORD, clock())

        def opened():
            return open_directory(settings, directory.ca_file, lambda: store.secret("ldap"), clock)

        return DirectorySignIn(settings, opened, access, store, audit, clock)

    return made


def alive(access, session):
    try:
        access.authenticate(f"Bearer {session.token}")
    except AccessRefused:
        return False
    return True


def test_a_person_signs_in_and_stays_while_the_directory_knows_them(desk, access, audit):
    one = desk()
    session = one.sign_in("Li.Wei", "li's password")
    assert access.authenticate(f"Bearer {session.token}").actor == "user:li.wei"
    assert one.check() == 0
    assert alive(access, session)
    assert "access:session:open" in audit.tags()


def test_a_wrong_password_is_on_record_and_locks_after_a_while(desk, access, audit, clock):
    one = desk()
    for name in ("li.wei", "LI.WEI", "li.wei", "Li.Wei", "li.wei"):
        with pytest.raises(AccessRefused):
            one.sign_in(name, "wrong")
    assert audit.tags().count("access:session:refuse") == 5
    with pytest.raises(LockedOut):
        one.sign_in("li.wei", "li's password")
    clock.now += 3600
    assert alive(access, one.sign_in("li.wei", "li's password"))


def test_a_person_who_vanishes_or_loses_their_role_loses_their_sessions(desk, directory, access):
    one = desk()
    directory.add(person("sun.li", "sun's password"))
    directory.modify(f"cn=it,{GROUPS}", member=[f"uid=sun.li,{PEOPLE}", f"uid=wang.fang,{PEOPLE}"])
    stays, goes = one.sign_in("li.wei", "li's password"), one.sign_in("sun.li", "sun's password")
    assert one.check() == 0
    directory.delete(f"uid=sun.li,{PEOPLE}")
    assert one.check() == 1
    assert (alive(access, stays), alive(access, goes)) == (True, False)
    assert one.check() == 0
    again = one.sign_in("wang.fang", "wang's password")
    directory.modify(f"cn=it,{GROUPS}", member=[f"uid=li.wei,{PEOPLE}"])
    # Li became an administrator meanwhile: both sign in again, to what they are now.
    assert one.check() == 2
    assert (alive(access, stays), alive(access, again)) == (False, False)
    with pytest.raises(NoRole):
        one.sign_in("wang.fang", "wang's password")
    directory.modify(f"cn=it,{GROUPS}", member=[f"uid=wang.fang,{PEOPLE}"])


def test_a_name_given_to_somebody_new_does_not_become_the_old_one(desk, directory, access):
    one = desk()
    directory.add(person("he.xin", "he's password"))
    directory.modify(f"cn=it,{GROUPS}", member=[f"uid=he.xin,{PEOPLE}"])
    one.sign_in("he.xin", "he's password")
    directory.delete(f"uid=he.xin,{PEOPLE}")
    directory.add(person("he.xin", "another password"))
    with pytest.raises(NameTaken):
        one.sign_in("he.xin", "another password")
    # The way out that the refusal names.
    access.remove_user("he.xin")
    assert alive(access, one.sign_in("he.xin", "another password"))
    directory.modify(f"cn=it,{GROUPS}", member=[f"uid=wang.fang,{PEOPLE}"])


def test_a_renamed_person_leaves_the_old_name(desk, directory, access):
    one = desk(
        name_attribute="employeeNumber", user_filter="(|(uid={name})(employeeNumber={name}))"
    )
    who = f"uid=zhao.min,{PEOPLE}"
    directory.modify(who, employeeNumber=["e1"])
    before = one.sign_in("e1", "zhao's password")
    directory.modify(who, employeeNumber=["e2"])
    after = one.sign_in("e2", "zhao's password")
    assert (alive(access, before), alive(access, after)) == (False, True)
    assert access.authenticate(f"Bearer {after.token}").actor == "user:e2"


def test_a_local_account_of_the_same_name_stays_local(desk, access):
    access.create_user("admin", "a local password", "administrator")
    with pytest.raises(UserExists):
        desk().sign_in("admin", "directory's admin")
    local = access.sign_in("admin", "a local password")
    assert alive(access, local)


def test_a_directory_out_of_reach_is_forgiven_for_a_while_and_locks_nobody(
    desk, directory, access, clock
):
    one = desk()
    session = one.sign_in("li.wei", "li's password")
    directory.stop()
    try:
        for _ in range(7):
            with pytest.raises(DirectoryUnreachable):
                one.sign_in("li.wei", "li's password")
        assert one.check() == 0
        assert alive(access, session)
        clock.now += 601
        assert one.check() == 1
        assert not alive(access, session)
    finally:
        directory.start()
    assert alive(access, one.sign_in("li.wei", "li's password"))


@pytest.mark.parametrize("kind", [DirectoryUnreachable, DirectoryRefused])
def test_a_directory_that_falls_silent_in_the_middle_locks_nobody(desk, access, monkeypatch, kind):
    one = desk()

    def silent(*_):
        raise kind(reason="test")

    with monkeypatch.context() as patch:
        patch.setattr("appliance.signin.ldap_directory.Question.prove", silent)
        for _ in range(7):
            with pytest.raises(kind):
                one.sign_in("li.wei", "li's password", address="10.0.0.1")
    assert alive(access, one.sign_in("li.wei", "li's password", address="10.0.0.1"))


def test_an_administrator_sees_and_lifts_a_lockout(desk, access):
    one = desk()
    one.sign_in("li.wei", PASSWORD)
    for name in ("LI.WEI", " li.wei", "li.wei", "Li.Wei", "li.wei "):
        with pytest.raises(AccessRefused):
            one.sign_in(name, "wrong")
    assert [(user.name, user.locked) for user in access.users()] == [("li.wei", True)]
    access.people.unlock("li.wei", access.local_grant())
    assert [user.locked for user in access.users()] == [False]
    assert alive(access, one.sign_in("li.wei", PASSWORD))


def test_a_password_of_the_directory_is_not_changed_here(desk, access):
    who = access.authenticate(f"Bearer {desk().sign_in('li.wei', PASSWORD).token}")
    for _ in range(7):
        with pytest.raises(UserExternal):
            access.sign_ins.change_password(who, PASSWORD, "another good word 8")


def test_people_who_bind_as_themselves_have_short_sessions(desk, access, clock):
    one = desk(bind_dn="", bind_as=f"uid={{name}},{PEOPLE}", session_s=300)
    session = one.sign_in("li.wei", "li's password")
    assert one.check() == 0
    clock.now += 301
    assert not alive(access, session)


def test_a_code_of_the_box_is_asked_of_those_who_have_set_one_up(desk, access, clock):
    one = desk()
    session = one.sign_in("li.wei", "li's password")
    grant = access.authenticate(f"Bearer {session.token}")
    begun = access.sign_ins.totp_begin(grant)
    access.sign_ins.totp_confirm(grant, code_at(begun.uri, clock.now))
    with pytest.raises(TotpNeeded):
        one.sign_in("li.wei", "li's password")
    with pytest.raises(AccessRefused):
        one.sign_in("li.wei", "li's password", "000000")
    clock.now += 60
    assert alive(access, one.sign_in("li.wei", "li's password", code_at(begun.uri, clock.now)))


def with_a_code(one, access, clock):
    """Sign in and set up one-time codes; returns where they come from."""
    grant = access.authenticate(f"Bearer {one.sign_in('li.wei', PASSWORD).token}")
    begun = access.sign_ins.totp_begin(grant)
    access.sign_ins.totp_confirm(grant, code_at(begun.uri, clock.now))
    return begun.uri


def test_wrong_codes_are_counted_like_wrong_passwords(desk, access, audit, clock):
    one = desk()
    uri = with_a_code(one, access, clock)
    for _ in range(5):
        with pytest.raises(AccessRefused):
            one.sign_in("li.wei", PASSWORD, "000000", "10.0.0.7")
    clock.now += 60
    with pytest.raises(LockedOut):
        one.sign_in("li.wei", PASSWORD, code_at(uri, clock.now), "10.0.0.7")


def test_asking_for_the_code_costs_no_attempt_and_is_on_record(desk, access, audit, clock):
    one = desk()
    uri = with_a_code(one, access, clock)
    for _ in range(60):
        # More than one name or one address may be wrong.
        with pytest.raises(TotpNeeded):
            one.sign_in("li.wei", PASSWORD, None, "10.0.0.7")
    assert audit.tags().count("access:session:refuse") == 60
    clock.now += 60
    assert alive(access, one.sign_in("li.wei", PASSWORD, code_at(uri, clock.now), "10.0.0.7"))


def test_an_address_that_guesses_under_many_names_is_locked(desk):
    one = desk()
    for number in range(30):
        with pytest.raises(AccessRefused):
            one.sign_in(f"nobody{number}", "wrong", None, "10.0.0.8")
    with pytest.raises(LockedOut):
        one.sign_in("li.wei", PASSWORD, None, "10.0.0.8")
    one.sign_in("li.wei", PASSWORD, None, "10.0.0.9")


def test_spellings_that_a_directory_takes_for_one_name_are_counted_as_one(desk):
    one = desk()
    for name in ("li.wei", " li.wei", "li.wei ", "LI.WEI  ", "  Li.Wei"):
        with pytest.raises(AccessRefused):
            one.sign_in(name, "wrong")
    with pytest.raises(LockedOut):
        one.sign_in("li.wei   ", PASSWORD)


def test_who_signs_in_by_another_name_is_not_locked_out_by_being_right(desk, directory, access):
    one = desk(user_filter="(|(uid={name})(mail={name}))")
    directory.modify(f"uid=li.wei,{PEOPLE}", mail=["li.wei@hospital.test"])
    for _ in range(8):
        assert alive(access, one.sign_in("li.wei@hospital.test", PASSWORD))


@pytest.mark.parametrize(
    "spelt",
    ["li wei", "li\u00a0wei", "l\u00adi\u200bwei", "li\ufe0fwei", "\uff4ciwei", "li\twei\n"],
)
def test_what_nobody_sees_is_not_counted(spelt):
    assert as_counted(spelt) == "liwei"


def test_without_servers_it_is_off(desk):
    with pytest.raises(SignInOff):
        desk(servers=[]).sign_in("li.wei", "li's password")
    assert desk(servers=[]).check() == 0
