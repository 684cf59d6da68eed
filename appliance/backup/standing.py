"""How a target stands: when its last good backup, check and drill were, and what went wrong since."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, get_args

from appliance.backup.store import BackupStore, KnownTarget, What

_UNTOLD: Final = "backup"


@dataclass(frozen=True, slots=True)
class Standing:
    """One target.

    Args:
        target: what is remembered of it.
        good: by "create", "verify" and "drill" when it last came out well, Unix seconds; when the
            target was named where it never did.
        failed: code of the last backup, when it failed; else empty.
        damaged: objects that the last check found damaged.
    """

    target: KnownTarget
    good: Mapping[What, float]
    failed: str
    damaged: int


def standing_of(store: BackupStore) -> tuple[Standing, ...]:
    """Every target, by name."""
    return tuple(_standing(store, one) for one in store.targets())


def _standing(store: BackupStore, target: KnownTarget) -> Standing:
    good: dict[What, float] = {}
    for what in get_args(What):
        run = store.last(target.name, what, ok=True)
        good[what] = target.added if run is None else max(run.time, target.added)
    last, checked = store.last(target.name, "create"), store.last_check(target.name)
    failed = "" if last is None or last.ok else str(last.result.get("code", _UNTOLD))
    damaged = 0 if checked is None else int(checked.result["damaged"])
    return Standing(target, MappingProxyType(good), failed, damaged)


def told_of(what: What, result: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether something came out well, and a sentence about it, Chinese first."""
    ok = bool(result.get("ok", True))
    return ok, _BEHIND if result.get("clock_behind") else _SENTENCES[what, ok]


_SENTENCES: Final = {
    ("create", True): "备份已完成。 The backup is made.",
    ("verify", True): "备份完好。 The backup is whole.",
    ("verify", False): "备份有损坏的对象。 Objects of the backup are damaged.",
    ("drill", True): "恢复演练通过。 The restore was rehearsed and works.",
}
_BEHIND: Final = (
    "备份已完成;时钟早于上一个快照(或从未校准),因此没有删除旧快照。 The backup is made; the clock is behind the "
    "last snapshot or was never set, so no old one was forgotten."
)
