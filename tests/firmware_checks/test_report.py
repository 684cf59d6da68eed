"""The report: posture, digest, JSON, text and a page that cannot be misled."""

import json
import os
import re

from firmware_checks.check import Check, Evidence, Impact, Outcome, Text, Verdict
from firmware_checks.pages import as_html, as_text
from firmware_checks.posture import run_checks
from firmware_checks.report import Finding, Report
from tests.firmware_checks.machine import NOW, sound

WORDS = Text("<b>标题</b>", "harm & <i>", "remedy")
PASS, FAIL = Outcome.PASS, Outcome.FAIL
UNKNOWN, NOT_APPLICABLE = Outcome.COULD_NOT_CHECK, Outcome.NOT_APPLICABLE


def finding(level, outcome, *evidence, check_id=None):
    verdict = Verdict(outcome, "句子。", "A sentence.", evidence)
    name = check_id or f"check.{level}"
    check = Check(name, level, Impact.HIGH, WORDS, WORDS, ("ref",), lambda facts: verdict)
    return Finding(check, verdict)


def level_of(*outcomes):
    return Report(tuple(finding(level + 1, outcome) for level, outcome in enumerate(outcomes)))


def test_a_level_needs_all_below_it():
    assert level_of(PASS, PASS, PASS, PASS).posture.level == 4
    assert level_of(PASS, PASS, PASS, PASS).posture.next_level is None
    assert level_of(PASS, NOT_APPLICABLE, FAIL, PASS).posture.level == 2
    assert level_of(FAIL, PASS, PASS, PASS).posture.level == 0
    assert level_of(PASS, UNKNOWN, PASS, PASS).posture.level == 1
    assert level_of(PASS, UNKNOWN, PASS, PASS).posture.missing == ("check.2",)


def test_nothing_looked_at_is_no_level():
    assert Report(()).posture.level == 0
    assert Report(()).exit_status == 2
    assert level_of(PASS).posture.level == 1


def test_exit_status():
    assert level_of(PASS, NOT_APPLICABLE).exit_status == 0
    assert level_of(PASS, UNKNOWN).exit_status == 2
    assert level_of(UNKNOWN, FAIL).exit_status == 1


def test_the_digest_follows_the_state_and_not_the_time(tmp_path):
    machine = sound(tmp_path)
    first = run_checks(tmp_path).digest
    machine.put("capture/clock", str(NOW + 100))
    assert run_checks(tmp_path).digest == first
    machine.put("proc/sys/kernel/tainted", "0\n")
    assert run_checks(tmp_path).digest != first
    assert re.fullmatch(r"[0-9a-f]{64}", first)


def test_a_sound_machine_has_the_highest_level(tmp_path):
    sound(tmp_path)
    report = run_checks(tmp_path)
    assert report.posture.level == 4
    assert report.exit_status == 0
    assert report.posture.missing == ()


def test_json_holds_everything(tmp_path):
    sound(tmp_path)
    report = run_checks(tmp_path)
    shown = json.loads(json.dumps(report.as_json()))
    assert shown["digest"] == report.digest
    assert shown["posture"]["level"] == 4
    assert len(shown["checks"]) == len(report.findings)
    assert sum(shown["counts"].values()) == len(report.findings)


def test_the_page_escapes_and_fetches_nothing():
    nasty = Evidence.of("<script>alert(1)</script>", '"><img src=http://evil/x>\x1b[2J')
    report = Report((finding(1, FAIL, nasty, check_id="<x>"),))
    page = as_html(report)
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)\s*=\s*[\"']", page)
    assert "\x1b" not in as_text(report)


def test_a_file_name_cannot_steer_the_terminal(tmp_path):
    machine = sound(tmp_path)
    flaws = tmp_path / "sys/devices/system/cpu/vulnerabilities"
    (flaws / "a\x1b[2J<b>").write_text("Vulnerable\x1b[31m\n")
    (flaws / os.fsdecode(b"b\xff")).write_text("")
    machine.drop("sys/class/tpm/tpm0/tpm_version_major")
    report = run_checks(tmp_path)
    assert "\x1b" not in as_text(report)
    assert "<b>" not in as_html(report)
    as_html(report).encode()
    json.dumps(report.as_json(), ensure_ascii=False).encode()


def test_the_text_names_findings_and_what_is_missing():
    text = as_text(level_of(PASS, FAIL, UNKNOWN, PASS))
    assert "1/4" in text
    assert "Missing for level 2: check.2" in text
    assert "remedy" in text


def test_evidence_is_bounded():
    assert len(Evidence.of("x", "y" * 10_000).value) == 400
