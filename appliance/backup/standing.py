"""How a target stands: when its last good backup, check and drill were, and what went wrong since."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, get_args

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
