"""The specification of a run, as the box hands it to the worker: judged before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.abilities.register import ability
from eval.errors import EvalSpecInvalid
from eval.sets import read_set
from eval.subject import Address
from eval.suite import Suite, build_suite

KEYS = {
    *("abilities", "sets", "model", "base_url", "socket", "token", "seed", "limit", "out"),
    "concurrency",
}
MOST_CONCURRENT = 256
MOST_SEED = 2**31


@dataclass(frozen=True, slots=True)
class Specification:
    """What to ask whom, and where to keep the answers."""

    suites: tuple[Suite, ...]
    address: Address
    out: Path


def read_specification(given: Mapping[str, Any]) -> Specification:
    """Judge a specification.

    `abilities` is a list of ids, or of `{"id": ..., "limit": ...}`; `limit` applies where an ability
    has none of its own. `sets` tells where evaluation sets lie that came as data, by id. `token` authenticates at the model's address and is never kept.

    Raises:
        EvalSpecInvalid: unknown or missing keys, values out of range.
        AbilityUnknown: an id that the register does not hold.
    """
    unknown = sorted(set(given) - KEYS)
    if unknown:
        raise EvalSpecInvalid(reason=f"未知的键 unknown keys {', '.join(unknown)}")
    seed = _whole(given, "seed", 0, range(MOST_SEED))
    limit = None if given.get("limit") is None else _whole(given, "limit", 1, range(1, MOST_SEED))
    concurrency = _whole(given, "concurrency", 8, range(1, MOST_CONCURRENT + 1))
    listed = given.get("abilities")
    if not isinstance(listed, list) or not listed:
        raise EvalSpecInvalid(reason="abilities 须为非空列表 must be a non-empty list")
    socket, sets = given.get("socket"), _sets(given.get("sets", {}))
    return Specification(
        suites=tuple(_suite(entry, seed, limit, sets) for entry in listed),
        address=Address(
            base_url=_text(given, "base_url", "http://localhost"),
            model=_text(given, "model"),
            socket=Path(_text(given, "socket")) if socket is not None else None,
            token=_text(given, "token") if given.get("token") is not None else None,
            concurrency=concurrency,
        ),
        out=Path(_text(given, "out")),
    )


def _sets(given: object) -> dict[str, Path]:
    if not isinstance(given, dict):
        raise EvalSpecInvalid(reason="sets 须为对象 must be an object of paths")
    found = {}
    for name, place in given.items():
        if not isinstance(name, str) or not isinstance(place, str):
            raise EvalSpecInvalid(reason="sets 须为对象 must be an object of paths")
        found[name] = Path(place)
    return found


def _suite(entry: object, seed: int, limit: int | None, sets: Mapping[str, Path]) -> Suite:
    wish = {"id": entry} if isinstance(entry, str) else entry
    if not isinstance(wish, dict) or not isinstance(wish.get("id"), str):
        raise EvalSpecInvalid(reason=f"abilities 的一项无法理解 an entry makes no sense: {entry!r}")
    unknown = sorted(set(wish) - {"id", "limit"})
    if unknown:
        raise EvalSpecInvalid(reason=f"未知的键 unknown keys {', '.join(unknown)}")
    own = wish.get("limit")
    wanted = limit if own is None else _whole(wish, "limit", 1, range(1, MOST_SEED))
    place = sets.get(wish["id"])
    examined = ability(wish["id"]) if place is None else read_set(place).ability
    return build_suite(examined, seed, wanted)


def _whole(given: Mapping[str, Any], key: str, default: int, allowed: range) -> int:
    value = given.get(key, default)
    if type(value) is not int or value not in allowed:
        reason = f"{key} 须为整数 must be a whole number, {allowed.start}-{allowed.stop - 1}"
        raise EvalSpecInvalid(reason=reason)
    return value


def _text(given: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = given.get(key, default)
    if not isinstance(value, str) or not value:
        raise EvalSpecInvalid(reason=f"{key} 须为非空文本 must be a non-empty text")
    return value
