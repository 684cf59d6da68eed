"""The rules of the alerts about witnesses and forwarding: silent, cut off, behind, doubtful."""

from typing import Final

from appliance.telemetry.facts import Facts
from appliance.telemetry.rule import Finding, Raised, Rule, Value

_DAY_S: Final = 86_400.0
_LOST_S: Final = 120.0


def _stale(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.witnesses is None:
        return None
    return tuple(
        Finding(name, {"witness": name, "days": round(age / _DAY_S, 1)})
        for name, age in facts.witnesses.stale
    )


def _doubt(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.witnesses is None:
        return None
    reason = facts.witnesses.trouble_en
    told: dict[str, Value] = {"reason_zh": facts.witnesses.trouble_zh, "reason_en": reason}
    return (Finding("record", told),) if reason else ()


def _lost(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    one = facts.forward
    if one is None:
        return None
    if not one.misconfigured and one.failing_s < _LOST_S:
        return ()
    told: dict[str, Value] = {"target": one.target or "-"}
    told |= {"reason_zh": one.reason_zh, "reason_en": one.reason_en}
    return (Finding("forward", told),)


def _late(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    one = facts.forward
    if one is None:
        return None
    minutes = round(one.lag_s / 60)
    return (Finding("forward", {"entries": one.behind, "minutes": minutes}),) if one.late else ()


OUTSIDE_RULES: Final = (
    Rule(
        "record-doubtful", "critical",
        "日志无法由第二把密钥作证:{reason_zh}。", "The second key does not vouch for the record: {reason_en}.",
        "若刚刚合法恢复过,运行 wardbox audit witness renew;否则请保留磁盘并通知审计员。",
        "After a lawful restore run wardbox audit witness renew; else keep the disks and tell the auditor.",
        _doubt, hold_s=30.0,
    ),
    Rule(
        "witness-silent", "warning",
        "见证方 {witness} 已 {days} 天没有签名。", "The witness {witness} has not cosigned for {days} days.",
        "请运行 wardbox audit witness offer,把 U 盘带到见证主机,再 take 回来。",
        "Run wardbox audit witness offer, take the stick to the witness, and take it back in.",
        _stale,
    ),
    Rule(
        "forward-lost", "warning",
        "审计记录无法转发到 {target}:{reason_zh}。", "Entries cannot be forwarded to {target}: {reason_en}.",
        "请检查接收方、证书与网络,用 wardbox audit forward test 试发;未送达的记录保存在本机。",
        "Check receiver, certificate and network, and try wardbox audit forward test; what waits is kept.",
        _lost,
    ),
    Rule(
        "forward-late", "warning",
        "转发积压 {entries} 条记录,最早的已等待 {minutes} 分钟。",
        "Forwarding is {entries} entries behind; the oldest has waited for {minutes} minutes.",
        "请检查接收方的速度与网络;记录不会丢失。",
        "Check how fast the receiver and the network are; nothing is lost.",
        _late,
    ),
)  # fmt: skip
