"""Nothing that stands anywhere in metadata does more than have it refused: no crash, no surprise."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.exceptions import FormatError

from appliance.updates.anchor import Anchor, new_anchor
from appliance.updates.errors import MetadataRefused, UpdateError
from appliance.updates.fetcher import Stick
from appliance.updates.shape import compact, judge_metadata
from appliance.updates.verify import verify_metadata
from tests.appliance.updates.sticks import ROLES, metadata
from tests.installer.vendor.yard import NOW, Yard, rewrite

JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "\u202e\x00",
    "0" * 64,
    "9999-12-31T23:59:59Z",
    [],
    [[]],
    [None],
    {},
    {"a": {}},
)
Path_ = tuple[str | int, ...]
_CANNOT_SIGN = (TypeError, ValueError, AttributeError, KeyError, StopIteration, FormatError)


def places(node: Any, here: Path_ = ()) -> Iterator[Path_]:
    """Every place in a document, the whole first."""
    yield here
    if isinstance(node, dict):
        for key, below in node.items():
            yield from places(below, (*here, key))
    if isinstance(node, list):
        for index, below in enumerate(node):
            yield from places(below, (*here, index))


def put(document: Any, place: Path_, value: Any) -> Any:
    """The document with another value in one place."""
    if not place:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return changed


def take(document: Any, place: Path_) -> Any:
    """The document without one place."""
    changed = copy.deepcopy(document)
    node = changed
    for step in place[:-1]:
        node = node[step]
    del node[place[-1]]
    return changed


def _raw(yard: Yard, stick: Path, role: str) -> bytes:
    return yard.root if role == "root" else metadata(stick, role).read_bytes()


@pytest.mark.parametrize("role", ["root", *ROLES])
def test_junk_in_any_place_is_refused_or_is_of_the_form(yard, stick, role):
    """The judge of the form says so in a sentence, whatever it is given."""
    document = json.loads(_raw(yard, stick, role))
    for place in places(document):
        variants = [put(document, place, junk) for junk in JUNK]
        if place:
            variants.append(take(document, place))
        told = [_told(judge_metadata, role, compact(variant)) for variant in variants]
        assert all(sentence.isprintable() for sentence in told)
    with pytest.raises(MetadataRefused):
        judge_metadata(role, b'{"signatures":[],"signed":' + b"[" * 5000 + b"]" * 5000 + b"}")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.slow)])
def test_junk_that_is_properly_signed_changes_nothing_but_the_answer(yard, stick, role, step):
    """Whoever stole a key of one role can have a stick refused, or say what that role may say."""
    whole = {path: path.read_bytes() for path in (stick / "metadata").iterdir()}
    signed = json.loads(_raw(yard, stick, role))["signed"]
    anchor = new_anchor(yard.root)
    wanted = [(place, junk) for place in places(signed) if place for junk in JUNK][::step]
    for place, junk in wanted:

        def spoil(document: dict[str, Any], place: Path_ = place, junk: Any = junk) -> None:
            changed = put(document, place, junk)
            document.clear()
            document.update(changed)

        # The test's own signing cannot follow every spoiling; then the stick is judged half signed.
        with suppress(*_CANNOT_SIGN):
            rewrite(yard, stick, role, spoil)
        assert _told(_judge, stick, anchor).isprintable()
        for path, raw in whole.items():
            path.write_bytes(raw)
    assert _told(_judge, stick, anchor) == ""


def _judge(stick: Path, anchor: Anchor) -> None:
    with Stick(stick) as held:
        found = verify_metadata(held, anchor, NOW)
    assert [one.package_id for one in found.packages] == ["demo-1"]


def _told(judge: Callable[..., Any], *words: Any) -> str:
    """The sentence of a refusal, or nothing; whatever else is raised fails the test."""
    try:
        judge(*words)
    except UpdateError as error:
        return error.sentence
    return ""
