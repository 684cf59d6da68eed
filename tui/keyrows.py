"""Keys and use as rows: states, limits in few signs, sums."""

from typing import Final

from appliance.contract.access import KeyLimits, KeyView
from appliance.contract.usage import UsageReport
from tui import theme
from tui.theme import Sign

BY_TOLD: Final = {"key": "按密钥 by key", "model": "按模型 by model", "day": "按日 by day"}


def key_rows(keys: tuple[KeyView, ...]) -> dict[str, tuple[str | Sign, ...]]:
    """One row for each key; those that work stand first."""
    ordered = sorted(keys, key=lambda key: (key.state != "active", -key.created.timestamp()))
    return {
        key.id: (
            theme.KEY[key.state],
            key.name,
            key.owner or "–",
            f"{key.expires:%Y-%m-%d}" if key.expires else "–",
            limits_told(key),
        )
        for key in ordered
    }


def limits_told(key: KeyLimits) -> str:
    """The limits in few signs: requests and tokens per minute, day and month."""
    said = []
    for span, sign in (("minute", "分m"), ("day", "日d"), ("month", "月M")):
        requests = getattr(key, f"requests_per_{span}")
        tokens = getattr(key, f"tokens_per_{span}")
        if requests is not None:
            said.append(f"{short(requests)}req/{sign}")
        if tokens is not None:
            said.append(f"{short(tokens)}tok/{sign}")
    return " ".join(said) or "不限 none"


def short(count: int) -> str:
    """A number in at most five signs."""
    for size, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{sign}"
    return str(count)


def use_title(report: UsageReport) -> str:
    """What the lower table shows."""
    told = BY_TOLD.get(report.by, "按归属 by owner")
    return f"用量 Use · {told} · {report.since:%Y-%m-%d} – {report.until:%Y-%m-%d}"


def use_rows(report: UsageReport) -> dict[str, tuple[str | Sign, ...]]:
    """One row for each name."""
    return {
        row.name: (
            f"{row.label} {row.name}".strip(),
            f"{row.requests:>12,}",
            f"{row.prompt_tokens:>12,}",
            f"{row.completion_tokens:>12,}",
        )
        for row in report.rows
    }
