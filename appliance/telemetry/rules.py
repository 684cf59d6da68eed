"""The rules of the alerts: facts in, findings out, with one threshold to raise and one to clear."""

from collections.abc import Callable, Iterator
from typing import Final

from appliance.telemetry.facts import EngineFacts, Facts
from appliance.telemetry.rule import Finding, Raised, Rule, above
from appliance.telemetry.rules_backup import BACKUP_RULES
from appliance.telemetry.rules_outside import OUTSIDE_RULES

_DAY_S: Final = 86_400.0
_GIB: Final = 1 << 30


def _disk(share: float, calm: float) -> Callable[[Facts, Raised], tuple[Finding, ...] | None]:
    def judge(facts: Facts, raised: Raised) -> tuple[Finding, ...] | None:
        if facts.disk_bytes <= 0:
            return None
        free = facts.disk_free_bytes / facts.disk_bytes
        if free > (calm if raised("disk") else share):
            return ()
        gib = round(facts.disk_free_bytes / _GIB, 1)
        return (Finding("disk", {"percent": round(free * 100, 1), "gib": gib}),)

    return judge


def _engines(
    bad: Callable[[EngineFacts, bool], bool],
) -> Callable[[Facts, Raised], tuple[Finding, ...] | None]:
    def judge(facts: Facts, raised: Raised) -> tuple[Finding, ...] | None:
        if facts.engines is None:
            return None
        return tuple(
            Finding(
                one.model,
                {
                    "model": one.model,
                    "restarts": one.recent_restarts,
                    "reason_zh": one.reason_zh or "原因未知",
                    "reason_en": one.reason_en or "for an unknown reason",
                },
            )
            for one in facts.engines
            if bad(one, raised(one.model))
        )

    return judge


def _hot(facts: Facts, raised: Raised) -> tuple[Finding, ...] | None:
    if facts.cards is None:
        return None

    def judged() -> Iterator[Finding]:
        for card in facts.cards or ():
            subject = f"{card.vendor}:{card.index}"
            degrees = card.temperature_c
            if degrees is not None and above(degrees, 88, 80, raised=raised(subject)):
                yield Finding(subject, {"card": subject, "degrees": degrees})

    return tuple(judged())


def _ecc(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.cards is None:
        return None
    return tuple(
        Finding(subject, {"card": subject, "errors": card.ecc_errors})
        for card in facts.cards
        for subject in (f"{card.vendor}:{card.index}",)
        if card.ecc_errors
    )


def _xid(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.xids is None:
        return None
    latest = {one.card: one.code for one in facts.xids}
    return tuple(Finding(card, {"card": card, "code": code}) for card, code in latest.items())


def _audit(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.audit is None:
        return None
    sound = facts.audit.healthy and facts.audit.verified is not False
    return () if sound else (Finding("audit"),)


def _bodies(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.audit is None:
        return None
    return () if facts.audit.embodied else (Finding("bodies"),)


def _certificate(days: float) -> Callable[[Facts, Raised], tuple[Finding, ...] | None]:
    def judge(facts: Facts, raised: Raised) -> tuple[Finding, ...] | None:
        if facts.certificate_expires is None:
            return None
        left = (facts.certificate_expires - facts.time) / _DAY_S
        calm = days + 1 if raised("certificate") else days
        return () if left > calm else (Finding("certificate", {"days": round(left, 1)}),)

    return judge


def _quota(facts: Facts, raised: Raised) -> tuple[Finding, ...] | None:
    if facts.quotas is None:
        return None
    return tuple(
        Finding(subject, {"key": one.key_id, "limit": one.limit, "percent": round(one.used * 100)})
        for one in facts.quotas
        for subject in (f"{one.key_id}:{one.limit}",)
        if above(one.used, 0.9, 0.8, raised=raised(subject))
    )


def _areas(facts: Facts, raised: Raised) -> tuple[Finding, ...] | None:
    if facts.areas is None:
        return None
    return tuple(
        Finding(one.name, {"area": one.name, "percent": round(100 * one.used / one.quota)})
        for one in facts.areas
        if above(one.used / one.quota, 0.95, 0.9, raised=raised(one.name))
    )


def _clock(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    step = facts.clock_step_s
    return (Finding("clock", {"seconds": round(step, 1)}),) if step else ()


def _posture(facts: Facts, _: Raised) -> tuple[Finding, ...] | None:
    if facts.posture_level is None:
        return None
    if facts.posture_level > 0:
        return ()
    return (Finding("posture", {"checks": ", ".join(facts.posture_missing[:8]) or "-"}),)


RULES: Final = (
    Rule(
        "disk-low", "warning",
        "磁盘仅剩 {percent}%({gib} GiB)。", "Only {percent}% of the disk is free ({gib} GiB).",
        "请移除不用的模型、导出和旧任务,或更换更大的磁盘。",
        "Remove models, exports and old jobs that nobody needs, or fit a larger disk.",
        _disk(0.10, 0.12),
    ),
    Rule(
        "disk-critical", "critical",
        "磁盘即将写满,仅剩 {percent}%({gib} GiB);审计日志写不下时将停止应答。",
        "The disk is nearly full: {percent}% free ({gib} GiB). Answers stop once the audit log cannot grow.",
        "请立即腾出空间。", "Make room now.",
        _disk(0.03, 0.05),
    ),
    Rule(
        "engine-crash-loop", "critical",
        "模型 {model} 的引擎十分钟内重启 {restarts} 次:{reason_zh}。",
        "The engine of {model} restarted {restarts} times in ten minutes: {reason_en}.",
        "请查看 wardbox status;内存不足时减小上下文或并发数。",
        "Look at wardbox status; where memory is short, lower context or slots.",
        _engines(lambda one, raised: one.recent_restarts >= (1 if raised else 3)),
        calm_s=120.0,
    ),
    Rule(
        "engine-failed", "critical",
        "模型 {model} 的引擎无法运行:{reason_zh}。", "The engine of {model} does not run: {reason_en}.",
        "请按原因处理;引擎会自动重试。", "Remove the cause; the engine is tried again by itself.",
        _engines(lambda one, _: one.state == "failed"),
        hold_s=60.0,
    ),
    Rule(
        "gpu-hot", "warning",
        "加速卡 {card} 温度 {degrees} °C。", "The accelerator {card} is at {degrees} °C.",
        "请检查机房空调与风扇。", "Check the cooling of the room and the fans.",
        _hot, hold_s=30.0,
    ),
    Rule(
        "gpu-ecc", "critical",
        "加速卡 {card} 有 {errors} 个无法纠正的显存错误。",
        "The accelerator {card} has {errors} uncorrected memory errors.",
        "请停用并联系厂家更换。", "Take it out of use and have the vendor replace it.",
        _ecc,
    ),
    Rule(
        "gpu-xid", "critical",
        "加速卡 {card} 的驱动报告 Xid {code}。", "The driver of the card {card} reports Xid {code}.",
        "请按 NVIDIA 的 Xid 说明处理;48、63、64、79、94、95 表示硬件故障。",
        "See NVIDIA's list of Xids; 48, 63, 64, 79, 94 and 95 mean broken hardware.",
        _xid,
    ),
    Rule(
        "audit-unhealthy", "critical",
        "审计日志无法写入或未通过校验。", "The audit log cannot be written or did not verify.",
        "请检查磁盘空间,然后运行 wardbox audit verify。",
        "Check the disk space, then run wardbox audit verify.",
        _audit, calm_s=10.0,
    ),
    Rule(
        "bodies-stopped", "warning",
        "目前不保存记录背后的正文;日志与应答照常。",
        "No bodies are kept behind the record at present; the log and answers go on.",
        "请腾出空间,或查看 wardbox audit tail --tag 'box:bodies:*' 中的原因。",
        "Free some space, or see why by wardbox audit tail --tag 'box:bodies:*'.",
        _bodies, hold_s=60.0,
    ),
    Rule(
        "certificate-expiring", "warning",
        "服务器证书还有 {days} 天到期。", "The server certificate ends in {days} days.",
        "箱内证书会在重启时续签;医院证书请及时更换。",
        "The box renews its own when it starts; have a certificate of the hospital replaced.",
        _certificate(21.0),
    ),
    Rule(
        "certificate-ending", "critical",
        "服务器证书还有 {days} 天到期,到期后客户端将无法连接。",
        "The server certificate ends in {days} days; clients cannot connect after that.",
        "请立即更换或续签证书。", "Renew or replace it now.",
        _certificate(5.0),
    ),
    *BACKUP_RULES,
    *OUTSIDE_RULES,
    Rule(
        "quota-near", "warning",
        "密钥 {key} 的限额 {limit} 已用 {percent}%。",
        "The key {key} has used {percent}% of its limit {limit}.",
        "请提高限额,或等待新周期。", "Raise the limit, or wait for the next period.",
        _quota, hold_s=10.0,
    ),
    Rule(
        "area-full", "warning",
        "保险库的 {area} 区已用配额的 {percent}%。", "The area {area} of the vault has used {percent}% of its quota.",
        "请移除不用的内容,或提高设置 [storage] 中的配额。",
        "Remove what nobody needs, or raise its quota in the settings, section [storage].",
        _areas,
    ),
    Rule(
        "clock-step", "warning",
        "系统时钟跳变 {seconds} 秒。", "The system clock jumped by {seconds} s.",
        "请检查时间同步;跳变已记入审计日志。",
        "Check the time synchronisation; the jump is on the audit record.",
        _clock,
    ),
    Rule(
        "posture-failed", "warning",
        "固件检查未达到基本级,未通过:{checks}。",
        "The firmware checks do not reach the basic level; not passed: {checks}.",
        "请运行 wardbox firmware check 查看处理办法。", "Run wardbox firmware check for the remedies.",
        _posture,
    ),
)  # fmt: skip
