"""API keys: what they may do, when they die, and what hostile bearer values get."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    KeyUnknown,
    KeyWishInvalid,
    ModelForbidden,
    QuotaExceeded,
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


def test_requests_per_minute(service, clock):
    _, header = bearer(service, rpm=2)
    grant = service.authenticate(header)
    service.admit(grant)
    service.admit(grant)
    with pytest.raises(QuotaExceeded) as refusal:
        service.admit(grant)
    assert refusal.value.facts["retry_after_s"] == 30
    clock.now += 30
    service.admit(grant)


def test_tokens_per_minute_are_charged_after_the_answer(service, clock):
    _, header = bearer(service, tpm=60)
    grant = service.authenticate(header)
    service.admit(grant)
    service.meter(grant, "small", 50, 40)
    with pytest.raises(QuotaExceeded, match="tokens") as refusal:
        service.admit(grant)
    clock.now += int(str(refusal.value.facts["retry_after_s"]))
    service.admit(grant)


def test_a_clock_that_steps_back_refills_nothing(service, clock):
    _, header = bearer(service, rpm=1)
    grant = service.authenticate(header)
    service.admit(grant)
    clock.now -= 3600
    with pytest.raises(QuotaExceeded):
        service.admit(grant)


def test_the_local_console_is_an_unlimited_administrator(service):
    grant = service.local_grant()
    service.admit(grant)
    service.require(grant, "vault:write")
    service.allow(grant, "any")
    assert grant.actor == "local:console"


def test_usage_outlives_the_key_and_the_model(service, clock):
    made, header = bearer(service)
    grant = service.authenticate(header)
    service.meter(grant, "small", 10, 5)
    service.meter(grant, "small", 1, 1)
    service.revoke_key(made.id)
    service.flush()
    service.meter(grant, "small", 1, 0)
    rows = service.usage(clock.now - 3600, clock.now + 1)
    assert [
        (r.key_id, r.model, r.requests, r.prompt_tokens, r.completion_tokens) for r in rows
    ] == [(made.id, "small", 3, 12, 6)]
    clock.now += 10 * 86400
    service.prune_usage(86400)
    assert service.usage(0, clock.now) == []


def test_usage_waits_for_a_database_that_fails(service, db, clock, monkeypatch):
    service.meter(service.local_grant(), "small", 1, 2)

    def full(*_):
        raise AuditUnavailable(reason="full")

    with monkeypatch.context() as patch:
        patch.setattr(service._usage, "add", full)
        service.flush()
    rows = service.usage(clock.now - 3600, clock.now + 1)
    assert [row.completion_tokens for row in rows] == [2]


def test_refused_values_are_told_once_with_a_count(service, audit):
    for _ in range(1000):
        with pytest.raises(AccessRefused):
            service.authenticate("Bearer nobody")
    service.flush()
    told = [event for event in audit.events if event.tag == "access:key:refuse"]
    assert sum(event.details["count"] for event in told) == 1000
    assert len(told) <= 3


def test_who_finds_no_place_is_told_once_a_second_with_a_count(service, audit):
    def told():
        return Counter(
            {
                (event.actor, event.details["code"], event.details["model"]): event.details["count"]
                for event in audit.events
                if event.tag == "model:completion:turn-away"
            }
        )

    for _ in range(700):
        service.turned_away("key:a", "engine.share-full", "/v1/chat/completions", "m")
    service.turned_away("key:b", "engine.busy", "/v1/chat/completions", "m")
    service.flush()
    assert told() == {("key:a", "engine.share-full", "m"): 700, ("key:b", "engine.busy", "m"): 1}
    service.flush()
    assert len([event for event in audit.events if "turn-away" in event.tag]) == 2


def test_counts_that_cannot_be_recorded_are_told_later(service, audit, monkeypatch):
    def refuse(_):
        raise AuditUnavailable(reason="full")

    def count() -> None:
        service.turned_away("key:a", "engine.share-full", "/v1/completions", "m")
        with pytest.raises(AccessRefused):
            service.authenticate("Bearer nobody")

    with monkeypatch.context() as patch:
        patch.setattr(service._refusals, "_record", refuse)
        for _ in range(3):
            count()
        service.flush()
    count()
    service.flush()
    counts = {event.tag: 0 for event in audit.events}
    for event in audit.events:
        counts[event.tag] += event.details.get("count", 0)
    assert counts["model:completion:turn-away"] == counts["access:key:refuse"] == 4
