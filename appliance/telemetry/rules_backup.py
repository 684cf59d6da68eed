"""The rules of the alerts about backups: late, failed, never checked, and drills of long ago."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from appliance.telemetry.facts import BackupFacts, Facts, ProcessFacts
from appliance.telemetry.rule import Finding, Raised, Rule, Value

DAY_S: Final = 86_400.0
LATE_S: Final[Mapping[str, float]] = MappingProxyType({"disk": 8 * DAY_S})
"""A disk may be brought once a week; every other target has a backup each night."""
LATE_ELSE_S: Final = 2 * DAY_S
UNCHECKED_S: Final = 15 * DAY_S
"""Checks are weekly: two were missed."""
UNDRILLED_S: Final = 40 * DAY_S
"""Drills are monthly."""

_Judge = Callable[[BackupFacts], dict[str, Value] | None]


def _targets(judge: _Judge) -> Callable[[Facts, Raised], tuple[Finding, ...] | None]:
    def judged(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
        if facts.backups is None:
            return None
        told = ((one.target, judge(one)) for one in facts.backups)
        return tuple(
            Finding(name, {"target": name, **more}) for name, more in told if more is not None
        )

    return judged


def _none(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.backups is None:
        return None
    return () if facts.backups else (Finding("backup"),)


def _late(one: BackupFacts) -> dict[str, Value] | None:
    return _older(one.created_age_s, LATE_S.get(one.kind, LATE_ELSE_S))


def _older(age_s: float, limit_s: float) -> dict[str, Value] | None:
    return {"days": round(age_s / DAY_S, 1)} if age_s > limit_s else None


BACKUP_RULES: Final = (
    Rule(
        "backup-none", "warning",
        "没有备份目标,磁盘一坏数据即失。", "There is no backup target: a broken disk takes everything.",
        "wardbox backup target add 添加目标。", "Name one with wardbox backup target add.",
        _none, hold_s=7 * DAY_S,
    ),
    Rule(
        "backup-old", "warning",
        "目标 {target} 最近一次成功的备份是 {days} 天前。",
        "The last good backup on {target} is {days} days old.",
        "请检查目标是否在线(备份盘是否插入),然后 wardbox backup create。",
        "See that the target is there (the disk attached), then run wardbox backup create.",
        _targets(_late),
    ),
    Rule(
        "backup-failed", "warning",
        "目标 {target} 最近一次备份失败({code})。", "The last backup on {target} failed ({code}).",
        "wardbox backup list 查看原因;排除后 wardbox backup create。",
        "wardbox backup list tells why; remove the cause and run wardbox backup create.",
        _targets(lambda one: {"code": one.failed} if one.failed else None),
    ),
    Rule(
        "backup-damaged", "critical",
        "目标 {target} 的备份有 {objects} 个损坏的对象。",
        "{objects} objects of the backup on {target} are damaged.",
        "wardbox backup list 列出受影响的快照;请在完好的目标上重新备份。",
        "wardbox backup list names what it hurts; back up to a sound target.",
        _targets(lambda one: {"objects": one.damaged} if one.damaged else None),
    ),
    Rule(
        "backup-unverified", "warning",
        "目标 {target} 的备份已 {days} 天未通过校验。",
        "No backup on {target} was found whole for {days} days.",
        "请运行 wardbox backup verify。", "Run wardbox backup verify.",
        _targets(lambda one: _older(one.verified_age_s, UNCHECKED_S)),
    ),
    Rule(
        "backup-undrilled", "warning",
        "目标 {target} 已 {days} 天没有成功的恢复演练。",
        "No restore from {target} was rehearsed with success for {days} days.",
        "请运行 wardbox backup drill。", "Run wardbox backup drill.",
        _targets(lambda one: _older(one.drilled_age_s, UNDRILLED_S)),
    ),
)  # fmt: skip


def objections(targets: tuple[BackupFacts, ...]) -> Iterator[tuple[Rule, Finding]]:
    """What these rules object to now, without the patience that an alert has."""
    facts = Facts(0.0, "unlocked", 0, 0, ProcessFacts(0, 0, 0), backups=targets)
    for rule in BACKUP_RULES:
        for finding in rule.judge(facts, lambda _: False) or ():
            yield rule, finding
