"""What status and doctor say of backups."""

import argparse
import asyncio
from datetime import UTC, datetime

from appliance.commands.backup_health import ask_backups, findings
from appliance.contract.backup import BackupList, BackupPlan, BackupRun, BackupTargetView
from appliance.contract.base import Text
from tests.appliance.api.box import live_box
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm

PLAN = BackupPlan(
    time="01:30", verify_day=5, drill_day=1, keep_daily=14, keep_weekly=8, keep_monthly=12
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_plan_the_runs_and_what_is_wrong() -> None:
    bad = BackupRun(time=NOON, ok=False, snapshot=None, sentence="坏 bad")
    one = BackupTargetView(
        name="nas", kind="directory", place="/srv", pin="", snapshots=(),
        created=bad, verified=None, drilled=None,
    )  # fmt: skip
    late = Text(zh="迟了。", en="It is late.")
    seen = BackupList(targets=(one,), recipient="age1x", login="", plan=PLAN, wrong=(late,))
    plan, target, wrong = findings(seen)
    assert "Saturday" in plan.en
    assert "14 天、8 周、12 月" in plan.zh
    assert "失败、校验 从未" in target.zh
    assert "check never, drill never" in target.en
    assert (wrong.verdict, wrong.en) == ("warning", "It is late.")


async def test_a_running_box_is_asked_and_a_locked_one_says_so(tmp_path) -> None:
    async with live_box(tmp_path) as box:
        vault_for(box.front, PaperTpm())
        layout = argparse.Namespace(socket=box.socket)
        found = await asyncio.to_thread(ask_backups, layout)
        assert "01:30" in found[0].en
        assert [one.verdict for one in found] == ["ok", "warning"]
        assert "no backup target" in found[1].en
        await box.front.lock("test")
        (only,) = await asyncio.to_thread(ask_backups, layout)
        assert "locked" in only.en
