"""Quotas: never more than the limit, by minute, day and month, whatever the clock does."""

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.access.errors import AccessForbidden, KeyUnknown, KeyWishInvalid, QuotaExceeded
from appliance.access.grants import Grant, KeyWish
from appliance.access.limits import Limits
from appliance.access.quota import Quota
from appliance.access.roles import ROLES
from appliance.access.rules import AccessRules
from appliance.access.service import AccessService
from appliance.access.windows import Calendar

CHAT = frozenset({"chat"})


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def bearer(service, **wish):
    made = service.create_key(KeyWish(**{"name": "emr", "scopes": CHAT, **wish}))
    return made.id, f"Bearer {made.secret}"


def admitted(service, grant, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            service.admit(grant)
        except QuotaExceeded:
            continue
        count += 1
    return count


def test_many_threads_never_get_more_than_the_limit(service):
    _, header = bearer(service, rpm=300, rpd=500)
    grant = service.authenticate(header)
    barrier, counts = threading.Barrier(8), []

    def ask():
        barrier.wait()
        counts.append(admitted(service, grant, 100))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 300


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 400),
    st.lists(st.tuples(st.floats(0, 70), st.integers(1, 300)), max_size=12),
)
def test_no_stretch_of_time_gets_more_than_bucket_and_refill(rpm, moves):
    quota = Quota(Limits(rpm=rpm), Calendar(), 0.0)
    now, taken = 0.0, 0
    for pause, tries in moves:
        now += pause
        taken += sum(quota.admit(now) is None for _ in range(tries))
        assert taken <= rpm + now * rpm / 60 + 1e-3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 50), st.lists(st.tuples(st.integers(-40, 90), st.integers(0, 80)), max_size=20)
)
def test_no_step_of_the_clock_gives_a_day_twice(rpd, moves):
    quota = Quota(Limits(rpd=rpd), Calendar(), 1_800_000_000.0)
    now, taken = 1_800_000_000.0, {}
    for hours, tries in moves:
        now += hours * 3600
        day = Calendar().day(now)[0]
        for _ in range(tries):
            if quota.admit(now) is None:
                taken[day] = taken.get(day, 0) + 1
    # Four days back are remembered, further than any clock is set back in earnest.
    days = sorted(taken)
    assert all(taken[day] <= rpd for day in days[-4:]) or len(days) > 4


def test_a_day_begins_at_midnight_of_the_hospital(service, clock):
    clock.now = at("2026-01-31T15:59:59")  # 23:59:59 in Shanghai
    _, header = bearer(service, rpd=2)
    grant = service.authenticate(header)
    assert admitted(service, grant, 5) == 2
    with pytest.raises(QuotaExceeded, match="requests per day") as refusal:
        service.admit(grant)
    assert refusal.value.facts["retry_after_s"] == 1
    assert refusal.value.facts["window"] == "day"
    clock.now += 1
    assert admitted(service, grant, 5) == 2


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-01-31T15:59:59", "2026-01-31T16:00:00"),
        ("2026-01-31T16:00:00", "2026-02-28T16:00:00"),
        ("2028-02-10T00:00:00", "2028-02-29T16:00:00"),
        ("2026-12-31T15:59:59", "2026-12-31T16:00:00"),
        ("2026-12-31T16:00:00", "2027-01-31T16:00:00"),
    ],
)
def test_months_end_where_the_calendar_says(now, ends):
    start, end = Calendar().month(at(now))
    assert start <= at(now) < end == at(ends)


def test_a_month_of_tokens_runs_out_and_comes_back(service, clock):
    clock.now = at("2026-02-10T00:00:00")
    _, header = bearer(service, tpmo=100, tpm=1000)
    grant = service.authenticate(header)
    service.admit(grant)
    service.meter(grant, "m", 80, 40)
    with pytest.raises(QuotaExceeded, match="tokens per month") as refusal:
        service.admit(grant)
    wait = refusal.value.facts["retry_after_s"]
    assert clock.now + wait == at("2026-02-28T16:00:00")
    clock.now += wait
    service.admit(grant)


def test_an_admitted_request_that_fails_costs_no_tokens(service):
    _, header = bearer(service, tpd=10, rpd=3)
    grant = service.authenticate(header)
    service.admit(grant)
    service.admit(grant)
    assert dict(service.limits(grant))[b"x-ratelimit-remaining-tokens"] == b"10"
    assert dict(service.limits(grant))[b"x-ratelimit-remaining-requests"] == b"1"


def test_counts_outlive_a_restart_and_are_stored_within_a_second(service, db, audit, clock):
    identity, header = bearer(service, rpd=3, tpmo=100)
    grant = service.authenticate(header)
    service.admit(grant)
    service.admit(grant)
    service.meter(grant, "m", 30, 30)
    service.flush()  # what the thread does every second
    service.admit(grant)  # counted after it: this one an unclean stop may lose
    again = AccessService(db, audit, clock)
    try:
        grant = again.authenticate(header)
        assert admitted(again, grant, 5) == 1
        assert dict(again.limits(grant))[b"x-ratelimit-remaining-tokens"] == b"40"
    finally:
        again.close()
    assert identity


def test_a_clean_restart_loses_nothing(db, audit, clock, passwords):
    first = AccessService(db, audit, clock, passwords=passwords)
    _, header = bearer(first, rpmo=3)
    assert admitted(first, first.authenticate(header), 2) == 2
    first.close()
    again = AccessService(db, audit, clock, passwords=passwords)
    try:
        assert admitted(again, again.authenticate(header), 5) == 1
    finally:
        again.close()


def test_a_limit_set_in_the_middle_of_a_month_knows_what_was_metered(service, clock):
    clock.now = at("2026-02-10T00:00:00")
    identity, header = bearer(service)
    grant = service.authenticate(header)
    service.meter(grant, "m", 60, 30)
    service.flush()
    service.api_keys.set_limits(identity, Limits(tpmo=100), service.local_grant())
    service.admit(service.authenticate(header))
    assert dict(service.limits(grant))[b"x-ratelimit-remaining-tokens"] == b"10"


def test_limits_change_live_and_what_was_used_stays_used(service, audit):
    identity, header = bearer(service, rpm=10)
    grant = service.authenticate(header)
    assert admitted(service, grant, 4) == 4
    local = service.local_grant()
    service.api_keys.set_limits(identity, Limits(rpm=5), local)
    assert service.authenticate(header) is grant
    assert admitted(service, grant, 9) == 1
    service.api_keys.set_limits(identity, Limits(rpm=7), local)
    assert admitted(service, grant, 9) == 2
    service.api_keys.set_limits(identity, Limits(), local)
    assert admitted(service, grant, 50) == 50
    assert service.limits(grant) == ()
    told = [event for event in audit.events if event.tag == "access:key:change"]
    assert [event.details["limits"] for event in told] == [["rpm=5"], ["rpm=7"], []]
    with pytest.raises(KeyUnknown):
        service.api_keys.set_limits("wbk_0000000000000000", Limits(), local)
    with pytest.raises(KeyWishInvalid):
        service.api_keys.set_limits(identity, Limits(rpm=0), local)


def test_no_key_lifts_its_own_limits(service):
    scopes = frozenset({"keys:write"})
    identity, header = bearer(service, rpm=1, scopes=scopes)
    grant = service.authenticate(header)
    with pytest.raises(AccessForbidden):
        service.api_keys.set_limits(identity, Limits(), grant)
    other, _ = bearer(service, scopes=frozenset({"users:write"}))
    informatics = Grant("user:li", ROLES["informatics"], None, None, "informatics")
    for change in (
        service.api_keys.revoke,
        lambda k, by: service.api_keys.set_limits(k, Limits(), by),
    ):
        with pytest.raises(AccessForbidden):
            change(other, informatics)


def test_the_headers_are_openais(service, clock):
    _, header = bearer(service, rpm=60, tpm=6000)
    grant = service.authenticate(header)
    service.admit(grant)
    service.meter(grant, "m", 3000, 100)
    told = dict(service.limits(grant))
    assert told == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"59",
        b"x-ratelimit-reset-requests": b"1s",
        b"x-ratelimit-limit-tokens": b"6000",
        b"x-ratelimit-remaining-tokens": b"2900",
        b"x-ratelimit-reset-tokens": b"31s",
    }
    clock.now += 2
    assert dict(service.limits(grant))[b"x-ratelimit-remaining-requests"] == b"60"
    assert service.limits(service.local_grant()) == ()


def test_the_tightest_of_several_limits_is_told(service):
    _, header = bearer(service, rpm=100, rpd=50)
    grant = service.authenticate(header)
    service.admit(grant)
    told = dict(service.limits(grant))
    assert told[b"x-ratelimit-limit-requests"] == b"50"
    assert told[b"x-ratelimit-remaining-requests"] == b"49"
    assert told[b"x-ratelimit-reset-requests"].endswith(b"s")
    assert b"x-ratelimit-limit-tokens" not in told


def test_a_grant_knows_when_it_died(service, clock):
    identity, header = bearer(service, expires=clock.now + 60, rpm=5)
    grant = service.authenticate(header)
    assert service.alive(grant)
    service.api_keys.set_limits(identity, Limits(rpm=9), service.local_grant())
    assert service.alive(grant)
    clock.now += 60
    assert not service.alive(grant)
    clock.now -= 60
    assert service.alive(grant)
    service.revoke_key(identity)
    assert not service.alive(grant)
    assert service.alive(service.local_grant())


def test_counts_that_could_not_be_stored_are_stored_later(service, db, clock, monkeypatch):
    from appliance.errors import AuditUnavailable

    _, header = bearer(service, rpd=9)
    service.admit(service.authenticate(header))

    def full(*_):
        raise AuditUnavailable(reason="full")

    with monkeypatch.context() as patch:
        patch.setattr(service._usage, "add", full)
        service.flush()
    service.flush()
    with db.read() as read:
        rows = list(read.query("SELECT used FROM access_counts"))
    assert [row["used"] for row in rows] == [1]


def test_the_rules_are_the_settings():
    from appliance.settings.access import AccessSettings

    rules = AccessRules.of(AccessSettings(utc_offset_h=0, two_person=True, password_classes=3))
    assert rules.calendar.day(86_400.5) == (86_400, 172_800)
    assert (rules.two_person, rules.password.classes) == (True, 3)
    assert AccessRules.of(AccessSettings()) == AccessRules()
