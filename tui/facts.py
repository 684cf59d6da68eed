"""Key facts between form and JSON: where a field stands, how it is read, what a source names.

A path is dotted, list items counted from 0 (`diagnoses.0.name`). The box names sources with items
counted from 1 and a few joint names (`right_eye.grading`); `touches` knows both.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "whole", "number", "choice", "words", "acuity"]
Json = dict[str, Any]

# What a joint source name stands for, below the record it is in.
_JOINT = {
    "grading": ("locs.cortical", "locs.nuclear", "locs.posterior", "emery"),
    "blood_pressure": ("systolic", "diastolic"),
    "duration": ("duration.value", "duration.unit"),
}
_KINDS: dict[str, Kind] = {"integer": "whole", "number": "number", "array": "words"}
_SPLIT = re.compile(r"[、,,;;]\s*")


class Unreadable(ValueError):
    """A field's text is not of its kind; the sentence says what is expected."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the box's schema says about one field."""

    kind: Kind
    choices: tuple[str, ...] = ()


def shape(schema: Mapping[str, Any], path: str) -> Shape | None:
    """The shape of the field at `path`, or None when this box does not know the field."""
    node = _node(schema, path)
    if node is None:
        return None
    if isinstance(node.get("enum"), list):
        return Shape("choice", tuple(str(each) for each in node["enum"]))
    told = node.get("type")
    return Shape("acuity" if isinstance(told, list) else _KINDS.get(str(told), "text"))


def _node(schema: Any, path: str) -> Mapping[str, Any] | None:
    node = schema
    for part in path.split("."):
        if not isinstance(node, Mapping):
            return None
        inner = node.get("properties", {})
        node = (
            node.get("items")
            if part.isdigit()
            else inner.get(part)
            if isinstance(inner, Mapping)
            else None
        )
    return node if isinstance(node, Mapping) else None


def read(kind: Kind, text: str) -> Any:
    """The JSON value of a field's text.

    Raises:
        Unreadable: the text is not of this kind.
    """
    said = text.strip()
    if kind == "words":
        return [word for word in _SPLIT.split(said) if word]
    if kind not in {"whole", "number"}:
        return said
    if not re.fullmatch(r"[+-]?[0-9]{1,9}(\.[0-9]{1,6})?", said):
        raise Unreadable("应为数字 a number is expected")
    if kind == "number" and "." in said:
        return float(said)
    if "." in said:
        raise Unreadable("应为整数 a whole number is expected")
    return int(said)


def written(value: Any) -> str:
    """A JSON value as the form shows it."""
    if isinstance(value, list):
        return "、".join(str(each) for each in value)
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def pick(facts: Any, path: str) -> Any:
    """The value at `path`, or None."""
    for part in path.split("."):
        if isinstance(facts, Mapping):
            facts = facts.get(part)
        elif isinstance(facts, list) and part.isdigit() and int(part) < len(facts):
            facts = facts[int(part)]
        else:
            return None
    return facts


def put(facts: Json, path: str, value: Any) -> None:
    """Set the value at `path`, making the records and items on the way.

    Raises:
        Unreadable: something else stands where a record or list is needed.
    """
    node: Any = facts
    parts = path.split(".")
    for part, after in zip(parts, [*parts[1:], ""], strict=True):
        fresh = value if not after else [] if after.isdigit() else {}
        node = _step(node, part, fresh, last=not after)


def _step(node: Any, part: str, fresh: Any, *, last: bool) -> Any:
    if isinstance(node, list) and part.isdigit():
        while len(node) <= int(part):
            node.append({})
        if last or node[int(part)] is None:
            node[int(part)] = fresh
        return node[int(part)]
    if isinstance(node, dict):
        if last or node.get(part) is None:
            node[part] = fresh
        return node[part]
    raise Unreadable(f"其余要素中 {part} 的上级不是对象 {part} needs a record above it")


def split(facts: Mapping[str, Any], paths: tuple[str, ...]) -> tuple[dict[str, str], Json]:
    """What the form's fields show of `facts`, and the rest."""
    rest = copy.deepcopy(dict(facts))
    shown = {}
    for path in paths:
        value = pick(facts, path)
        if value is not None and not isinstance(value, Mapping):
            shown[path] = written(value)
            parent, _, last = path.rpartition(".")
            holder = pick(rest, parent) if parent else rest
            if isinstance(holder, dict):
                holder.pop(last, None)
    return shown, _pruned(rest)


def _pruned(node: Any) -> Any:
    """Without records that hold nothing any more; an item keeps its place, an empty list its meaning."""
    if isinstance(node, dict):
        kept = {key: _pruned(each) for key, each in node.items()}
        return {key: each for key, each in kept.items() if each not in ({}, [{}])}
    if isinstance(node, list):
        return [_pruned(each) for each in node]
    return node


def parse_rest(text: str) -> Json:
    """The facts typed as JSON.

    Raises:
        Unreadable: it is not a JSON object.
    """
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"不是合法的 JSON not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unreadable("应为 JSON 对象 a JSON object is expected")
    return found


def touches(source: str, path: str) -> bool:
    """Whether a source that the box names speaks of the field at `path`."""
    counted = ".".join(str(int(part) + 1) if part.isdigit() else part for part in path.split("."))
    return any(
        counted == name or counted.startswith(f"{name}.") or name.startswith(f"{counted}.")
        for name in _names(source)
    )


def from_zero(source: str) -> str:
    """A source's path with list items counted from 0, as JSON counts them."""
    parts = source.removesuffix(".items").split(".")
    return ".".join(
        str(int(part) - 1) if part.isdigit() and part != "0" else part for part in parts
    )


def _names(source: str) -> Iterator[str]:
    parent, _, last = source.rpartition(".")
    if last in _JOINT:
        yield from (f"{parent}.{part}" for part in _JOINT[last])
    elif source.startswith("allergies.") and parent[-1:].isdigit():
        yield source.replace("allergies.", "allergies.items.", 1)
    else:
        yield source.removesuffix(".items")
