"""What a release tells of its log is what its code does, and two releases are held against each other."""

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.db.widening import NotWidening, digest_of, widens
from appliance.updates.log_forms import OWN, Forms, coming, forms_at, read_forms, require_bearable
from tests.appliance.updates import log_forms


def test_the_file_is_what_the_code_says() -> None:
    assert OWN.read_bytes() == log_forms.document(), "python -m tests.appliance.updates.log_forms"
    own = forms_at(OWN)
    assert own is not None
    assert require_bearable(own, own) == ()
    for form in own:
        assert len(form.spoken) > 8
        assert not [step.id for step in form.steps if "+" in step.id and not widens(step.id)]


def changed(*, database: str = "audit.db", founding: str = "", **more: Any) -> Forms:
    """The forms of this release with one more step, or with other statements."""
    data = json.loads(OWN.read_bytes())
    form = data["databases"][database]
    for name, statements in more.get("steps", {}).items():
        form["steps"].append({"id": f"{name}.{digest_of(statements)}", "statements": statements})
    if founding:
        form["steps"].append({"id": "audit.003-other", "statements": [founding]})
    form["spoken"] += more.get("spoken", [])
    return read_forms(json.dumps(data).encode())


STARS = {"audit.003+stars": ["ALTER TABLE entries ADD COLUMN stars INTEGER"]}


def own() -> Forms:
    found = forms_at(OWN)
    assert found is not None
    return found


def test_a_wider_log_can_be_borne() -> None:
    wider = changed(steps=STARS, spoken=["SELECT stars FROM entries WHERE idx = ?"])
    (step,) = require_bearable(own(), wider)
    assert step.startswith("audit.003+stars.")
    assert coming(own(), wider) == (step,)
    assert require_bearable(wider, own()) == (), "and the way back needs no step"
    bodies = changed(database="bodies.db", steps={"bodies.2+x": ["CREATE TABLE x (a TEXT) STRICT"]})
    assert len(require_bearable(wider, bodies)) == 1


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ({"founding": "CREATE TABLE more (x INTEGER) STRICT"}, "audit.003-other"),
        ({"steps": {"audit.003+x": ["DROP TABLE tiles"]}}, "DROP TABLE tiles"),
        ({"steps": {"audit.003+x": ["ALTER TABLE entries ADD COLUMN tag TEXT"]}}, "duplicate"),
        ({"steps": {"audit.003+x": ["ALTER TABLE nobody ADD COLUMN tag TEXT"]}}, "no such table"),
        ({"spoken": ["SELECT stars FROM entries"]}, "no such column"),
        ({"spoken": ["SELECT * FROM entries"]}, "SELECT *"),
    ],
)
def test_what_cannot_be_borne_is_named(new: dict[str, Any], told: str) -> None:
    with pytest.raises(NotWidening, match=told.replace("*", r"\*")):
        require_bearable(own(), changed(**new))


def test_a_release_after_one_that_was_taken_back_takes_other_names() -> None:
    """On a box that has the columns of the release that was taken back, they cannot be added again."""
    taken_back = changed(steps=STARS)
    again = changed(steps={"audit.003+stars": ["ALTER TABLE entries ADD COLUMN stars TEXT"]})
    with pytest.raises(NotWidening, match="duplicate column name: stars"):
        require_bearable(taken_back, again)
    require_bearable(
        taken_back,
        changed(steps={"audit.004+moons": ["ALTER TABLE entries ADD COLUMN moons TEXT"]}),
    )


def test_a_founding_step_is_never_another_one() -> None:
    data = json.loads(OWN.read_bytes())
    data["databases"]["bodies.db"]["steps"][0]["statements"][0] += " "
    with pytest.raises(NotWidening, match=r"bodies\.1-sealed"):
        require_bearable(own(), read_forms(json.dumps(data).encode()))
    data["databases"]["bodies.db"]["steps"].clear()
    with pytest.raises(NotWidening):
        require_bearable(own(), read_forms(json.dumps(data).encode()))


WHOLE = b'{"format": "wardbox-log-forms-v1"'
NOT_FORMS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "an object": b"{}",
    "no text": b"\xff",
    "no databases": WHOLE + b"}",
    "a list of databases": WHOLE + b', "databases": []}',
    "empty databases": WHOLE + b', "databases": {"audit.db": {}, "bodies.db": {}}}',
    "one database": WHOLE + b', "databases": {"audit.db": {"steps": [], "spoken": []}}}',
    "a text for a list": WHOLE
    + b', "databases": {"audit.db": {"steps": [], "spoken": "SELECT"},'
    + b' "bodies.db": {"steps": [], "spoken": []}}}',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("what", sorted(NOT_FORMS))
def test_what_is_no_form_is_none(what: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):  # whatever JSON calls it
        read_forms(NOT_FORMS[what])
    (tmp_path / "x.json").write_bytes(NOT_FORMS[what])
    assert forms_at(tmp_path / "x.json") is None
    assert forms_at(tmp_path / "none.json") is None
