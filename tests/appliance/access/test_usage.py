"""Metered use: it outlives whatever it names, adds up, and no cell of its table is a formula."""

import csv
import io
from datetime import UTC, datetime

import pytest

from appliance.access.errors import UsageRangeInvalid
from appliance.access.grants import KeyWish

PASSWORD = "correct horse battery 9"
CHAT = frozenset({"chat"})


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def table(service, since=None, until=None) -> list[list[str]]:
    raw = b"".join(service.reports.export(since, until, service.local_grant()))
    assert raw.startswith(b"\xef\xbb\xbf")
    text = raw.decode("utf-8-sig")
    assert text.count("\n") == text.count("\r\n")
    return list(csv.reader(io.StringIO(text)))


def test_rows_outlive_user_key_and_model(service, clock):
    service.create_user("li", PASSWORD, "clinician")
    service.accounts.create("emr", "application", "", service.local_grant())
    person = service.authenticate(f"Bearer {service.sign_in('li', PASSWORD).token}")
    own = service.create_key(KeyWish("own", CHAT), person)
    emr = service.create_key(KeyWish("emr", CHAT, account="emr"))
    for key in (own, emr):
        service.meter(service.authenticate(f"Bearer {key.secret}"), "qwen3-32b", 10, 5)
    service.meter(person, "qwen3-32b", 1, 1)
    service.remove_user(
        "li"
    )  # and with them their key; the model goes from the shelf, not from here
    service.accounts.remove("emr", service.local_grant())
    rows = service.usage(0, clock.now + 1)
    assert {(r.owner, r.key_name, r.model) for r in rows} == {
        ("user:li", "own", "qwen3-32b"),
        ("account:emr", "emr", "qwen3-32b"),
        ("user:li", "", "qwen3-32b"),
    }
    sums = {s.name: s.prompt_tokens for s in service.reports.sums("user", None, None)}
    assert sums == {"user:li": 11, "account:emr": 10}
    assert {s.label for s in service.reports.sums("key", None, None)} == {"", "own", "emr"}
    (model,) = service.reports.sums("model", None, None)
    assert (model.name, model.requests, model.completion_tokens) == ("qwen3-32b", 3, 11)


def test_days_are_those_of_the_hospital(service, clock):
    clock.now = at("2026-01-31T15:30:00")
    service.meter(service.local_grant(), "m", 1, 0)
    clock.now = at("2026-01-31T16:30:00")
    service.meter(service.local_grant(), "m", 2, 0)
    days = service.reports.sums("day", at("2026-01-01T00:00:00"), clock.now + 1)
    assert [(d.name, d.prompt_tokens) for d in days] == [("2026-01-31", 1), ("2026-02-01", 2)]
    (this_month,) = service.reports.sums("day", None, None)
    assert this_month.name == "2026-02-01"


def test_an_hour_that_turns_while_counting_keeps_its_own(service, clock):
    clock.now = at("2026-01-31T10:59:59")
    service.meter(service.local_grant(), "m", 1, 0)
    clock.now += 2
    service.meter(service.local_grant(), "m", 2, 0)
    clock.now -= 2  # and a clock set back goes on where it was
    service.meter(service.local_grant(), "m", 4, 0)
    rows = service.usage(0, clock.now + 3600)
    assert [(row.hour % 86_400 // 3600, row.prompt_tokens) for row in rows] == [(10, 5), (11, 2)]


@pytest.mark.parametrize(
    "name",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1",
        "@SUM(A1)",
        "＝1+1",
        "  =1",
        "%0A=1",
        "|x",
        "a,b",
        'a"b',
        "中文",
    ],
)
def test_no_cell_is_a_formula(service, name):
    key = service.create_key(KeyWish(name, CHAT))
    service.meter(service.authenticate(f"Bearer {key.secret}"), "=m()", 1, 2)
    header, row = table(service)
    assert header[:3] == ["day", "hour", "owner"]
    cells = dict(zip(header, row, strict=True))
    assert cells["model"] == "'=m()"
    assert cells["key_name"].removeprefix("'") == name.strip()
    dangerous = name.strip()[0] in "=+-@＝%|"
    assert cells["key_name"].startswith("'") is dangerous
    assert (cells["requests"], cells["completion_tokens"]) == ("1", "2")


def test_the_export_is_on_record_before_its_first_byte(service, audit):
    service.reports.export(0, 1e8, service.local_grant())
    assert audit.tags()[-1] == "access:usage:export"
    assert audit.events[-1].details == {"since": 0, "until": 100_000_000}


def test_an_export_of_years_comes_day_by_day(service, clock):
    for day in range(3):
        clock.now += 86_400 * day
        service.meter(service.local_grant(), "m", day, 0)
    rows = table(service, clock.now - 10 * 86_400, clock.now + 1)
    assert [row[8] for row in rows[1:]] == ["0", "1", "2"]
    assert table(service, 0, 1000) == [rows[0]]


@pytest.mark.parametrize(("since", "until"), [(10, 10), (20, 10), (-5, 10), (0, 1e12)])
def test_ranges_that_cannot_be(service, since, until):
    with pytest.raises(UsageRangeInvalid):
        service.reports.sums("key", since, until)
