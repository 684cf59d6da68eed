"""The catalogue, the typed functions and the page agree."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest

import appliance.audit
from appliance.audit import events
from appliance.audit.catalogue import KINDS, reference_markdown
from secure_compute.canonical import canonical_bytes
from tests.fakes.answered import completion

SAMPLES = {int: 3, str: "x", bool: True, list[str]: ["a"], str | None: None}
MODULES = [
    importlib.import_module(f"appliance.audit.{found.name}")
    for found in pkgutil.iter_modules(appliance.audit.__path__)
    if found.name.startswith("events")
]
FUNCTIONS = [
    function
    for module in MODULES
    for function in vars(module).values()
    if inspect.isfunction(function) and function.__module__ == module.__name__
]


def made(function):
    hints = get_type_hints(function)
    hints.pop("return")
    actions = get_args(hints["action"]) if "action" in hints else [None]
    for action in actions:
        arguments = {
            name: completion("rcp_x")
            if hint is events.Completion
            else SAMPLES.get(hint, {"a": 1} if get_origin(hint) is Mapping else "x")
            for name, hint in hints.items()
        }
        if action is not None:
            arguments["action"] = action
        yield function(**arguments)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_every_function_makes_events_of_the_catalogue(function):
    kinds = {kind.tag: kind for kind in KINDS}
    for event in made(function):
        assert tuple(sorted(event.details)) == kinds[event.tag].details
        canonical_bytes(dict(event.details))


def test_every_kind_has_its_function():
    tags = [event.tag for function in FUNCTIONS for event in made(function)]
    assert sorted(tags) == sorted(kind.tag for kind in KINDS)


def test_the_page_is_what_the_code_says():
    page = Path(__file__).parents[3] / "docs/reference/audit-events.md"
    assert page.read_text(encoding="utf-8") == reference_markdown()


def test_no_detail_could_hold_content():
    for kind in KINDS:
        assert not {"prompt", "answer", "text", "messages", "facts", "password"} & set(kind.details)
        assert kind.tag.count(":") == 2
