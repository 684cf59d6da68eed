"""What status and doctor say of backups: the plan, each target, and what is late or wrong."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from appliance.settings.layout import StateLayout
from appliance.vault.doctor import Finding

if TYPE_CHECKING:
    from appliance.contract.backup import BackupList, BackupPlan, BackupRun

_PATIENCE_S: Final = 10.0
_DAYS_ZH: Final = "一二三四五六日"
_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def ask_backups(layout: StateLayout) -> tuple[Finding, ...]:
    """Ask the running box about its backups; one that is locked or does not run cannot tell."""
    try:
        seen = asyncio.run(_ask(layout))
    except ProblemError as error:
        if error.code == "vault.locked":
            zh, en = (
                "保险库已锁定:解锁后才知道备份情况。",
                "The vault is locked: backups are not known.",
            )
            return (Finding("backup", "ok", zh, en),)
        return (Finding("backup", "warning", error.detail, error.way_out),)
    except (BoxUnreachable, TimeoutError):
        zh, en = "服务没有应答:备份情况未能查看。", "No box answers: its backups could not be seen."
        return (Finding("backup", "ok", zh, en),)
    return tuple(findings(seen))


async def _ask(layout: StateLayout) -> "BackupList":
    async with asyncio.timeout(_PATIENCE_S), Session.local(layout.socket) as session:
        return await session.backups.list()


def findings(seen: "BackupList") -> Iterator[Finding]:
    """The plan, each target with its last runs, and what the alerts' rules object to."""
    if seen.plan is not None:
        yield Finding("plan", "ok", *plan_words(seen.plan))
    for one in seen.targets:
        runs = {"备份": one.created, "校验": one.verified, "演练": one.drilled}
        zh = "、".join(f"{name} {_when(run, '从未', '失败')}" for name, run in runs.items())
        names = zip(("backup", "check", "drill"), runs.values(), strict=True)
        en = ", ".join(f"{name} {_when(run, 'never', 'failed')}" for name, run in names)
        yield Finding(one.name, "ok", f"{one.name}:{zh}。", f"{one.name}: {en}.")
    for wrong in seen.wrong:
        yield Finding("backup", "warning", wrong.zh, wrong.en)


def plan_words(plan: "BackupPlan") -> tuple[str, str]:
    """When what happens by itself and what is kept, in Chinese and in English."""
    kept = (plan.keep_daily, plan.keep_weekly, plan.keep_monthly)
    zh = (
        f"每晚 {plan.time} 备份,每周{_DAYS_ZH[plan.verify_day]}校验,每月 {plan.drill_day} 日演练;"
        "保留 {} 天、{} 周、{} 月。".format(*kept)
    )
    en = (
        f"A backup every night at {plan.time}, a check every {_DAYS_EN[plan.verify_day]}, a drill on day "
        f"{plan.drill_day} of the month; "
        + "{} days, {} weeks and {} months are kept.".format(*kept)
    )
    return zh, en


def _when(run: "BackupRun | None", never: str, failed: str) -> str:
    if run is None:
        return never
    moment = run.time.astimezone().strftime("%Y-%m-%d %H:%M")
    return moment if run.ok else f"{moment} {failed}"
