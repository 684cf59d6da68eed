"""Nothing of a box is forgotten by its backups: each place is covered, or left out for a reason."""

from datetime import UTC, datetime
from pathlib import Path

from appliance.backup.coverage import LEFT_OUT, accounted, unaccounted
from appliance.backup.source import survey
from appliance.backup.target import DirectoryTarget
from appliance.bodies.sealing import SealedBody
from appliance.bodies.store import BodyStore
from appliance.settings.layout import StateLayout
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.test_recovering import NEW, opened, recover

ROOT = Path("/box")


def test_every_place_of_the_layout_is_accounted_for() -> None:
    """Whoever gives the state directory a new file decides here whether backups hold it."""
    layout = StateLayout(ROOT)
    names = [name for name in dir(StateLayout) if isinstance(getattr(StateLayout, name), property)]
    paths = {str(getattr(layout, name).relative_to(ROOT)) for name in names} - {"keys", "vault"}
    assert len(paths) > 30
    assert {path for path in paths if not accounted(path)} == set()


def test_what_is_left_out_is_not_in_the_survey(box: SmallBox) -> None:
    (box.layout.exports / "auditor").mkdir(parents=True)
    (box.layout.exports / "auditor" / "copy").write_bytes(b"x")
    (box.layout.keys / "machine.json").write_bytes(b"{}")
    found = {one.entry.path for one in survey(box.layout)}
    assert not [path for path in found for left in LEFT_OUT if f"{path}/".startswith(f"{left}/")]
    assert "vault/files/callers/train.jsonl" in found


def test_a_file_that_nobody_thought_of_is_told(box: SmallBox) -> None:
    (box.layout.vault / "lost+found").mkdir()
    assert unaccounted(box.layout) == ()
    (box.layout.vault / "cursors.db").write_bytes(b"x")
    (box.layout.vault / "cursors.db-wal").write_bytes(b"x")
    (box.layout.root / "somebody").mkdir()
    assert unaccounted(box.layout) == ("somebody", "vault/cursors.db", "vault/cursors.db-wal")


def test_bodies_come_back_while_they_are_written(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    key, body = box.opened.key("bodies.db"), SealedBody(b"r" * 16, None, b"wrapped", b"sealed")
    store = BodyStore.create(box.layout.bodies_db, key, lambda: datetime.now(UTC))
    store.add([body])
    box.back_up(target)
    store.close()
    recover(box, target, tmp_path / "new")
    new = opened(box, tmp_path / "new", NEW)
    back = BodyStore.open(new.layout.bodies_db, new.opened.key("bodies.db"))
    assert back.get(body.receipt) == body
    back.close()
