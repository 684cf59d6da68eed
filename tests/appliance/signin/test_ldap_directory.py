"""The directory itself: a real slapd, real passwords, hostile names, wrong certificates, dead servers."""

import socket
from datetime import UTC, datetime

import pytest

from appliance.access.errors import AccessRefused
from appliance.settings.signin import LdapSettings
from appliance.signin.errors import DirectoryRefused, DirectoryUnreachable, SignInMisconfigured
from appliance.signin.ldap_directory import IN_CHAIN, LdapDirectory
from appliance.signin.ldap_wire import Found
from appliance.signin.person import is_enabled
from secure_compute.certificates import make_authority
from tests.appliance.signin.slapd import (
    BASE,
    GUID,
    PEOPLE,
    READER,
    READER_PASSWORD,
    ROLES,
    free_port,
)


def opened(directory, *, servers=None, ca=True, password=READER_PASSWORD, **more):
    settings = LdapSettings.model_validate(
        {
            "servers": servers or [directory.tls],
            "flavour": "openldap",
            "base": BASE,
            "bind_dn": READER,
            "roles": ROLES,
            "timeout_s": 5,
            **more,
        }
    )
    ca_file = directory.ca_file if ca is True else ca
    return LdapDirectory(settings, ca_file, lambda: password, lambda: 1_800_000_000.0)


def prove(made, name, password):
    with made.asked() as question:
        return question.prove(name, password)


@pytest.mark.parametrize("way", ["tls", "starttls", "loopback"])
def test_a_person_is_found_proved_and_given_the_role_of_a_group(directory, way):
    made = {
        "tls": lambda: opened(directory),
        "starttls": lambda: opened(directory, servers=[directory.plain]),
        "loopback": lambda: opened(directory, servers=[directory.plain], ca=None),
    }[way]()
    person = prove(made, "li.wei", "li's password")
    assert (person.name, person.role, person.enabled) == ("li.wei", "clinician", True)
    assert len(person.subject) == 36
    assert prove(made, "LI.WEI", "li's password").name == "li.wei"
    assert prove(made, "wang.fang", "wang's password").role == "administrator"


def test_groups_in_groups_count_and_circles_end(directory):
    assert prove(opened(directory), "zhao.min", "zhao's password").role == "clinician"
    assert prove(opened(directory), "nobody.much", "no role password").role is None


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("li.wei", "wrong"),
        ("li.wei", ""),
        ("li.wei", "li's password\0"),
        ("", "li's password"),
        ("nobody", "li's password"),
        ("*", "li's password"),
        ("*)(uid=*", "li's password"),
        ("li.wei)(|(uid=*", "li's password"),
        ("li.we*", "li's password"),
        ("li.wei\0", "li's password"),
        ("\\6ci.wei", "li's password"),
        ("wang.fang", "li's password"),
    ],
)
def test_whatever_is_wrong_has_one_answer(directory, name, password):
    with pytest.raises(AccessRefused):
        prove(opened(directory), name, password)


def test_two_matches_are_none(directory):
    made = opened(directory, user_filter="(&(objectClass=inetOrgPerson)(mail={name}))")
    with pytest.raises(AccessRefused):
        prove(made, "twin@hospital.cn", "twin password")


def test_people_bind_as_themselves_where_the_box_has_no_account(directory):
    made = opened(directory, bind_dn="", bind_as=f"uid={{name}},{PEOPLE}")
    assert not made.can_look_up
    assert prove(made, "li.wei", "li's password").role == "clinician"
    for name in ("li.wei,ou=x", "li.wei+cn=li.wei", "wang.fang", "#6c", ""):
        with pytest.raises(AccessRefused):
            prove(made, name, "li's password")


def test_the_entry_found_must_be_the_one_that_was_proved(directory):
    # The filter leads to somebody else than the binding: wang's entry, li's password.
    made = opened(
        directory,
        bind_dn="",
        bind_as=f"uid={{name}},{PEOPLE}",
        user_filter="(&(uid=wang.fang)(!(cn={name})))",
    )
    with pytest.raises(AccessRefused):
        prove(made, "li.wei", "li's password")


def test_the_attributes_of_active_directory(directory):
    # slapd has the attributes, but cannot compare sAMAccountName and objectGUID.
    made = opened(directory, flavour="ad", user_filter="(&(objectClass=user)(cn={name}))")
    person = prove(made, "chen", "chen's password")
    assert (person.name, person.subject, person.role) == ("chen", GUID.hex(), None)
    with pytest.raises(AccessRefused):
        prove(made, "gone", "gone's password")
    wanted = "(&(&(objectClass=user)(cn=*))(objectGUID=" + "".join(f"\\{i:02x}" for i in range(16))
    assert made.of_subject(GUID.hex()) == wanted + "))"


def test_nested_groups_of_active_directory_are_asked_for_by_its_own_rule(directory):
    made = opened(directory, flavour="ad", roles={"cn=a(1),dc=x": "clinician"})
    asked = []

    class Spoken:
        def holds(self, dn, wanted):
            asked.append((dn, wanted))
            return True

    values = {"sAMAccountName": [b"chen"], "objectGUID": [GUID], "userAccountControl": [b"512"]}
    person = made.person_of(Spoken(), Found("cn=chen,dc=x", values))
    assert person.role == "clinician"
    assert asked == [("cn=chen,dc=x", f"(memberOf:{IN_CHAIN}:=cn=a\\281\\29,dc=x)")]


def test_a_dead_server_is_passed_over_and_all_dead_is_a_sentence(directory):
    dead = f"ldaps://localhost:{free_port()}"
    made = opened(directory, servers=[dead, directory.tls])
    assert prove(made, "li.wei", "li's password").name == "li.wei"
    with pytest.raises(DirectoryUnreachable) as refusal:
        prove(opened(directory, servers=[dead]), "li.wei", "li's password")
    assert "目录服务器没有回答" in refusal.value.sentence


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_asked(directory):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        for url in (f"ldaps://localhost:{port}", f"ldap://localhost:{port}"):
            with pytest.raises(DirectoryUnreachable):
                prove(opened(directory, servers=[url], timeout_s=1), "li.wei", "li's password")


def test_a_certificate_of_another_authority_or_name_is_refused(directory, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(make_authority("Somebody", datetime.now(UTC)).certificate_pem)
    for servers in ([directory.tls], [directory.plain]):
        with pytest.raises(DirectoryUnreachable, match="certificate"):
            prove(opened(directory, servers=servers, ca=other), "li.wei", "li's password")
    named = [directory.tls.replace("localhost", "127.0.0.2")]
    with pytest.raises(DirectoryUnreachable):
        prove(opened(directory, servers=named), "li.wei", "li's password")


def test_the_boxs_own_account_with_a_wrong_or_no_password_is_a_sentence(directory):
    for password in ("wrong", "", None):
        with pytest.raises(DirectoryRefused):
            prove(opened(directory, password=password), "li.wei", "li's password")


@pytest.mark.parametrize(
    "wrong",
    [
        {"servers": ["ldap://dc1.hospital.cn"], "ca": None},
        {"servers": ["ldaps://dc1.hospital.cn"], "ca": None},
        {"servers": ["ldaps://localhost:99999"]},
        {"base": ""},
        {"bind_dn": ""},
        {"user_filter": "(uid=li)"},
        {"roles": {"doctors": "clinician"}},
    ],
)
def test_settings_that_cannot_work_or_would_leak_are_refused(directory, wrong):
    with pytest.raises(SignInMisconfigured) as refusal:
        opened(directory, **wrong)
    assert "[ldap]" in refusal.value.sentence


@pytest.mark.parametrize(
    ("attributes", "enabled"),
    [
        ({}, True),
        ({"userAccountControl": [b"512"]}, True),
        ({"useraccountcontrol": [b"514"]}, False),
        ({"userAccountControl": [b"many"]}, False),
        ({"userAccountControl": []}, True),
        ({"accountExpires": [b"0"]}, True),
        ({"accountExpires": [b"9223372036854775807"]}, True),
        ({"accountExpires": [b"132000000000000000"]}, False),
        ({"nsAccountLock": [b"TRUE"]}, False),
        ({"pwdAccountLockedTime": [b"000001010000Z"]}, False),
    ],
)
def test_who_is_disabled(attributes, enabled):
    assert is_enabled(attributes, 1_800_000_000.0) is enabled


@pytest.mark.parametrize("password", ["zhōng 密码 9", "😀 smile 9", "ｆｕｌｌ①ﬁ", "ئالىم 2026"])
def test_a_password_reaches_the_directory_as_it_was_typed(directory, password):
    made, dn = opened(directory), f"uid=nobody.much,{PEOPLE}"
    directory.modify(dn, userPassword=[password])
    try:
        assert prove(made, "nobody.much", password).name == "nobody.much"
        with pytest.raises(AccessRefused):
            prove(made, "nobody.much", password + "\U0001f980")
    finally:
        directory.modify(dn, userPassword=["no role password"])
