"""What `wardbox update` says of sticks, plans and what became of them, line by line."""

from typing import Any, Final

from appliance.contract.update import ChangeView, RateView, UpdatePlan, UpdateStatus, UpdateView

_STATES: Final = {
    "verified": "已校验",
    "refused": "已拒绝",
    "applied": "已应用",
    "staged": "待安装",
    "reverted": "已撤回",
    "rolled-back": "已退回",
}
_WHAT: Final = {
    "new": "新增 new",
    "newer": "更新 newer",
    "older": "降级 older",
    "same": "不变 same",
}
_PHASES: Final = {
    "read": "读取 read",
    "copy": "复制 copy",
    "assemble": "组装 put together",
    "judge": "检查 judge",
    "place": "就位 place",
    "switch": "切换 switch",
}
_KNOWN: Final = {
    "stick": "本介质实测 measured on this stick",
    "earlier": "据本机以往更新 from earlier updates of this box",
    "assumed": "尚无实测,保守估计 a cautious guess: nothing was measured yet",
}
_STEP: Final = 1024


def size(count: int) -> str:
    """Bytes in their largest unit."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < _STEP:
            break
        amount, unit = amount / _STEP, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def span(seconds: int) -> str:
    """A time span."""
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"  # noqa: PLR2004


def _rate(one: RateView) -> str:
    return f"{size(one.bytes_s)}/s  {_KNOWN[one.known]}"


def change_line(one: ChangeView) -> str:
    """What becomes of one package."""
    versions = f"{one.before or '-'} → {one.after}"
    way = "不停机 live" if one.live else f"停机 downtime ~{span(one.downtime_s)}"
    return f"{one.kind}/{one.id}  {versions}  {_WHAT[one.what]}  {size(one.size)}  {way}"


def plan_lines(plan: UpdatePlan) -> list[str]:
    """What applying a stick would do."""
    lines = [f"更新包 bundle     {plan.bundle}  签名于 signed {plan.signed_at:%Y-%m-%d %H:%M} UTC"]
    if plan.overridden:
        lines.append("! 已过期,经两人批准 expired; two people let it pass")
    lines += [f"  {change_line(one)}" for one in plan.changes]
    lines.append(f"复制 to copy      {size(plan.copies)}")
    lines.append(f"空间 space        {size(plan.needs)} / {size(plan.free)} 可用 free")
    lines.append(f"用时 time         ~{span(plan.seconds)}")
    if plan.pace is not None:
        lines.append(f"  复制 copying    {_rate(plan.pace.copying)}")
        lines.append(f"  安装 making     {_rate(plan.pace.making)}")
    lines.append(f"停机 downtime     {span(plan.downtime_s) if plan.downtime_s else '无 none'}")
    if plan.schema_after is not None:
        lines.append(f"数据库 schema     → {plan.schema_after}")
    if plan.log_steps:
        lines.append(f"审计日志 log      + {', '.join(plan.log_steps)}")
    for one in plan.hindrances:
        lines += [f"✖ {one.sentence} [{one.code}]", f"  → {one.way_out}"]
    return lines


def status_lines(found: UpdateStatus) -> list[str]:
    """How updates stand."""
    trust = found.trust
    root = (
        "尚无 none: wardbox update trust ROOT.json"
        if trust is None
        else f"v{trust.version}, {trust.expires:%Y-%m-%d}, {trust.fingerprint[:16]}…"
    )
    lines = [f"软件版本 release   {found.release}", f"信任根 trust root  {root}"]
    if found.recipient is not None:
        lines.append(f"接收者 recipient   {found.recipient}")
    for stick in found.sticks:
        held = "有更新包 holds a bundle" if stick.bundle else "没有更新包 holds none"
        lines.append(f"介质 stick         {stick.directory}  {held}")
    for one in found.installed:
        before = f"  可退回 before: {one.previous}" if one.previous else ""
        lines.append(f"已装 installed     {one.kind}/{one.id} {one.version}{before}")
    if found.pending is not None:
        told = found.pending.told
        wanted = "上一版本 the one before" if found.pending.rollback else found.pending.version
        more = f"  {told.zh} {told.en}" if told else ""
        lines.append(f"待安装 waiting     {wanted}{more}")
    if found.job is not None:
        lines.append(f"任务 job           {found.job}")
    return lines


def progress_line(data: dict[str, Any]) -> str:
    """How far a job is."""
    phase = _PHASES.get(str(data.get("phase")), str(data.get("phase", "")))
    fraction = data.get("fraction")
    share = f"  {fraction:.0%}" if isinstance(fraction, int | float) else ""
    return f"{phase}  {data.get('package', '')}{share}"


def seen_line(seen: UpdateView) -> str:
    """What became of a bundle."""
    moment = seen.time.strftime("%Y-%m-%d %H:%M")
    state = f"{_STATES.get(seen.state, '')} {seen.state}"
    return f"{moment}  {seen.id}  {state}  {seen.subject} {seen.version}  {seen.sentence}"
