"""Old disks, forks and forgeries: each is noticed by somebody, told in a sentence and on record."""

import shutil

import pytest

from secure_compute.note import Checkpoint, cosign_note
from secure_compute.signing import SigningKey
from tests.appliance.witnesses.conftest import Place
from tests.fakes.soft_tpm import SoftTpm


@pytest.fixture
def chip(tmp_path):
    with SoftTpm(tmp_path / "tpm") as made:
        yield made


@pytest.fixture
def hardened(tmp_path, chip):
    made = Place(tmp_path / "disk", tcti=chip.tcti)
    yield made
    made.close()


@pytest.mark.slow
def test_a_restart_is_no_rollback_and_an_old_disk_is(hardened, tmp_path):
    place = hardened
    place.work()
    place.service.cosign()
    assert place.service.status().second.kind == "tpm"
    old = place.copied(tmp_path / "old")
    for _ in range(2):
        place.work()
        head = place.service.cosign()
        assert place.service.status().second.trouble is None
        assert len(place.service.cosignatures(head.size)) == 1
        place.close()
        place.open()
    place.put_back(old)
    place.work()
    head = place.service.cosign()
    trouble = place.service.status().second.trouble
    assert trouble is not None
    assert trouble.code == "rolled-back"
    assert place.service.cosignatures(head.size) == []
    place.service.cosign()
    assert place.doubts() == ["rolled-back"]
    # A person who knows why the disk is an old one has another key made.
    place.service.renew("user:it")
    assert place.service.status().second.trouble is None
    keys = place.service.keys()
    assert [one.kind for one in keys] == ["tpm", "tpm"]


@pytest.mark.slow
def test_a_release_that_is_taken_back_with_its_database_is_no_rollback(hardened, tmp_path):
    place = hardened
    place.work()
    place.service.cosign(finer=True)
    place.close()
    shutil.copyfile(place.disk / "box.db", tmp_path / "snapshot.db")
    place.on_trial = True
    for _ in range(3):
        place.open()
        place.work()
        head = place.service.cosign()
        assert place.service.cosignatures(head.size) == []
        place.service.cosign(finer=True)
        place.close()
    for ending in ("", "-wal", "-shm"):
        (place.disk / f"box.db{ending}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "snapshot.db", place.disk / "box.db")
    place.on_trial = False
    place.open()
    place.work()
    head = place.service.cosign()
    assert place.service.status().second.trouble is None
    assert place.service.cosignatures(head.size)


@pytest.mark.slow
def test_a_crash_between_counting_and_noting_is_no_rollback(hardened):
    place = hardened
    place.work()
    place.service.cosign()
    place.close()
    place.open()
    place.work()
    store = place.service._store

    def crash(*_):
        raise KeyboardInterrupt

    store.count, kept = crash, store.count
    with pytest.raises(KeyboardInterrupt):
        place.service.cosign()
    store.count = kept
    place.close()
    place.open()
    place.work()
    head = place.service.cosign()
    assert place.service.status().second.trouble is None
    assert place.service.cosignatures(head.size)


@pytest.mark.slow
def test_the_counter_counts_once_an_hour_and_with_every_start(hardened):
    place = hardened
    place.work()
    place.service.cosign()
    counter = place.service.status().second.counter
    for _ in range(5):
        place.work()
        place.clock.move(600)
        place.service.cosign()
    assert place.service.status().second.counter == counter
    place.clock.move(3600)
    place.work()
    place.service.cosign()
    assert place.service.status().second.counter == counter + 1
    place.work()
    place.service.cosign(finer=True)
    assert place.service.status().second.counter == counter + 2


@pytest.mark.slow
def test_another_tpm_and_none_at_all_are_told_and_stop_nothing(hardened, chip):
    place = hardened
    place.work()
    place.service.cosign()
    chip.stop()
    place.work()
    head = place.service.cosign()
    trouble = place.service.status().second.trouble
    assert trouble is not None
    assert trouble.code == "unavailable"
    assert place.service.cosignatures(head.size) == []
    chip.start()
    place.tcti = chip.tcti
    chip.clear()
    place.close()
    place.open()
    place.work()
    place.service.cosign()
    trouble = place.service.status().second.trouble
    assert trouble is not None
    assert trouble.code == "replaced"
    place.service.renew("user:it")
    assert place.service.status().second.trouble is None


def test_a_log_that_is_put_back_alone_is_noticed_by_what_was_cosigned(place, tmp_path):
    place.work()
    place.service.cosign()
    place.close()
    shutil.copy(place.disk / "audit.db", tmp_path / "audit.db")
    place.open()
    place.work()
    place.service.cosign()
    place.close()
    for path in place.disk.glob("audit.db*"):
        path.unlink()
    shutil.copy(tmp_path / "audit.db", place.disk / "audit.db")
    anchors = [path for path in place.disk.iterdir() if "box.db" not in path.name]
    for path in anchors:
        if path.name != "audit.db":
            path.unlink()
    place.open()
    place.service.cosign()
    trouble = place.service.status().second.trouble
    assert trouble is not None
    assert trouble.code == "rewritten"
    assert place.doubts() == ["rewritten"]


def test_an_old_disk_is_noticed_by_a_witness(place, other, stick, tmp_path):
    other.meet(place)
    place.work()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    assert all(one.ok for one in place.take(stick))
    old = place.copied(tmp_path / "old")
    place.work(40)
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    place.put_back(old)
    place.work(3)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    place.offer(fresh)
    status, told = other.run("cosign", fresh)
    assert status == 1
    assert "rolled back" in told
    # The log grows past what was cosigned, and is another one all the same: what the witness has on
    # the stick is the box's own signature over a history that the box does not have.
    place.work(80)
    (taken,) = [one for one in place.take(stick) if not one.ok]
    assert "rolled back or forked" in taken.en
    assert place.doubts() == ["rewritten"]
    trouble = place.service.status().second.trouble
    assert trouble is not None
    assert trouble.code == "rewritten"


@pytest.mark.slow
def test_a_fork_is_never_cosigned(place, other, stick, tmp_path):
    other.meet(place)
    place.work()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    old = place.copied(tmp_path / "old")
    place.work(10)
    place.take(stick)
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    place.put_back(old)
    place.work(60)
    place.take(stick)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (path,) = place.offer(fresh)
    # The other history offers itself as if it began where the witness stands.
    told = other.run("show")[1]
    size = int(told.split()[-1])
    reader = place.log.reader
    from appliance.witnesses.offering import offer_text

    path.write_text(offer_text(reader, size, reader.size(), reader.checkpoint()), encoding="utf-8")
    before = other.file.read_bytes()
    status, told = other.run("cosign", fresh)
    assert status == 1
    assert "rewritten, or there are two logs" in told
    assert other.file.read_bytes() == before
    assert not list(fresh.rglob("cosigned-*"))


def test_two_roots_of_one_size_are_never_both_cosigned(place, other, stick):
    other.meet(place)
    place.work()
    (path,) = place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    head, _, _ = path.read_text().partition("\n\n")
    size = int(other.run("show")[1].split()[-1])
    forged = Checkpoint("wardbox/test", size, b"\1" * 32).sign(SigningKey.from_seed(bytes(32)))
    path.write_text(f"{head}\n\n{forged.to_bytes().decode()}")
    status, told = other.run("cosign", stick)
    assert status == 1
    assert "rewritten, or there are two logs" in told


def test_forged_and_foreign_cosignatures_are_refused(place, other, stick, tmp_path):
    other.meet(place)
    place.work()
    head = place.service.cosign()
    checkpoint = Checkpoint.parse(head.note.split("\n\n")[0] + "\n")
    own = SigningKey.from_seed(bytes(32))
    stranger = SigningKey.generate()
    signed = checkpoint.sign(own)
    as_known = cosign_note(signed, "host-b/witness", stranger, 1)
    known_id = bytes.fromhex(other.vkey().split("+")[1])
    line = as_known.signatures[-1]
    forged = f"— {line.name} " + __import__("base64").b64encode(known_id + line.signature).decode()
    not_ours = Checkpoint("wardbox/test", 3, b"\2" * 32).sign(SigningKey.generate())
    ours_not = Checkpoint("wardbox/test", 3, b"\2" * 32).sign(own)
    foreign = Checkpoint("wardbox/else", 3, b"\2" * 32).sign(stranger)
    cases = {
        "garbage": b"\xff\x00",
        "empty": b"",
        "unsigned-by-witness": head.note.encode(),
        "stranger": as_known.to_bytes(),
        "forged": head.note.encode() + forged.encode() + b"\n",
        "same-name-other-box": not_ours.to_bytes(),
        "other-box": foreign.to_bytes(),
        "cut": head.note.encode()[:-20],
    }
    taken = place.service.take(list(cases.items()), "user:it")
    assert [one.ok for one in taken] == [False] * len(cases)
    told = {one.name: one.en for one in taken}
    assert "forged or damaged" in told["forged"]
    assert "another box of the same name" in told["same-name-other-box"]
    assert "another box (wardbox/else)" in told["other-box"]
    assert place.doubts() == []
    assert place.service.status().witnesses[0].size is None
    assert ours_not.signatures
