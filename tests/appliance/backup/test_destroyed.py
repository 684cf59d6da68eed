"""What was erased stays erased, whichever snapshot a box comes out of."""

from pathlib import Path

import pytest

from appliance.audit.reading import Query
from appliance.backup.errors import BoxDestroyed, DestroyedUnreadable
from appliance.backup.target import DirectoryTarget
from appliance.db.database import Db
from appliance.vault.erasure import erase_box, signed
from appliance.vault.errors import SubjectErased
from appliance.vault.migrations import MIGRATIONS
from appliance.vault.subjects import DATASET, PATIENT, SubjectKeys
from secure_compute.destruction import Destruction
from tests.appliance.backup.conftest import ORIGIN, TABLES, SmallBox
from tests.appliance.backup.test_recovering import NEW, opened, recover

AAD = b"entry"


def database(box: SmallBox) -> Db:
    return Db(box.layout.box_db, box.opened.key("box.db"), (*TABLES, *MIGRATIONS))


@pytest.fixture
def bodies(box: SmallBox, target: DirectoryTarget, now: list[float]) -> dict[str, bytes]:
    """Sealed bodies of three patients and a dataset, in the first snapshot; P2 is erased after it."""
    with database(box) as db:
        subjects = SubjectKeys(db, box.opened)
        sealed = {name: subjects.seal(PATIENT, name, b"body", AAD) for name in ("P1", "P2", "P3")}
        sealed["cataract"] = subjects.seal(DATASET, "cataract", b"body", AAD)
    box.age()
    now[0] += 60
    box.back_up(target)
    now[0] += 60
    with database(box) as db:
        SubjectKeys(db, box.opened).erase(PATIENT, "P2")
    return sealed


def readable(new: SmallBox, bodies: dict[str, bytes]) -> list[str]:
    """Whose bodies a restored box can read once its vault was opened as the box opens it."""
    found = []
    with database(new) as db:
        subjects = SubjectKeys(db, new.opened)
        subjects.finish()
        for name, sealed in bodies.items():
            try:
                subjects.open(DATASET if name == "cataract" else PATIENT, name, sealed, AAD)
            except SubjectErased:
                continue
            found.append(name)
    return found


def event(new: SmallBox) -> dict[str, object]:
    log = new.log()
    (entry,) = log.reader.search(Query(tag="backup:box:restore"))
    log.close()
    return dict(entry.event.details)


def test_an_old_snapshot_learns_it_from_the_later_one(
    box: SmallBox,
    target: DirectoryTarget,
    tmp_path: Path,
    bodies: dict[str, bytes],
    now: list[float],
) -> None:
    now[0] += 60
    box.back_up(target)
    made = recover(box, target, tmp_path / "new", number=1, accept_loss=True)
    assert (made.erased, made.erased_until) == (1, int(now[0]))
    new = opened(box, tmp_path / "new", NEW)
    assert event(new)["erased"] == 1
    assert readable(new, bodies) == ["P1", "P3", "cataract"]
    # Nor does anybody get a new key under this name.
    with database(new) as db, pytest.raises(SubjectErased):
        SubjectKeys(db, new.opened).key(PATIENT, "P2")


def test_without_anybody_who_tells_the_restore_says_until_when_it_knows(
    box: SmallBox,
    target: DirectoryTarget,
    tmp_path: Path,
    bodies: dict[str, bytes],
    now: list[float],
) -> None:
    made = recover(box, target, tmp_path / "new")
    assert (made.erased, made.erased_until) == (0, int(now[0]) - 60)
    assert "P2" in readable(opened(box, tmp_path / "new", NEW), bodies)


@pytest.mark.parametrize("kind", ["certificates", "list"])
def test_what_a_person_kept_is_honoured(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, bodies: dict[str, bytes], kind: str
) -> None:
    if kind == "list":
        told = (box.layout.forgotten_file.read_bytes(),)
    else:
        made = (
            Destruction(ORIGIN, PATIENT, "P2", ("patient:00",), ("user:it",), 1_800_000_000),
            Destruction(ORIGIN, DATASET, "cataract", ("dataset:00",), ("user:it",), 1_800_000_000),
            # A patient whom the snapshot does not know: none is made under this name.
            Destruction(ORIGIN, PATIENT, "P9", ("patient:09",), ("user:it",), 1_800_000_000),
        )
        told = tuple(signed(box.opened, one) for one in made)
    found = recover(box, target, tmp_path / "new", destroyed=(*told, *told))
    assert found.erased == len(told)
    new = opened(box, tmp_path / "new", NEW)
    left = ["P1", "P3", "cataract"] if kind == "list" else ["P1", "P3"]
    assert readable(new, bodies) == left
    with database(new) as db:
        gone = "P2" if kind == "list" else "P9"
        with pytest.raises(SubjectErased):
            SubjectKeys(db, new.opened).key(PATIENT, gone)


def test_files_that_tell_nothing_are_refused_before_anything_is_made(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, bodies: dict[str, bytes]
) -> None:
    del bodies
    other = SmallBox(type(box.layout)(tmp_path / "other"), box.clock)
    other.make()
    statement = Destruction(ORIGIN, PATIENT, "P1", ("patient:00",), ("user:it",), 1_800_000_000)
    own, strange = signed(box.opened, statement), signed(other.opened, statement)
    for wrong in (b"something else", strange, own.replace(b"P1", b"P3")):
        with pytest.raises(DestroyedUnreadable, match="2"):
            recover(box, target, tmp_path / "new", destroyed=(own, wrong))
    assert not (tmp_path / "new" / "keys").exists()


def test_a_box_that_was_destroyed_does_not_come_back(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, bodies: dict[str, bytes]
) -> None:
    del bodies
    certificate = erase_box(box.layout, box.opened, ("user:it",), 1_800_000_000, ORIGIN)
    with pytest.raises(BoxDestroyed, match="2027"):
        recover(box, target, tmp_path / "new", destroyed=(certificate,))
    with pytest.raises(BoxDestroyed):
        recover(box, target, box.layout.root)
