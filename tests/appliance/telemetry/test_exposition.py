"""The text that Prometheus reads: round trip, closed labels, the page of metrics."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from appliance.telemetry.commits import Commits
from appliance.telemetry.exposition import Picture, render
from appliance.telemetry.facts import (
    AuditFacts,
    BackupFacts,
    EngineFacts,
    Facts,
    ProcessFacts,
    XidError,
)
from appliance.telemetry.facts_outside import ForwardFacts, WitnessFacts
from appliance.telemetry.metrics import METRICS, metrics_markdown
from appliance.telemetry.observed import Observed
from appliance.telemetry.store import Alert
from models.hardware.facts import Accelerator

ROOT = Path(__file__).parents[3]
CHAT = "/v1/chat/completions"
CARD = Accelerator(
    "nvidia", 0, "H20", 96 << 30, 90 << 30, utilisation=0.5, temperature_c=61.0, power_w=300.0,
    ecc_errors=0,
)  # fmt: skip


def full_facts(**more) -> Facts:
    return Facts(
        time=1000.0,
        vault="unlocked",
        disk_bytes=100,
        disk_free_bytes=40,
        process=ProcessFacts(1 << 20, 12, 65536),
        certificate_expires=1000.0 + 10 * 86400,
        engines=(EngineFacts('odd"\\\nmodel', "ready", 3, 1, 1, 2, 4),),
        cards=(CARD,),
        xids=(XidError("0000:3b:00", 79),),
        audit=AuditFacts(healthy=True, entries=9, verified=True),
        backups=(BackupFacts("nas", "directory", 60.0, 120.0, 180.0, failed="backup.target-full"),),
        witnesses=WitnessFacts(2, (("host-b", 9e5),), 9e5),
        forward=ForwardFacts("siem:6514", True, 3, 1.5, False, 70, 0.0, False),
        jobs={"running": 2},
        posture_level=1,
        **more,
    )


def full_picture() -> Picture:
    observed = Observed([CHAT], ["access", "access.quota-exceeded"], lambda _: True)
    observed.answered(CHAT, "m", 200, 0.3, 0.02, 10, 5)
    observed.answered(CHAT, "m", 200, 0.003, None, 1, 0)
    observed.refused(CHAT, "access.quota-exceeded")
    commits = Commits()
    commits.committed(7, 0.004, 3)
    alert = Alert(1, "disk-low", "disk", "warning", "z", "e", "z", "e", 1.0)
    return Picture(observed, commits, full_facts(), (alert, alert), 2)


def samples(picture: Picture) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(render(picture).decode())
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def test_the_text_is_read_back_as_it_was_meant() -> None:
    found = samples(full_picture())
    chat = (("model", "m"), ("route", CHAT))
    assert found["wardbox_requests_total", (*chat, ("status", "2xx"))] == 2
    assert found["wardbox_request_seconds_count", chat] == 2
    assert found["wardbox_request_seconds_bucket", (("le", "0.005"), *chat)] == 1
    assert found["wardbox_request_seconds_bucket", (("le", "+Inf"), *chat)] == 2
    assert found["wardbox_first_token_seconds_count", chat] == 1
    assert found["wardbox_prompt_tokens_total", chat] == 11
    assert found["wardbox_quota_refusals_total", ()] == 1
    assert found["wardbox_engine_state", (("model", 'odd"\\\nmodel'), ("state", "ready"))] == 1
    assert found["wardbox_engine_state", (("model", 'odd"\\\nmodel'), ("state", "failed"))] == 0
    assert found["wardbox_gpu_memory_used_bytes", (("card", "0"), ("vendor", "nvidia"))] == 6 << 30
    assert found["wardbox_audit_commit_seconds_bucket", (("le", "0.005"),)] == 1
    assert found["wardbox_vault_state", (("state", "unlocked"),)] == 1
    assert found["wardbox_jobs", (("state", "running"),)] == 2
    assert found["wardbox_alerts_raised", (("rule", "disk-low"), ("severity", "warning"))] == 2
    assert found["wardbox_certificate_days_left", ()] == 10


def test_a_full_picture_shows_every_metric_and_no_other() -> None:
    shown = {name for name, _ in samples(full_picture())}
    known = {name for metric in METRICS for name in metric.series}
    assert shown == known


def test_what_is_not_known_is_left_out_rather_than_nought() -> None:
    empty = Facts(0.0, "locked", 100, 40, ProcessFacts(1, 1, 1))
    shown = {name for name, _ in samples(Picture(Observed(), Commits(), empty))}
    assert not [name for name in shown if "gpu" in name or "audit" in name or "engine" in name]
    assert {"wardbox_vault_state", "wardbox_disk_free_bytes"} <= shown


def test_ten_thousand_odd_requests_do_not_grow_the_text() -> None:
    picture = full_picture()
    for n in range(200):
        picture.observed.answered(f"/x/{n}", f"m{n}", n, 0.1, 0.1, 1, 1)
        picture.observed.refused(f"/x/{n}", f"c{n}")
    before = len(samples(picture))
    for n in range(200, 10_200):
        picture.observed.answered(f"/x/{n}", f"m{n}", n % 1000, 0.1, 0.1, 1, 1)
        picture.observed.refused(f"/x/{n}", f"c{n}")
    assert len(samples(picture)) <= before + 6  # status classes that the first 200 did not touch


def test_the_page_is_what_the_code_says() -> None:
    page = ROOT / "docs/reference/metrics.md"
    assert page.read_text("utf-8") == metrics_markdown()
    for metric in METRICS:
        assert re.fullmatch(r"wardbox_[a-z_]+", metric.name)
        assert not {"key", "user", "actor", "prompt", "path"} & set(metric.labels)
