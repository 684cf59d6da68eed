"""`wardbox trial`: a release tried on the log, by its own words and those of the release before it."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.audit.event import Event
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.schema import MIGRATIONS
from appliance.commands import trial
from appliance.commands.errors import RecordFormChanges
from appliance.db.migration import Migration
from appliance.db.widening import widening
from appliance.settings.layout import StateLayout
from appliance.updates import log_proof
from appliance.updates.log_forms import OWN, PLACE
from secure_compute.signing import SigningKey
from tests.appliance.updates import log_forms

KEY = bytes(range(32))
TRIAL = "0123456789abcdef"
STARS = widening("audit.003+stars", "ALTER TABLE entries ADD COLUMN stars INTEGER")
OTHER = Migration("audit.003-other", lambda db: db.execute("CREATE TABLE more (x INTEGER) STRICT"))


class Opened:
    """A vault that is open."""

    def key(self, _use: str) -> bytes:
        return KEY


def forms(*more: Migration) -> bytes:
    """What a release with these steps tells."""
    data = json.loads(OWN.read_bytes())
    data["databases"]["audit.db"]["steps"] += log_forms.heard((*MIGRATIONS, *more))[2:]
    return json.dumps(data).encode()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trial.Bench:
    layout = StateLayout(tmp_path / "s")
    for folder in (layout.vault, layout.run):
        folder.mkdir(parents=True)
    old = layout.software / "releases/old"
    (old / PLACE).parent.mkdir(parents=True)
    (old / PLACE).write_bytes(OWN.read_bytes())
    record = {
        "format": "wardbox-apply-v1",
        "id": TRIAL,
        "state": "assembled",
        "old": str(old),
        "new": str(trial._HOUSE),
    }
    (layout.software / "journal.json").write_text(json.dumps(record))
    monkeypatch.setattr(log_proof, "MANY", 400)
    identity = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
    scribe = OwnScribe(layout.audit_db, KEY, identity, lambda: datetime.now(UTC), time.monotonic)
    scribe.open()
    scribe.commit([Event("audit:log:verify", "box")] * 10, clean=True)
    scribe.release()
    return trial.Bench(layout, layout.software, TRIAL)


def becomes(monkeypatch: pytest.MonkeyPatch, place: Path, *more: Migration) -> None:
    """From now on the code is that of a release with more steps."""
    steps = (*MIGRATIONS, *more)
    monkeypatch.setattr("appliance.audit.store.MIGRATIONS", steps)
    monkeypatch.setattr(log_proof, "AUDIT", steps)
    (place / "own.json").write_bytes(forms(*more))
    monkeypatch.setattr("appliance.updates.log_forms.OWN", place / "own.json")


def told(bench: trial.Bench, content: dict[str, Any]) -> None:
    (bench.layout.run / trial.REPORT).write_text(json.dumps({"trial": TRIAL, **content}))


def left(bench: trial.Bench) -> list[str]:
    return sorted(path.name for path in bench.layout.trial.glob("*"))


def test_new_old_and_new_again(
    bench: trial.Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: Any = Opened()
    before = bench.layout.audit_db.read_bytes()
    with monkeypatch.context() as new:
        becomes(new, tmp_path, STARS)
        assert trial._prove_log(bench, opened) == (STARS.id,)
    told(bench, {"word": "rehearse", "version": "2", "migrations": ["x", STARS.id]})
    with monkeypatch.context() as old:
        old.setattr(trial, "_HOUSE", bench.place / "releases/old")
        said = trial.reread(bench, opened)
    assert said == {"version": "2", "migrations": ["x", STARS.id], "events": 700}
    assert left(bench)
    with monkeypatch.context() as new:
        becomes(new, tmp_path, STARS)
        assert trial.reread(bench, opened)["events"] == 1000
    assert left(bench) == []
    assert trial.reread(bench, opened)["version"] == "2", (
        "and where nothing is left it says no more"
    )
    assert bench.layout.audit_db.read_bytes() == before


@pytest.mark.parametrize("why", ["another step", "an old release", "what it cannot read"])
def test_what_the_release_before_cannot_bear_is_refused_and_leaves_nothing(
    bench: trial.Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    opened: Any = Opened()
    before = bench.layout.audit_db.read_bytes()
    if why == "an old release":
        (bench.place / "releases/old" / PLACE).unlink()
    with monkeypatch.context() as new, suppress(RecordFormChanges):
        becomes(new, tmp_path, OTHER if why == "another step" else STARS)
        trial._prove_log(bench, opened)
        assert why == "what it cannot read"
    if why == "what it cannot read":
        path = bench.layout.trial / f"{TRIAL}-log.json"
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "size": 401}))
        with pytest.raises(RecordFormChanges):
            trial.reread(bench, opened)
    assert left(bench) == []
    assert bench.layout.audit_db.read_bytes() == before


def test_a_release_that_changes_nothing_leaves_no_log(bench: trial.Bench) -> None:
    opened: Any = Opened()
    assert trial._prove_log(bench, opened) == ()
    assert left(bench) == []
