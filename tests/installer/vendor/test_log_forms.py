"""A release that the ones before could not follow back is refused before it is signed."""

import json
from pathlib import Path

import pytest

from appliance.db.widening import digest_of
from appliance.updates.log_forms import OWN, PLACE
from appliance.updates.manifest import Requires
from installer.vendor.errors import VendorLogFormRefused
from tests.installer.vendor.yard import Yard


def tree(place: Path, **steps: str) -> Path:
    """A release of one file more than what it tells of its log."""
    data = json.loads(OWN.read_bytes())
    for name, statement in steps.items():
        form = data["databases"]["bodies.db" if name.startswith("bodies") else "audit.db"]
        mark = name.replace("_", ".", 1).replace("__", "+")
        step = f"{mark}.{digest_of([statement])}" if "+" in mark else mark
        form["steps"].append({"id": step, "statements": [statement]})
    (place / PLACE).parent.mkdir(parents=True)
    (place / PLACE).write_text(json.dumps(data))
    (place / "run").write_text(place.name)
    return place


WIDER = {"audit_003__stars": "ALTER TABLE entries ADD COLUMN stars INTEGER"}
OTHER = {"audit_003__stars": "ALTER TABLE entries ADD COLUMN stars TEXT"}


def test_releases_that_widen_the_log_follow_each_other(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "v")
    yard.add_files("software", "wardbox", "1.0", tree(tmp_path / "a"))
    yard.add_files("software", "wardbox", "1.1", tree(tmp_path / "b", **WIDER))
    more = {"bodies_2__x": "CREATE TABLE x (a TEXT) STRICT"}
    yard.add_files("software", "wardbox", "1.2", tree(tmp_path / "c", **WIDER, **more))
    yard.add_files("software", "wardbox", "0.9", tree(tmp_path / "d"))


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ({"audit_003-more": "CREATE TABLE more (x INTEGER) STRICT"}, "1.1: audit.003-more"),
        ({"audit_003__more": "DROP TABLE checkpoints"}, "DROP TABLE checkpoints"),
        # On a box that took 1.1 back, the column is there already.
        (OTHER, "1.1: audit.003+stars"),
    ],
)
def test_a_release_that_does_more_is_refused(
    tmp_path: Path, steps: dict[str, str], told: str
) -> None:
    yard = Yard(tmp_path / "v")
    yard.add_files("software", "wardbox", "1.1", tree(tmp_path / "a", **WIDER))
    with pytest.raises(VendorLogFormRefused) as refused:
        yard.add_files("software", "wardbox", "1.2", tree(tmp_path / "b", **steps))
    assert told in refused.value.sentence
    assert not (tmp_path / "v/stock/software/wardbox/1.2").exists()


def test_only_releases_that_it_may_follow_count(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "v")
    yard.add_files("software", "wardbox", "1.1", tree(tmp_path / "a", **WIDER))
    yard.add_files("software", "wardbox", "1.2", tree(tmp_path / "b"))
    words = {"requires": Requires(("1.2",))}
    yard.add_files("software", "wardbox", "1.3", tree(tmp_path / "c", **OTHER), **words)


def test_a_release_that_tells_nothing_or_nonsense(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "v")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "run").write_text("x")
    yard.add_files("software", "wardbox", "1.0", bare)
    yard.add_files("software", "wardbox", "1.1", tree(tmp_path / "a"))
    with pytest.raises(VendorLogFormRefused):
        yard.add_files("software", "wardbox", "1.2", bare)
    (tmp_path / "a" / PLACE).write_text("{}")
    with pytest.raises(VendorLogFormRefused):
        yard.add_files("software", "wardbox", "1.3", tmp_path / "a")
