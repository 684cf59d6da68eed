"""Tools and JSON schemas that callers bring, bounded before an engine makes a grammar of them.

A schema becomes a grammar inside the engine. Depth, size, repetition counts and patterns are
bounded here, because one hostile schema must not cost an engine its life.
"""

import re
from typing import Annotated, Any, Final, Literal

from msgspec import Meta
from msgspec.structs import replace

from appliance.api.dialects.wish import TOOL_NAME, Strict
from appliance.api.errors import FieldRefused

Json = dict[str, Any]
ToolName = Annotated[str, Meta(pattern=TOOL_NAME)]
CallId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,128}\Z")]
# Agents describe their tools on pages.
Told = Annotated[str, Meta(max_length=65_536)]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]
MOST_TOOLS: Final = 128
_DEEPEST: Final = 24
_MOST_NODES: Final = 4000
_LONGEST_COUNT: Final = 2048
_LONGEST_PATTERN: Final = 256
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "maxProperties"})
# llama.cpp drops a pattern that holds one of these, without a word; spelled out it keeps to them.
_CLASSES: Final = {"d": "0-9", "w": "A-Za-z0-9_", "s": " "}
_OTHERS: Final = {"D": "[^0-9]", "W": "[^A-Za-z0-9_]"}
_SIGN: Final = re.compile(r"\\(.)|[\[\]]", re.DOTALL)
# Values, not schemas.
_DATA: Final = frozenset({"const", "default", "enum", "examples"})
# A repetition of a repetition makes automata and recursive parsers explode.
_NESTED: Final = (")*", ")+", "){")


class Function(Strict, frozen=True):
    """A function that the model may call."""

    name: ToolName
    description: Told | None = None
    parameters: Json | None = None
    strict: bool | None = None


class FunctionTool(Strict, frozen=True):
    """A tool, in the form that engines take."""

    type: Literal["function"]
    function: Function


class ChosenName(Strict, frozen=True):
    """The name of a function."""

    name: ToolName


class ChosenFunction(Strict, frozen=True):
    """The one function that must be called."""

    type: Literal["function"]
    function: ChosenName


Mode = Literal["none", "auto", "required"]


def judge_schema(field: str, schema: Json) -> Json:
    """Judge a JSON schema, and return it in words that every engine keeps to.

    Raises:
        FieldRefused: It is too deep, too large, repeats too often, or points outside itself.
    """
    left = [_MOST_NODES]

    def walk(node: Any, depth: int) -> None:
        left[0] -= 1
        if depth > _DEEPEST or left[0] < 0:
            raise refused(field, "结构过深或过大", "it is too deep or too large")
        if isinstance(node, dict):
            for key, value in node.items():
                _judge_member(field, key, value)
                walk(value, depth + 1)
        elif isinstance(node, list):
            for value in node:
                walk(value, depth + 1)

    walk(schema, 1)
    plain: Json = _plain(schema)
    return plain


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: spelled_out(value)
        if key == "pattern" and isinstance(value, str)
        else value
        if key in _DATA
        else _plain(value)
        for key, value in node.items()
    }


def spelled_out(pattern: str) -> str:
    """A pattern with its classes of letters written as sets: what it matches has matched it before."""
    inside = ""

    def plain(sign: re.Match[str]) -> str:
        nonlocal inside
        whole, letter = sign.group(), sign.group(1)
        if letter is None:
            inside = pattern[sign.start() : sign.end() + 1] if whole == "[" else ""
            return whole
        if not inside:
            return f"[{_CLASSES[letter]}]" if letter in _CLASSES else _OTHERS.get(letter, whole)
        # What is not a space may still be another blank.
        return whole if inside == "[^" and letter == "s" else _CLASSES.get(letter, whole)

    return _SIGN.sub(plain, pattern)


def _judge_member(field: str, key: str, value: Any) -> None:
    if key in _COUNTS and isinstance(value, int | float) and not 0 <= value <= _LONGEST_COUNT:
        raise refused(field, f"{key} 超过 {_LONGEST_COUNT}", f"{key} is above {_LONGEST_COUNT}")
    if key == "pattern" and isinstance(value, str):
        nested = any(mark in value for mark in _NESTED)
        if len(value) > _LONGEST_PATTERN or nested:
            raise refused(field, "pattern 过于复杂", "its pattern is too complex")
    # An object is the schema of a property of that name.
    if key == "$ref" and not (
        isinstance(value, dict) or (isinstance(value, str) and value.startswith("#"))
    ):
        raise refused(field, "$ref 只能指向自身", "$ref may only point into itself")


def judge_tools(tools: list[FunctionTool]) -> list[FunctionTool]:
    """Judge every tool and return it for the engine: names differ, schemas are bounded. Raises FieldRefused."""
    names = [tool.function.name for tool in tools]
    if len(set(names)) != len(names):
        raise refused("tools", "函数名重复", "two functions have the same name")
    return [_judged(number, tool) for number, tool in enumerate(tools)]


def _judged(number: int, tool: FunctionTool) -> FunctionTool:
    given = tool.function.parameters
    if given is None:
        return tool
    plain = judge_schema(f"tools[{number}].function.parameters", given)
    return replace(tool, function=replace(tool.function, parameters=plain))


def chosen(
    tools: list[FunctionTool], choice: Mode | ChosenFunction | None
) -> tuple[list[FunctionTool], Mode | None]:
    """The tools and the mode an engine is given.

    Engines differ in whether they understand a named choice; offering that function alone and
    requiring a call means the same to all of them.

    Raises:
        FieldRefused: A function is chosen that is not offered, or a call is required of none.
    """
    if isinstance(choice, ChosenFunction):
        named = [tool for tool in tools if tool.function.name == choice.function.name]
        if not named:
            raise refused("tool_choice", "没有提供该函数", "no such function is offered")
        return named, "required"
    if choice == "required" and not tools:
        raise refused("tool_choice", "没有提供工具", "no tools are offered")
    return tools, choice if tools else None


def refused(field: str, zh: str, en: str) -> FieldRefused:
    """A refusal of one field."""
    return FieldRefused(field=field, reason_zh=zh, reason_en=en)
