"""What the panels of the overview say about one `Overview`: pure, one function per panel."""

from collections.abc import Callable

from textual.content import Content

from appliance.contract.system import EngineView, Overview
from tui import theme
from tui.inert import inert

TITLES = {
    "posture": "安全态势 Posture",
    "engine": "引擎 Engine",
    "machine": "硬件 Machine",
    "traffic": "请求 Requests",
    "jobs": "任务 Jobs",
    "proof": "审计与保险库 Audit & vault",
}
_FULL = 0.92
_GAUGE = 10


def summary(seen: Overview) -> Content:
    """One sentence: all is well, or the first thing that is not."""
    for zh, en in _worries(seen):
        return Content.assemble((f"▲ {zh} {en}", theme.WARN))
    name = inert(seen.info.name, 24)
    hospital = inert(seen.info.hospital, 24)
    return Content.assemble(
        ("✔ 一切正常 All is well", theme.GOOD),
        (f"  {hospital} · {name} · v{inert(seen.info.version, 16)}", theme.QUIET),
    )


def _worries(seen: Overview) -> list[tuple[str, str]]:
    found = []
    health, host = seen.health, seen.host
    if seen.integrity.state == "broken":
        found.append(
            ("审计日志核验未通过,请立即按 F4 查看。", "The audit log failed its verification: F4.")
        )
    if health.audit != "ok":
        found.append(
            (
                "审计日志不可写,一体机已停止应答模型请求。",
                "The audit log cannot be written: no answers.",
            )
        )
    if health.vault != "unlocked":
        found.append(("保险库已锁定,按 F5 解锁。", "The vault is locked: F5 unlocks it."))
    found += [_engine_worry(one) for one in seen.engines if one.state not in {"ready", "stopped"}]
    if not seen.engines:
        found.append(
            ("没有引擎在运行,首个请求会启动它。", "No engine runs; the first request starts one.")
        )
    if host.disk_bytes and host.disk_free_bytes < host.disk_bytes * (1 - _FULL):
        found.append(("磁盘快满了,请导出或清理。", "The disk is nearly full: export or tidy up."))
    if host.memory_bytes and host.memory_available_bytes < host.memory_bytes * (1 - _FULL):
        found.append(("内存快用完了。", "Memory is nearly used up."))
    return found + _posture_worries(seen)


def _posture_worries(seen: Overview) -> list[tuple[str, str]]:
    if seen.posture.consequence == "stop-training":
        said = "The checks failed: training is stopped. h tells more."
        return [("固件检查未通过,训练已停:按 h 查看。", said)]
    if seen.posture.verdict in {"fail", "error"}:
        return [("安全检查有未通过项。", "A firmware check did not pass.")]
    return []


def _engine_worry(engine: EngineView) -> tuple[str, str]:
    model = inert(engine.model, 30)
    if engine.state == "failed":
        zh = inert(engine.reason.zh, 80) if engine.reason else "请查看日志。"
        en = inert(engine.reason.en, 80) if engine.reason else "See the log."
        return (f"引擎 {model} 失败:{zh}", f"The engine failed: {en}")
    sign = theme.ENGINE[engine.state]
    return (
        f"引擎 {model} {sign.zh} {engine.progress:.0%},请稍候。",
        f"The engine is {sign.en}; wait a moment.",
    )


def posture(seen: Overview) -> Content:
    """Level, verdict, counts and the sentence of the last checks."""
    found = seen.posture
    checked = "–" if found.checked is None else f"{found.checked:%m-%d %H:%M} UTC"
    return Content.assemble(
        theme.VERDICT[found.verdict].content(),
        (f"  等级 level {found.level}/4\n", "bold"),
        f"✔ {found.passed}  ✖ {found.failed}  ? {found.unknown}   ",
        (f"{checked}\n", theme.QUIET),
        inert(found.sentence.zh, 120),
        (f"\n{inert(found.sentence.en, 160)}", theme.QUIET),
    )


def engine(seen: Overview) -> Content:
    """Every engine with its state; the first one in full."""
    if not seen.engines:
        return Content.assemble(
            theme.ENGINE["absent"].content(),
            f"\n默认模型 default {inert(seen.info.default_model, 40)}",
        )
    parts: list[str | Content | tuple[str, str]] = []
    for one in seen.engines[:3]:
        parts += [
            theme.ENGINE[one.state].content(),
            ("" if one.state == "ready" else f" {theme.bar(one.progress, _GAUGE)}"),
            (f"\n{inert(one.model, 40)}", "bold"),
            f" · {inert(one.engine, 20)}\n",
            (f"在途 in flight {one.in_flight}  重启 restarts {one.restarts}\n", theme.QUIET),
        ]
        if one.reason is not None:
            parts.append(f"{inert(one.reason.zh, 100)} {inert(one.reason.en, 100)}\n")
    return Content.assemble(*parts)


def machine(seen: Overview) -> Content:
    """GPU or CPU, memory and disk."""
    host = seen.host
    parts: list[str | Content | tuple[str, str]] = []
    for one in seen.accelerators[:2]:
        used = 1 - one.memory_free_bytes / one.memory_bytes if one.memory_bytes else 0.0
        parts += [
            (f"GPU {one.index} {inert(one.name, 28)}\n", "bold"),
            f"    {theme.bar(used, _GAUGE)} {used:.0%} / {theme.gigabytes(one.memory_bytes)}\n",
        ]
    if not seen.accelerators:
        parts.append(("CPU 运行,无 GPU no GPU\n", "bold"))
    parts.append(f"{host.cores} 核 cores · 负载 load {host.load[0]:.1f}\n")
    for word, free, whole in (
        ("内存 mem ", host.memory_available_bytes, host.memory_bytes),
        ("磁盘 disk", host.disk_free_bytes, host.disk_bytes),
    ):
        used = 1 - free / whole if whole else 0.0
        parts.append(f"{word} {theme.bar(used, _GAUGE)} {used:.0%} / {theme.gigabytes(whole)}\n")
    parts.append((inert(host.processor, 60), theme.QUIET))
    return Content.assemble(*parts)


def traffic(seen: Overview) -> Content:
    """Figures above the sparkline."""
    flow = seen.traffic
    return Content.assemble(
        (f"{flow.requests_per_minute:.0f}", "bold"),
        " 次/分 requests/min\n",
        (f"{flow.tokens_per_minute:.0f}", "bold"),
        " 词元/分 tokens/min\n",
        f"在途 in flight {flow.in_flight}  拒绝 refused {flow.refused}",
    )


def jobs(seen: Overview) -> Content:
    """Counts and the newest few."""
    told = seen.jobs
    parts: list[str | Content | tuple[str, str]] = [
        f"▶ 运行 running {told.running}  … 排队 queued {told.queued}\n✖ 失败 failed {told.failed}"
    ]
    for job in told.latest[:8]:
        sign = theme.JOB[job.state]
        parts += [
            (f"\n{sign.mark} {sign.zh} ", sign.style),
            f"{inert(job.kind, 16)} {inert(job.id, 18)}",
        ]
    if not told.latest:
        parts.append(("\n还没有任务,按 F3 新建。 None yet: F3 starts one.", theme.QUIET))
    return Content.assemble(*parts)


def proof(seen: Overview) -> Content:
    """Audit light, entries, root, vault and uptime."""
    light = seen.integrity
    verified = "–" if light.verified is None else f"{light.verified:%m-%d %H:%M} UTC"
    return Content.assemble(
        "审计 audit ",
        theme.INTEGRITY[light.state].content(),
        f"\n{light.entries:,} 条 entries · 核验 {verified}\n",
        (f"root {inert(light.root[:16])}…\n", theme.QUIET),
        "保险库 vault ",
        theme.VAULT[seen.health.vault].content(),
        f"\n已运行 up {theme.duration(seen.uptime_s)}",
    )


DRAW: dict[str, Callable[[Overview], Content]] = {
    "posture": posture,
    "engine": engine,
    "machine": machine,
    "jobs": jobs,
    "proof": proof,
}
