"""The look of the console: two calm themes, and the signs and words that say what colours say.

Colour is never the only carrier: every state has a sign and a word in Chinese and English. The
colours lie close to the sixteen of a plain terminal, so that what is teal here is cyan there and
text stays readable on both.
"""

from dataclasses import dataclass

from textual.content import Content
from textual.theme import Theme

NIGHT = Theme(
    name="ward-night",
    primary="#4fb3b3",
    secondary="#7fa7c7",
    accent="#8fd0c0",
    foreground="#e4ecec",
    background="#0f191d",
    surface="#142127",
    panel="#1c2d34",
    success="#6fcf97",
    warning="#e8c268",
    error="#f08c84",
    dark=True,
    variables={
        "footer-key-foreground": "#8fd0c0",
        "border": "#4fb3b3",
        "border-blurred": "#3a5560",
        "input-selection-background": "#4fb3b3 35%",
    },
)

DAY = Theme(
    name="ward-day",
    primary="#0b6e6e",
    secondary="#2b5d86",
    accent="#0b6e6e",
    foreground="#16262b",
    background="#f4f8f8",
    surface="#ffffff",
    panel="#e3eded",
    success="#1d7a45",
    warning="#8a5a00",
    error="#b3261e",
    dark=False,
    variables={"border": "#0b6e6e", "border-blurred": "#9db8bd"},
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A state as a person sees it: a sign, words in both languages, and a colour that agrees."""

    mark: str
    zh: str
    en: str
    style: str

    def content(self) -> Content:
        """The sign and its words in its colour."""
        return Content.assemble((f"{self.mark} {self.zh} {self.en}", self.style))


GOOD, WARN, BAD, QUIET = "$text-success", "$text-warning", "$text-error", "$text-muted"

ENGINE = {
    "ready": Sign("✔", "就绪", "ready", GOOD),
    "loading": Sign("◔", "加载中", "loading", WARN),
    "starting": Sign("◔", "启动中", "starting", WARN),
    "draining": Sign("◑", "收尾中", "draining", WARN),
    "stopped": Sign("■", "已停止", "stopped", QUIET),
    "absent": Sign("–", "未运行", "not running", QUIET),
    "failed": Sign("✖", "失败", "failed", BAD),
}
JOB = {
    "queued": Sign("…", "排队", "queued", QUIET),
    "running": Sign("▶", "运行", "running", GOOD),
    "done": Sign("✔", "完成", "done", GOOD),
    "failed": Sign("✖", "失败", "failed", BAD),
    "cancelled": Sign("■", "已取消", "cancelled", QUIET),
    "interrupted": Sign("‖", "中断", "interrupted", WARN),
}
MODEL = {
    "shelf": Sign("–", "在架", "on shelf", QUIET),
    "waiting": Sign("…", "等待资源", "waiting", QUIET),
    "checking": Sign("◔", "校验中", "checking", WARN),
    "loading": Sign("◔", "加载中", "loading", WARN),
    "ready": Sign("✔", "就绪", "ready", GOOD),
    "draining": Sign("◑", "收尾中", "draining", WARN),
    "failed": Sign("✖", "失败", "failed", BAD),
}
KEY = {
    "active": Sign("✔", "有效", "active", GOOD),
    "expired": Sign("■", "已过期", "expired", QUIET),
    "revoked": Sign("✖", "已吊销", "revoked", BAD),
    "suspended": Sign("‖", "已停用", "suspended", WARN),
}
INTEGRITY = {
    "ok": Sign("✔", "完整", "intact", GOOD),
    "broken": Sign("✖", "已损坏", "broken", BAD),
    "unknown": Sign("?", "未核验", "not verified", WARN),
}
VAULT = {
    "unlocked": Sign("✔", "已解锁", "unlocked", GOOD),
    "locked": Sign("■", "已锁定", "locked", WARN),
    "absent": Sign("✖", "不存在", "absent", BAD),
}
HEALTH = {
    "ok": Sign("✔", "正常", "ok", GOOD),
    "locked": Sign("■", "已锁定", "locked", WARN),
    "starting": Sign("◔", "启动中", "starting", WARN),
    "degraded": Sign("▲", "降级", "degraded", WARN),
}
VERDICT = {
    "pass": Sign("✔", "通过", "pass", GOOD),
    "fail": Sign("✖", "未通过", "fail", BAD),
    "warn": Sign("▲", "警告", "warning", WARN),
    "unknown": Sign("?", "未知", "unknown", QUIET),
    "error": Sign("✖", "出错", "error", BAD),
    "not_applicable": Sign("–", "不适用", "n/a", QUIET),
}
NEARBY = {
    "alive": Sign("✔", "在线", "alive", GOOD),
    "leaving": Sign("◑", "正在离开", "leaving", WARN),
    "silent": Sign("?", "无声", "silent", WARN),
    "lost": Sign("✖", "失联", "lost", BAD),
}
FINDING = {
    "ok": Sign("✔", "正常", "ok", GOOD),
    "warning": Sign("▲", "注意", "attention", WARN),
    "bad": Sign("✖", "有问题", "bad", BAD),
}
SPACE = {
    "ok": Sign("✔", "充足", "enough", GOOD),
    "low": Sign("▲", "不足,不再开始任务", "low: no job starts", WARN),
    "critical": Sign("✖", "紧张,任务已停", "short: jobs stop", BAD),
    "reserve": Sign("✖", "已满,仅写日志", "full: the log alone", BAD),
}
UNREACHABLE = Sign("✖", "连不上", "unreachable", BAD)
ASKING = Sign("◔", "询问中", "asking", QUIET)


def bar(share: float, width: int) -> str:
    """A gauge of `width` cells for a share of 0 to 1."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "░" * (width - filled)


_LARGE = 100


def gigabytes(count: int) -> str:
    """A number of bytes in GiB."""
    whole = count / 2**30
    return f"{whole:.0f} GiB" if whole >= _LARGE else f"{whole:.1f} GiB"


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    whole = max(0, int(seconds))
    for size, big, small, step in (
        (86_400, "d", "h", 3600),
        (3600, "h", "m", 60),
        (60, "m", "s", 1),
    ):
        if whole >= size:
            return f"{whole // size} {big} {whole % size // step} {small}"
    return f"{whole} s"
