"""How keys are kept, as posture: a weak one lowers the level and says what to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.posture.keeper import Keeping, judged, keeping, page, with_keeping
from appliance.posture.migrations import MIGRATIONS
from appliance.posture.service import PostureService
from appliance.settings.layout import StateLayout
from appliance.vault.vault import Vault
from firmware_checks.check import Check, Evidence, Impact, Text, passed
from firmware_checks.report import Finding, Report
from secure_compute.suites import CHINESE, INTERNATIONAL
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, Clock, NotedMount

PAGE = Path(__file__).parents[3] / "docs/reference/box-checks.md"
WELL = Keeping(INTERNATIONAL, "OpenSSL", (), 2, 0, core=False, traceable=False)


def machine() -> Report:
    """A machine that passes one check of each level."""
    words = Text("好", "坏", "修"), Text("Good", "Harm", "Remedy")
    seen = passed("好。", "Good.", Evidence.of("x", "y"))
    return Report(
        tuple(
            Finding(Check(f"m.{level}", level, Impact.LOW, *words, (), lambda _: seen), seen)
            for level in (1, 2, 3)
        )
    )


def told(seen: Keeping) -> dict[str, str]:
    return {one.check.id: one.verdict.outcome.value for one in judged(seen)}


def test_what_is_well_lowers_nothing():
    assert set(told(WELL).values()) == {"pass"}
    assert machine().posture.level == 3
    assert with_keeping(machine, lambda: WELL)().posture.level == 3


@pytest.mark.parametrize(
    ("weak", "check", "level"),
    [
        ({"core": True}, "keys.core-dumps", 0),
        ({"traceable": True}, "keys.not-readable", 0),
        ({"foreign": ("box.db/1",)}, "keys.suite", 1),
        ({"unlocked": 1}, "keys.memory-locked", 1),
    ],
)
def test_a_weak_one_lowers_the_level_and_says_what_to_do(weak, check, level):
    report = with_keeping(machine, lambda: replace(WELL, **weak))()
    assert (report.posture.level, report.posture.missing) == (level, (check,))
    row = next(one for one in report.as_json()["checks"] if one["id"] == check)
    assert row["outcome"] == "fail"
    assert all(row[part][tongue] for part in ("reason", "remedy") for tongue in ("zh", "en"))
    assert report.digest != with_keeping(machine, lambda: WELL)().digest


def test_the_suite_is_named_in_words_and_in_the_digest():
    ours = with_keeping(machine, lambda: WELL)()
    theirs = with_keeping(machine, lambda: replace(WELL, suite=CHINESE))()
    words = [one.verdict.zh for one in theirs.findings if one.check.id == "keys.suite"]
    assert "SM4-GCM、SM3、SM2" in words[0]
    assert ours.digest != theirs.digest


@pytest.mark.parametrize("suite", [INTERNATIONAL, CHINESE])
def test_a_real_vault_is_looked_at(tmp_path, suite):
    vault = Vault(StateLayout(tmp_path), "wardbox/test", NotedMount(), Clock(), cost=CHEAP)
    vault.create(PASSPHRASE)
    vault.suite = suite
    opened = vault.unlock(PASSPHRASE)
    seen = keeping(opened)
    assert (seen.suite, seen.pages > 0) == (suite, True)
    # The vault was made with the international suite: a change shows until the next rotation.
    assert bool(seen.foreign) == (suite is CHINESE)
    vault.rotate_root()
    assert keeping(opened).foreign == ()
    # The tests' own process is no guarded one, which is told.
    assert told(seen)["keys.not-readable"] == "fail"
    vault.lock()


async def test_the_service_keeps_and_records_what_failed(tmp_path):
    audit = RememberingAudit()
    with open_db(tmp_path / "box.db", MIGRATIONS) as db:
        run = with_keeping(machine, lambda: replace(WELL, core=True))
        checked = await PostureService(db, audit, HandClock(), run).check()
    assert checked.report["posture"]["missing"] == ["keys.core-dumps"]
    assert audit.events[0].details["failed"] == ["keys.core-dumps"]


def test_the_reference_is_written_from_the_list():
    # Write it anew: python -c "import sys; from appliance.posture.keeper import page; sys.stdout.write(page())"
    assert PAGE.read_text(encoding="utf-8") == page()
