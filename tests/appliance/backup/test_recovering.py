"""A box out of a backup: by the recovery key alone, into an empty place, and never unnoticed."""

from pathlib import Path

import pytest

from appliance.audit.reading import Query
from appliance.backup.errors import (
    BackupAbsent,
    BackupDamaged,
    KeysRefused,
    NewerRecordKnown,
    NewestListDamaged,
    RestoreRefused,
)
from appliance.backup.keyfile import Holder, unlock_document, write_keys
from appliance.backup.past import Kept
from appliance.backup.pruning import Pruning
from appliance.backup.recipients import identity_text, recipient_of
from appliance.backup.recovering import MARKER, Order, Recovery, Restored
from appliance.backup.rules import BACKUP
from appliance.backup.target import DirectoryTarget
from appliance.db.database import Db
from appliance.jobs.job import Job, JobState
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.store import JobStore
from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import read_sealed_root, write_sealed_root
from appliance.vault.offer import Offer
from secure_compute.errors import RecoveryKeyMistyped
from secure_compute.recovery import parse_recovery, recovery_text
from secure_compute.sealed_root import Opener, add_slot, open_root, remove_slot
from secure_compute.secret import Secret
from tests.appliance.backup.conftest import CHEAP, TABLES, PlainFiles, SmallBox
from tests.appliance.backup.listening import untold

NEW = "another passphrase"


def recover(box: SmallBox, target: DirectoryTarget, place: Path, **wishes) -> Restored:
    offer = Offer(wishes.pop("secret", box.recovery), wishes.pop("shares", ()))
    kept = Kept(wishes.pop("checkpoint", None), wishes.pop("destroyed", ()))
    order = Order(offer, NEW, known=kept, **wishes)
    clock = box.vault()._clock  # the same clock
    recovery = Recovery(StateLayout(place), PlainFiles, untold, clock, cost=CHEAP)
    return recovery.run(target, order)


def opened(box: SmallBox, place: Path, secret: str) -> SmallBox:
    new = SmallBox(StateLayout(place), box.clock)
    new.opened = new.vault().unlock(secret)
    return new


def test_a_new_box_by_the_recovery_key_alone(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    snapshot = box.back_up(target)
    place = tmp_path / "new"
    made = recover(box, target, place)
    assert (made.snapshot, made.tree_size, made.known) == (1, snapshot.tree_size, made.tree_size)
    assert made.recovery_key == ""
    assert not (place / MARKER).exists()
    for secret in (NEW, box.recovery):
        new = opened(box, place, secret)
        with new.db() as db, db.read() as rows:
            assert rows["things"].count == 200
        log = new.log()
        (entry,) = log.reader.search(Query(tag="backup:box:restore"))
        assert dict(entry.event.details) == {
            "erased": 0,
            "known": snapshot.tree_size,
            "repository": box.repository_as_is(target).keys.repository,
            "snapshot": 1,
            "tree_size": snapshot.tree_size,
        }
        log.close()
        new.opened.close()
    assert (place / "vault/files/callers/train.jsonl").read_bytes() == (
        box.layout.caller_files / "train.jsonl"
    ).read_bytes()


def test_the_old_passphrase_is_not_on_the_target(box: SmallBox, target: DirectoryTarget) -> None:
    box.back_up(target)
    assert b"passphrase" not in (Path(target.place) / "unlock.json").read_bytes()


def test_wrong_keys(box: SmallBox, target: DirectoryTarget, tmp_path: Path) -> None:
    box.back_up(target)
    place = tmp_path / "new"
    with pytest.raises(KeysRefused):
        recover(box, target, place, secret=recovery_text(Secret.random()))
    typo = box.recovery[:7] + ("0" if box.recovery[7] != "0" else "1") + box.recovery[8:]
    with pytest.raises(RecoveryKeyMistyped, match="2"):
        recover(box, target, place, secret=typo)
    with pytest.raises(KeysRefused):
        recover(box, target, place, secret=identity_text(Secret.random()))
    assert not (place / "keys").exists()
    assert not (place / MARKER).exists()


def test_a_changed_recovery_key_opens_what_the_old_one_made(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.back_up(target)
    old, paper = box.recovery, Secret.random()
    document = read_sealed_root(box.layout)
    root = open_root(document, Opener.recovery(parse_recovery(old)))
    changed = add_slot(document, root, Opener.recovery(Secret(paper.reveal())), CHEAP)
    for slot in document.slots:
        changed = remove_slot(changed, slot.slot_id) if slot.kind == "recovery" else changed
    write_sealed_root(box.layout, changed)
    box.recovery = recovery_text(paper)
    box.repository(target)
    with pytest.raises(KeysRefused):
        recover(box, target, tmp_path / "a", secret=old)
    assert recover(box, target, tmp_path / "b").snapshot == 1


def test_a_further_backup_key_restores_too(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    officer = Secret.random()
    box.back_up(target)
    repository = box.repository_as_is(target)
    recipients = (recipient_of(box.identity), recipient_of(officer))
    write_keys(
        target,
        repository.keys,
        Holder(box.identity, recipients, box.signer.verify_key, "test"),
    )
    made = recover(box, target, tmp_path / "new", secret=identity_text(officer))
    assert made.recovery_key != box.recovery
    opened(box, tmp_path / "new", made.recovery_key).opened.close()


def test_nothing_is_restored_over_anything(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.back_up(target)
    with pytest.raises(RestoreRefused):
        recover(box, target, box.layout.root)
    place = tmp_path / "used"
    (place / "vault").mkdir(parents=True)
    with pytest.raises(RestoreRefused, match="vault"):
        recover(box, target, place)
    with pytest.raises(BackupAbsent):
        recover(box, DirectoryTarget(tmp_path / "used"), tmp_path / "new")


def test_what_an_installer_left_is_no_obstacle(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.back_up(target)
    place = tmp_path / "new"
    (place / "installer").mkdir(parents=True)
    (place / "settings.toml").write_text("[box]\nname = 'fresh'\n")
    recover(box, target, place)
    assert "test" in (place / "settings.toml").read_text()
    assert "fresh" in (place / "settings.toml.before-restore").read_text()


def test_an_older_snapshot_is_not_restored_unnoticed(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    first = box.back_up(target)
    later = box.record(10)
    now[0] += 60
    second = box.back_up(target)
    assert second.tree_size == later
    with pytest.raises(NewerRecordKnown, match=str(second.tree_size)):
        recover(box, target, tmp_path / "new", number=1)
    made = recover(box, target, tmp_path / "new", number=1, accept_loss=True)
    assert (made.tree_size, made.known) == (first.tree_size, second.tree_size)
    log = opened(box, tmp_path / "new", NEW).log()
    (entry,) = log.reader.search(Query(tag="backup:box:restore"))
    assert entry.event.details["known"] == second.tree_size
    log.close()


def test_a_checkpoint_that_somebody_kept_counts(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.back_up(target)
    box.record(5)
    log = box.log()
    note = log.reader.checkpoint().encode()
    size = log.reader.size()
    log.close()
    # So does the one that lies beside the log on the old disk.
    anchor = box.layout.audit_db.with_name("audit.db.anchor").read_bytes()
    for kept, known in ((note, size), (anchor, size + 1)):
        with pytest.raises(NewerRecordKnown, match=str(known)):
            recover(box, target, tmp_path / "new", checkpoint=kept)
    with pytest.raises(RestoreRefused):
        recover(box, target, tmp_path / "new", checkpoint=note.replace(b"wardbox/test", b"other"))


def test_a_rotated_root_key_does_not_lose_old_snapshots(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    box.back_up(target)
    document = read_sealed_root(box.layout)
    before = box.opened.root_id
    box.opened.rotate_root(document, lambda root: None)
    assert box.opened.root_id != before
    now[0] += 60
    box.back_up(target)
    for number in (1, 2):
        place = tmp_path / f"new{number}"
        recover(box, target, place, number=number, accept_loss=True)
        opened(box, place, NEW).opened.close()


def test_a_forged_recovery_file_opens_nothing(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    """Somebody who can write to the target puts a vault of his own there."""
    box.back_up(target)
    other = SmallBox(StateLayout(tmp_path / "other"), box.clock)
    other.make()
    forged = unlock_document(
        read_sealed_root(other.layout), other.opened.wrapped("backup-identity")
    )
    target.write("unlock.json", forged)
    with pytest.raises(KeysRefused):
        recover(box, target, tmp_path / "new")


def test_a_restored_box_does_not_go_on_with_the_backup_that_it_came_from(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    """It would push out the snapshot of that day, unasked, beside an old box that may be alive."""
    tables = (*TABLES, *JOBS)
    with Db(box.layout.box_db, box.opened.key("box.db"), tables) as db:
        store = JobStore(db)
        for number, kind in enumerate((BACKUP, BACKUP, "train")):
            rest = (None, None, None, None, None, 0, True)
            store.add(Job(f"job_{number}", kind, JobState.QUEUED, "box", {}, 1.0, *rest))
        store.move("job_0", JobState.RUNNING, 2.0)
        store.move("job_2", JobState.RUNNING, 2.0)
    box.back_up(target)
    recover(box, target, tmp_path / "new")
    new = opened(box, tmp_path / "new", NEW)
    with Db(new.layout.box_db, new.opened.key("box.db"), tables) as db:
        store = JobStore(db)
        states = {one.id: one.state for one in store.newest(9, None)}
        assert states == {
            "job_0": JobState.FAILED,
            "job_1": JobState.FAILED,
            "job_2": JobState.RUNNING,
        }
        fault = store.get("job_0").fault
        assert fault is not None
        assert fault.code == "backup.begun-before-restore"
        assert store.events("job_0", 0, 9)[-1].event == "failed"
    new.opened.close()


def test_a_damaged_newest_list_leaves_the_older_one_to_who_accepts_the_loss(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    for number in range(3):
        (box.layout.caller_files / "more").write_text(f"{number}" * 1000)
        now[0] += 86_400
        box.back_up(target)
    Pruning(box.repository_as_is(target), box.signer, untold).run([2, 3])
    newest = max(Path(target.place, "lists").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(NewestListDamaged, match="generation 3"):
        recover(box, target, tmp_path / "new")
    assert not any((tmp_path / "new").iterdir())
    made = recover(box, target, tmp_path / "new", accept_loss=True)
    assert (made.snapshot, made.older_list) == (3, True)
    assert (tmp_path / "new/vault/files/callers/more").read_text() == "2" * 1000
    # The box itself never goes by an older list, and where none can be read nobody does.
    with pytest.raises(BackupDamaged):
        box.back_up(target)
    for path in Path(target.place, "lists").iterdir():
        path.write_bytes(b"rubbish")
    with pytest.raises(BackupDamaged):
        recover(box, target, tmp_path / "none", accept_loss=True)
