"""API keys: what they may do, when they die, and what hostile bearer values get."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    KeyUnknown,
    KeyWishInvalid,
    ModelForbidden,
)
from appliance.access.grants import Grant, KeyWish
from appliance.access.index import CredentialIndex
from appliance.access.roles import ROLES, SCOPES
from appliance.access.service import AccessService
from appliance.errors import AuditUnavailable

CHAT = frozenset({"chat"})


def bearer(service, **wish):
    made = service.create_key(KeyWish(**{"name": "emr", "scopes": CHAT, **wish}))
    return made, f"Bearer {made.secret}"


def test_a_key_lets_in_with_its_scopes(service):
    made, header = bearer(service, models=frozenset({"small"}))
    grant = service.authenticate(header)
    assert grant == Grant(f"key:{made.id}", CHAT, frozenset({"small"}), made.id, "application")
    service.require(grant, "chat")
    service.allow(grant, "small")
    with pytest.raises(AccessForbidden, match="audit:read"):
        service.require(grant, "audit:read")
    with pytest.raises(ModelForbidden):
        service.allow(grant, "large")


def test_the_scheme_is_read_in_any_case(service):
    made, _ = bearer(service)
    assert service.authenticate(f"bEARER {made.secret}").key_id == made.id


def test_the_secret_is_not_in_the_database(service, db, tmp_path):
    made, _ = bearer(service)
    with db.read() as read:
        rows = list(read.query("SELECT * FROM access_keys"))
    assert made.secret.split(".")[1] not in repr(rows)
    assert rows[0]["id"] == made.id


HOSTILE = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Basic YTpi",
    "Bearer ' OR '1'='1",
    'Bearer "; DROP TABLE access_keys; --',
    "Bearer \x00" + "a" * 63,
    "Bearer " + "中" * 64,
    "Bearer " + "a" * 1_000_000,
    "Bearer wbk_0000000000000000." + "A" * 43,
    "Bearer wbk_0000000000000000." + "\ud800" * 43,
    "Bearer wbk_%%%%%%%%%%%%%%%%." + "%" * 43,
]


@pytest.mark.parametrize("header", HOSTILE)
def test_hostile_bearer_values_get_one_answer(service, header):
    with pytest.raises(AccessRefused) as refusal:
        service.authenticate(header)
    assert str(refusal.value) == str(AccessRefused())
    assert refusal.value.facts == {}


def test_no_part_of_a_key_is_enough(service):
    made, header = bearer(service)
    for cut in range(len(header)):
        with pytest.raises(AccessRefused):
            service.authenticate(header[:cut])
    for index in range(7, len(header)):
        changed = "B" if header[index] != "B" else "C"
        with pytest.raises(AccessRefused):
            service.authenticate(header[:index] + changed + header[index + 1 :])
    other, _ = bearer(service)
    mixed = made.secret.split(".")[0] + "." + other.secret.split(".")[1]
    with pytest.raises(AccessRefused):
        service.authenticate(f"Bearer {mixed}")


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=100), st.text(min_size=71, max_size=71)))
@pytest.mark.slow
def test_no_text_lets_in(header):
    assert CredentialIndex().check(header, 0.0) is None


def test_revocation_works_at_once_and_only_once(service, audit):
    made, header = bearer(service)
    service.authenticate(header)
    service.revoke_key(made.id)
    with pytest.raises(AccessRefused):
        service.authenticate(header)
    with pytest.raises(KeyUnknown):
        service.revoke_key(made.id)
    assert audit.tags() == ["access:key:create", "access:key:revoke"]


def test_revocation_works_even_when_the_log_is_down(service, audit):
    made, header = bearer(service)
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        service.revoke_key(made.id)
    with pytest.raises(AccessRefused):
        service.authenticate(header)


def test_no_key_is_made_without_a_record(service, audit):
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        bearer(service)
    assert service.keys() == []


def test_a_key_expires(service, clock):
    _, header = bearer(service, expires=clock.now + 60)
    service.authenticate(header)
    clock.now += 60
    with pytest.raises(AccessRefused):
        service.authenticate(header)
    (key,) = service.keys()
    assert key.state == "expired"


def test_keys_outlive_a_restart_and_revoked_ones_do_not(service, db, audit, clock, passwords):
    kept, header = bearer(service)
    gone, dead = bearer(service)
    service.revoke_key(gone.id)
    again = AccessService(db, audit, clock, passwords=passwords)
    try:
        assert again.authenticate(header).key_id == kept.id
        with pytest.raises(AccessRefused):
            again.authenticate(dead)
    finally:
        again.close()


def test_nobody_gives_away_more_than_they_have(service):
    informatics = Grant("user:li", ROLES["informatics"], None, None, "informatics")
    with pytest.raises(AccessForbidden):
        service.create_key(KeyWish("x", frozenset({"users:write"})), informatics)
    narrow = Grant("key:1", SCOPES, frozenset({"small"}), "1", "application")
    for models in (None, frozenset({"large"})):
        with pytest.raises(KeyWishInvalid):
            service.create_key(KeyWish("x", CHAT, models), narrow)
    with pytest.raises(AccessForbidden):
        service.create_user("root", "a long password", "administrator", informatics)


@pytest.mark.parametrize(
    "wish",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\x1b[31m"},
        {"name": "evil\u202e"},
        {"scopes": frozenset()},
        {"scopes": frozenset({"everything"})},
        {"expires": 1.0},
        {"expires": float("nan")},
        {"expires": float("inf")},
        {"rpm": 0},
        {"tpm": -1},
        {"models": frozenset()},
    ],
)
def test_impossible_wishes_are_refused(service, wish):
    with pytest.raises(KeyWishInvalid):
        bearer(service, **wish)


def test_the_local_console_is_an_unlimited_administrator(service):
    grant = service.local_grant()
    service.admit(grant)
    service.require(grant, "vault:write")
    service.allow(grant, "any")
    assert grant.actor == "local:console"
