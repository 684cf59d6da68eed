"""The use of keys: limits by the minute, metering that waits, and refusals told with a count."""

from collections import Counter

import pytest

from appliance.access.errors import (
    AccessRefused,
    QuotaExceeded,
)
from appliance.access.grants import KeyWish
from appliance.errors import AuditUnavailable

CHAT = frozenset({"chat"})


def bearer(service, **wish):
    made = service.create_key(KeyWish(**{"name": "emr", "scopes": CHAT, **wish}))
    return made, f"Bearer {made.secret}"


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
