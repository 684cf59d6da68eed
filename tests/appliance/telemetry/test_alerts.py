"""Alerts: raised with patience, cleared with patience, durable, acknowledged once and on record."""

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.db.database import Db
from appliance.errors import AuditUnavailable
from appliance.telemetry.alerts import AlertService
from appliance.telemetry.errors import AlertUnknown
from appliance.telemetry.facts import (
    AreaFacts,
    AuditFacts,
    BackupFacts,
    EngineFacts,
    Facts,
    ProcessFacts,
    QuotaFacts,
    XidError,
)
from appliance.telemetry.facts_outside import ForwardFacts, WitnessFacts
from appliance.telemetry.migrations import MIGRATIONS
from appliance.telemetry.rules import RULES
from appliance.telemetry.store import AlertStore
from models.hardware.facts import Accelerator

GOOD = Facts(
    time=1_000_000.0,
    vault="unlocked",
    disk_bytes=1000,
    disk_free_bytes=500,
    process=ProcessFacts(1, 1, 1),
    certificate_expires=1_000_000.0 + 200 * 86400,
    engines=(EngineFacts("m", "ready"),),
    cards=(Accelerator("nvidia", 0, "H20", 1, 1, temperature_c=50.0, ecc_errors=0),),
    xids=(),
    audit=AuditFacts(healthy=True, entries=1, verified=True),
    quotas=(QuotaFacts("k1", "tokens per day", 0.1),),
    posture_level=2,
    backups=(BackupFacts("nas", "directory", 3600.0, 86400.0, 86400.0),),
    areas=(AreaFacts("shelf", 1, 100),),
    witnesses=WitnessFacts(1),
    forward=ForwardFacts("siem:6514", True, 0, 0.0, False, 9, 0.0, False),
)
UNKNOWN = replace(
    GOOD, certificate_expires=None, engines=None, cards=None, xids=None, audit=None, quotas=None,
    posture_level=None, backups=None, areas=None, disk_bytes=0, witnesses=None, forward=None,
)  # fmt: skip


class Record:
    def __init__(self) -> None:
        self.events = []
        self.down = False

    def append(self, event):
        if self.down:
            raise AuditUnavailable(reason="test")
        self.events.append(event)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def tags(self) -> list[str]:
        return [event.tag.rpartition(":")[2] for event in self.events]


@pytest.fixture
def db(tmp_path: Path):
    with Db(tmp_path / "box.db", b"k" * 32, MIGRATIONS) as db:
        yield db


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def alerts(db, record) -> AlertService:
    return AlertService(AlertStore(db), record, lambda: 5.0)


def hot(degrees: float, time: float) -> Facts:
    card = replace(GOOD.cards[0], temperature_c=degrees)
    return replace(GOOD, cards=(card,), time=time)


def backed_up(**changes) -> Facts:
    return replace(GOOD, backups=(replace(GOOD.backups[0], **changes),))


BAD = {
    "disk-low": replace(GOOD, disk_free_bytes=90),
    "disk-critical": replace(GOOD, disk_free_bytes=20),
    "engine-crash-loop": replace(
        GOOD, engines=(EngineFacts("m", "starting", restarts=9, recent_restarts=3),)
    ),
    "engine-failed": replace(GOOD, engines=(EngineFacts("m", "failed", reason_en="it burst"),)),
    "gpu-hot": hot(95.0, GOOD.time),
    "gpu-ecc": replace(GOOD, cards=(replace(GOOD.cards[0], ecc_errors=2),)),
    "gpu-xid": replace(GOOD, xids=(XidError("0000:3b:00", 79),)),
    "bodies-stopped": replace(
        GOOD, audit=AuditFacts(healthy=True, entries=1, verified=True, embodied=False)
    ),
    "audit-unhealthy": replace(GOOD, audit=AuditFacts(healthy=False, entries=1, verified=True)),
    "certificate-expiring": replace(GOOD, certificate_expires=GOOD.time + 10 * 86400),
    "certificate-ending": replace(GOOD, certificate_expires=GOOD.time - 86400),
    "backup-none": replace(GOOD, backups=()),
    "backup-old": backed_up(created_age_s=2.1 * 86400.0),
    "backup-failed": backed_up(failed="backup.target-full"),
    "backup-damaged": backed_up(damaged=3),
    "backup-unverified": backed_up(verified_age_s=16 * 86400.0),
    "backup-undrilled": backed_up(drilled_age_s=41 * 86400.0),
    "quota-near": replace(GOOD, quotas=(QuotaFacts("k1", "tokens per day", 0.95),)),
    "area-full": replace(GOOD, areas=(AreaFacts("shelf", 96, 100),)),
    "clock-step": replace(GOOD, clock_step_s=-90.0),
    "record-doubtful": replace(GOOD, witnesses=WitnessFacts(1, trouble_zh="旧", trouble_en="old")),
    "witness-silent": replace(GOOD, witnesses=WitnessFacts(1, (("host-b", 3e5),))),
    "forward-lost": replace(GOOD, forward=replace(GOOD.forward, failing_s=300.0, reason_en="gone")),
    "forward-late": replace(GOOD, forward=replace(GOOD.forward, late=True, lag_s=900.0)),
    "posture-failed": replace(GOOD, posture_level=0, posture_missing=("secure-boot",)),
}


def test_every_rule_has_its_example_here() -> None:
    assert {rule.id for rule in RULES} == set(BAD)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_objects_to_what_is_bad_and_to_nothing_else(rule, alerts) -> None:
    assert rule.judge(GOOD, lambda _: False) == ()
    if rule.id != "clock-step":
        assert rule.judge(UNKNOWN, lambda _: True) is None
    bad = BAD[rule.id]
    alerts.judge(bad)
    alerts.judge(replace(bad, time=bad.time + rule.hold_s))
    raised = {one.rule: one for one in alerts.raised()}
    one = raised[rule.id]
    assert one.severity == rule.severity
    for text in (one.zh, one.en, one.way_out_zh, one.way_out_en):
        assert text
        assert "{" not in text


def test_heat_raises_after_its_patience_and_clears_below_a_lower_threshold(alerts, record) -> None:
    start = GOOD.time
    assert alerts.judge(hot(95, start)) == []
    assert alerts.judge(hot(70, start + 10)) == []  # gone before it raised anything
    assert alerts.judge(hot(95, start + 35)) == []  # patience begins anew
    (one,) = alerts.judge(hot(95, start + 66))
    assert (one.rule, one.subject, one.cleared) == ("gpu-hot", "nvidia:0", None)
    assert alerts.judge(hot(84, start + 500)) == []  # between the thresholds it stays raised
    assert alerts.judge(hot(84, start + 900)) == []
    assert alerts.judge(hot(70, start + 1000)) == []
    assert alerts.judge(hot(90, start + 1010)) == []
    assert alerts.judge(hot(70, start + 1020)) == []
    (over,) = alerts.judge(hot(70, start + 1080))
    assert (over.id, over.cleared) == (one.id, start + 1080)
    assert alerts.raised() == []
    assert record.tags() == ["raise", "clear"]


def test_what_cannot_be_seen_neither_raises_nor_clears(alerts) -> None:
    alerts.judge(BAD["gpu-ecc"])
    assert [one.rule for one in alerts.raised()] == ["gpu-ecc"]
    for later in range(10):
        alerts.judge(replace(UNKNOWN, time=GOOD.time + 1000 * later))
    assert [one.rule for one in alerts.raised()] == ["gpu-ecc"]


def test_a_restarted_box_knows_what_was_raised(alerts, db, record) -> None:
    alerts.judge(BAD["gpu-ecc"])
    alerts.acknowledge(alerts.raised()[0].id, "user:li")
    again = AlertService(AlertStore(db), record, lambda: 6.0)
    assert again.judge(BAD["gpu-ecc"]) == []
    (one,) = again.raised()
    assert one.acknowledged_by == "user:li"


def test_the_first_person_who_takes_note_is_on_record(alerts, record) -> None:
    alerts.judge(BAD["gpu-ecc"])
    number = alerts.raised()[0].id
    assert alerts.acknowledge(number, "user:li").acknowledged_by == "user:li"
    assert alerts.acknowledge(number, "user:wu").acknowledged_by == "user:li"
    assert [e.actor for e in record.events] == ["box", "user:li"]
    with pytest.raises(AlertUnknown):
        alerts.acknowledge(99, "user:li")


def test_a_log_that_is_down_stops_no_alert_but_no_note_goes_without_record(alerts, record) -> None:
    record.down = True
    (one,) = alerts.judge(BAD["audit-unhealthy"])
    with pytest.raises(AuditUnavailable):
        alerts.acknowledge(one.id, "user:li")
    assert alerts.raised()[0].acknowledged is None


def test_a_thousand_engines_raise_no_thousand_alerts(alerts) -> None:
    many = tuple(
        EngineFacts(f"m{n}", "starting", restarts=9, recent_restarts=9) for n in range(1000)
    )
    alerts.judge(replace(GOOD, engines=many))
    assert len(alerts.raised()) == 64


def test_many_judges_at_once_raise_one_alert(alerts, record) -> None:
    threads = [threading.Thread(target=alerts.judge, args=(BAD["gpu-ecc"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(alerts.newest(10)) == 1
    assert record.tags() == ["raise"]


def test_a_disk_that_is_brought_once_a_week_is_not_late(alerts) -> None:
    weekly = replace(GOOD.backups[0], target="usb", kind="disk", created_age_s=7.5 * 86400.0)
    alerts.judge(replace(GOOD, backups=(*GOOD.backups, weekly)))
    assert not alerts.raised()
    alerts.judge(replace(GOOD, backups=(*GOOD.backups, replace(weekly, created_age_s=9 * 86400.0))))
    (one,) = alerts.raised()
    assert (one.rule, one.subject) == ("backup-old", "usb")
