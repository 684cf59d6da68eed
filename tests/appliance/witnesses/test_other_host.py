"""The witness on another machine: its file, its sticks, and everything that can be wrong with them."""

import ast
import errno
import json
import os

import pytest

from secure_compute.witness import stick as sticks
from secure_compute.witness.memory_file import alone as alone_with
from secure_compute.witness.memory_file import load, save
from secure_compute.witness.single_file import witness_source
from tests.appliance.witnesses.conftest import Place


@pytest.mark.slow
def test_the_single_file_needs_nothing_and_does_the_whole_round(place, alone, stick, tmp_path):
    key = tmp_path / "w.json"
    made = alone("--key", key, "init", "--name", "host-b/witness")
    assert made.returncode == 0, made.stderr
    assert key.stat().st_mode & 0o777 == 0o600
    assert alone("--key", key, "trust", place.vkey).returncode == 0
    place.service.add("host-b", made.stdout.split()[-1], "user:it")
    for _ in range(3):
        place.work(300)
        place.offer(stick)
        done = alone("--key", key, "cosign", stick)
        assert done.returncode == 0, done.stderr
        assert all(one.ok for one in place.take(stick))
    assert place.service.status().witnesses[0].size == place.service.latest(1 << 62, 1)[0].size
    assert "nothing new" in alone("--key", key, "cosign", stick).stdout
    ast.parse(witness_source(), feature_version=(3, 8))


def test_each_round_leaves_its_own_files(place, other, stick):
    other.meet(place)
    for _ in range(3):
        place.work()
        place.offer(stick)
        assert other.run("cosign", stick)[0] == 0
        place.take(stick)
    names = sorted(path.name for path in stick.rglob("*.txt"))
    assert len([name for name in names if name.startswith("cosigned")]) == 3
    assert len([name for name in names if name.startswith("offer")]) == 3


def test_a_lost_stick_costs_one_more_round(place, other, stick, tmp_path):
    other.meet(place)
    place.work()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    place.work()
    place.offer(fresh)
    status, told = other.run("cosign", fresh)
    assert status == 1
    assert "offer again" in told
    assert all(one.ok for one in place.take(fresh))
    place.offer(fresh)
    assert other.run("cosign", fresh)[0] == 0


def test_wrong_and_empty_sticks(place, other, stick):
    assert other.run("cosign", stick)[0] == 2
    assert other.run("init", "--name", "host-b")[0] == 0
    assert other.run("cosign", stick)[0] == 2
    (stick / "wardbox-witness").mkdir()
    assert other.run("cosign", stick) == (0, "没有见证请求。\nNothing was offered.\n")
    (stick / "wardbox-witness" / "wardbox_test").mkdir()
    assert other.run("cosign", stick)[0] == 0
    place.service.add("host-b", other.vkey(), "user:it")
    place.work()
    (path,) = place.offer(stick)
    status, told = other.run("cosign", stick)
    assert status == 1
    assert "is not known" in told
    assert other.run("trust", place.vkey)[0] == 0
    good = path.read_bytes()
    for bad in (b"", b"old x\n\n", good[:-30], good.replace(b"old 0", b"old 1"), b"\xff" * 100,
                b"old 0\n" + b"AAAA\n" * 70 + good[5:], good + b"x" * (1 << 17)):  # fmt: skip
        path.write_bytes(bad)
        assert other.run("cosign", stick)[0] == 1
    path.write_bytes(good)
    assert other.run("cosign", stick)[0] == 0


def test_two_boxes_of_one_name(place, other, stick, tmp_path):
    other.meet(place)
    twin = Place(tmp_path / "twin", seed=b"\1" * 32)
    try:
        status, told = other.run("trust", twin.vkey)
        assert status == 1
        assert "Another box is known as wardbox/test" in told
        twin.service.add("host-b", other.vkey(), "user:it")
        twin.work(50)
        twin.offer(stick)
        status, told = other.run("cosign", stick)
        assert status == 1
        assert "no valid signature by the box key" in told
        place.work()
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        place.offer(fresh)
        assert other.run("cosign", fresh)[0] == 0
        assert not any(one.ok for one in twin.take(fresh))
        assert twin.doubts() == []
    finally:
        twin.close()


def test_a_witness_with_an_old_file_signs_nothing(place, other, stick):
    other.meet(place)
    kept = other.file.read_bytes()
    place.work()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    other.file.write_bytes(kept)
    status, told = other.run("cosign", stick)
    assert status == 1
    assert "an older copy" in told


def test_what_was_signed_is_remembered_before_it_is_handed_out(place, other, stick, monkeypatch):
    other.meet(place)
    place.work()
    place.offer(stick)

    def full(path, data):
        raise sticks.Unreadable("满", "full")

    monkeypatch.setattr(sticks, "write_new", full)
    assert other.run("cosign", stick)[0] == 2
    size = int(other.run("show")[1].split()[-1])
    assert size > 0
    monkeypatch.undo()
    assert other.run("cosign", stick)[0] == 0
    (taken,) = place.take(stick)
    assert (taken.ok, taken.size) == (True, size)


def test_a_full_stick_is_a_sentence_and_leaves_no_half_file(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(sticks.Unreadable, match="full or read-only"):
        sticks.write_new(tmp_path / "x.txt", b"data")
    assert not (tmp_path / "x.txt").exists()


def test_a_file_that_is_there_is_never_touched(place, other, stick):
    other.meet(place)
    place.work()
    (offer,) = place.offer(stick)
    key_id = other.vkey().split("+")[1]
    size = offer.name.split("-")[1]
    squatter = offer.with_name(f"cosigned-{size}-{key_id}.txt")
    squatter.write_text("half writ")
    assert other.run("cosign", stick)[0] == 0
    assert squatter.read_text() == "half writ"
    assert squatter.with_name(f"cosigned-{size}-{key_id}-2.txt").exists()
    assert [one.ok for one in place.take(stick)] == [True, False] or any(
        one.ok for one in place.take(stick)
    )


def test_a_damaged_file_of_the_witness_is_a_sentence(place, other, stick):
    other.meet(place)
    place.work()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    value = json.loads(other.file.read_text())
    box = value["boxes"]["wardbox/test"]
    for bad in (
        b"",
        b"{}",
        b"[1]",
        json.dumps({**value, "seed": "AAAA"}).encode(),
        json.dumps({**value, "name": 7}).encode(),
        json.dumps({**value, "boxes": {"else": box}}).encode(),
        json.dumps(
            {**value, "boxes": {"wardbox/test": {**box, "note": box["note"][:-9]}}}
        ).encode(),
    ):
        other.file.write_bytes(bad)
        status, told = other.run("cosign", stick)
        assert (status, "damaged" in told) == (2, True), bad


def test_the_file_of_the_witness_is_made_once_and_boxes_can_be_forgotten(place, other):
    other.meet(place)
    kept = other.file.read_bytes()
    assert other.run("init", "--name", "x")[0] == 1
    assert other.file.read_bytes() == kept
    assert other.run("trust", place.vkey)[0] == 0
    assert other.run("trust", "nonsense")[0] == 1
    assert other.run("forget", "wardbox/else")[0] == 1
    assert other.run("forget", "wardbox/test")[0] == 0
    other.file.unlink()
    assert other.run("show")[0] == 2
    assert other.run("init", "--name", "no spaces allowed")[0] == 1


def test_one_bad_box_on_a_stick_keeps_nobody_from_the_others(place, other, stick, monkeypatch):
    other.meet(place)
    place.work()
    (good,) = place.offer(stick)
    strangers = [good.parent.with_name(f"stranger-{n}") for n in range(2)]
    for folder in strangers:
        folder.mkdir()
        content = good.read_text(encoding="utf-8").replace("wardbox/test", "wardbox/else")
        (folder / good.name).write_text(content, encoding="utf-8")
    status, told = other.run("cosign", stick)
    assert status == 1
    assert told.count("is not known") == 2
    assert "cosigned" in told
    assert list(good.parent.glob("cosigned-*"))
    # A medium that fails in the middle is told like any other that cannot be read.
    (stick / "wardbox-witness" / "wardbox_test").rename(stick / "kept")
    for folder in strangers:
        (folder / good.name).unlink()

    def broken(folder):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("secure_compute.witness.program.offers_in", broken)
    assert other.run("cosign", stick)[0] == 2


def test_a_stick_with_too_many_of_one_name_is_a_sentence(place, other, stick, monkeypatch):
    other.meet(place)
    place.work()
    (offer,) = place.offer(stick)
    size, key_id = offer.name.split("-")[1], other.vkey().split("+")[1]
    monkeypatch.setattr(sticks, "MOST_AGAIN", 2)
    offer.with_name(f"cosigned-{size}-{key_id}.txt").write_text("something else")
    status, told = other.run("cosign", stick)
    assert (status, "too many" in told) == (1, True)
    assert offer.with_name(f"cosigned-{size}-{key_id}.txt").read_text() == "something else"


def test_an_older_cosigned_file_after_a_newer_one_changes_nothing(place, other, stick):
    other.meet(place)
    for _ in range(2):
        place.work()
        place.offer(stick)
        assert other.run("cosign", stick)[0] == 0
        place.take(stick)
    folder = next((stick / "wardbox-witness").iterdir())
    older, newer = sorted(folder.glob("cosigned-*.txt"))
    # Names promise nothing: the older one is read last now.
    newer.rename(newer.with_name(older.name.replace("cosigned-0", "cosigned-1") + ".x"))
    older.with_name("cosigned-99999999999999999999-" + older.name.split("-")[2]).write_bytes(
        older.read_bytes()
    )
    place.work()
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0


def test_places_that_take_nothing_are_sentences(other, tmp_path, monkeypatch):
    nowhere = tmp_path / "none" / "w.json"
    for words in (("init", "--name", "x"), ("trust", "wardbox/test+00000000+AAAA")):
        status = other.run("--key", nowhere, *words)[0]
        assert status in {1, 2}
    assert other.run("init", "--name", "host-b")[0] == 0

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kept = other.file.read_bytes()
    own = load(other.file)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(sticks.Unreadable, match="cannot be written"):
        save(other.file, own)
    assert other.file.read_bytes() == kept
    with pytest.raises(sticks.Unreadable, match="cannot be written"), alone_with(nowhere):
        pass
