"""Snapshots: what goes in comes out, unchanged files are not read again, names tell nothing."""

import threading
from pathlib import Path

from appliance.backup.creating import Creation
from appliance.backup.repository import Repository
from appliance.backup.target import DirectoryTarget
from appliance.backup.verifying import Verification
from appliance.backup.writing import FileWriter, Wish
from appliance.db.database import Db
from tests.appliance.backup.conftest import MARK, TABLES, SmallBox
from tests.appliance.backup.listening import untold


def restored(repository: Repository, place: Path, number: int | None = None) -> Path:
    place.mkdir()
    index = repository.index()
    entries = repository.manifest(repository.snapshot(number), index)
    FileWriter(repository, index, place, 2, untold).write(map(Wish, entries), 0)
    return place


def test_what_goes_in_comes_out(box: SmallBox, target: DirectoryTarget, tmp_path: Path) -> None:
    made = box.back_up(target)
    assert (made.number, made.tree_size) == (1, 5)
    out = restored(box.repository(target), tmp_path / "out")
    for path in ("settings.toml", "keys/keyring.json", "vault/files/callers/train.jsonl"):
        assert (out / path).read_bytes() == (box.layout.root / path).read_bytes()
    blob, link = out / "vault/files/shelf/blobs/ab", out / "vault/files/shelf/models/tiny/files"
    assert blob.stat().st_ino == (link / "weights.gguf").stat().st_ino
    assert not (out / "keys/root.json").exists()
    assert not (out / "vault/files/uploads").exists()
    with Db(out / "vault/box.db", box.opened.key("box.db"), TABLES) as db, db.read() as rows:
        assert rows["things"].count == 200
    assert Verification(box.repository(target), untold).run().ok


def test_an_unchanged_box_adds_next_to_nothing_and_a_change_adds_itself(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, now: list[float]
) -> None:
    now[0] += 60
    first = box.back_up(target)
    now[0] += 60
    second = box.back_up(target)
    assert second.added < 2000
    assert first.added > 300_000
    (box.layout.caller_files / "more.jsonl").write_bytes(b"new " * 20_000)
    now[0] += 60
    third = box.back_up(target)
    assert third.files == first.files + 1
    assert third.added < 20_000
    out = restored(box.repository(target), tmp_path / "out", 1)
    assert not (out / "vault/files/callers/more.jsonl").exists()


def test_an_insertion_into_a_large_file_costs_a_chunk_or_two(
    box: SmallBox, target: DirectoryTarget, now: list[float]
) -> None:
    import random

    content = random.Random(5).randbytes(12 << 20)  # content, not a secret
    path = box.layout.caller_files / "large.bin"
    path.write_bytes(content)
    now[0] += 60
    box.back_up(target)
    path.write_bytes(content[: 5 << 20] + b"inserted" + content[5 << 20 :])
    now[0] += 60
    assert box.back_up(target).added < 7 << 20


def test_nothing_on_the_target_tells_of_content(box: SmallBox, target: DirectoryTarget) -> None:
    import hashlib

    box.back_up(target)
    blob = (box.layout.shelf / "blobs" / "ab").read_bytes()
    plain = {hashlib.sha256(blob).hexdigest(), hashlib.sha256(blob).hexdigest()}
    for path in Path(target.place).rglob("*"):
        assert path.name not in plain
        if path.is_file():
            content = path.read_bytes()
            assert MARK.encode() not in content
            assert b"caller" not in content
            assert not any(name.encode() in content for name in plain)


def test_writers_go_on_and_the_copy_is_a_state_of_the_database(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    """Another thread commits all the while; each transaction puts two rows or none."""
    stop = threading.Event()
    made = 0

    def write() -> None:
        nonlocal made
        while not stop.is_set():
            box.fill(db, 2)
            made += 2
            if made % 100 == 0:
                with db.write() as tx:
                    tx.execute("DELETE FROM things WHERE id % 7 = 0 AND id > 400 AND id % 2 = 0")

    with box.db() as db:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            counts = []
            for number in range(1, 5):
                box.back_up(target)
                out = restored(box.repository(target), tmp_path / f"out{number}", number)
                key = box.opened.key("box.db")
                with Db(out / "vault/box.db", key, TABLES) as copy, copy.read() as rows:
                    assert next(rows.query("PRAGMA integrity_check"))["integrity_check"] == "ok"
                    assert not list(rows.query("PRAGMA cipher_integrity_check"))
                    counts.append(max(row["id"] for row in rows.query("SELECT id FROM things")))
        finally:
            stop.set()
            writer.join()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
    assert made > 0


def test_a_file_that_changes_right_after_a_snapshot_is_read_again(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    """Same size, same second: the times of files are no proof that near to a snapshot."""
    path = box.layout.caller_files / "train.jsonl"
    box.back_up(target)
    content = path.read_bytes()
    changed = content[:-10] + b"0123456789"
    with path.open("r+b") as stream:
        stream.write(changed)
    box.back_up(target)
    out = restored(box.repository(target), tmp_path / "out")
    assert (out / "vault/files/callers/train.jsonl").read_bytes() == changed


def test_odd_names_come_back(box: SmallBox, target: DirectoryTarget, tmp_path: Path) -> None:
    import os

    odd = os.fsencode(str(box.layout.caller_files)) + b'/\xff\xfe odd\n"name" \xe7\x97\x85'
    with open(odd, "wb") as stream:  # noqa: PTH123  # a name that no text can hold
        stream.write(b"content")
    (box.layout.caller_files / "link").symlink_to("train.jsonl")
    (box.layout.caller_files / "empty").mkdir(mode=0o700)
    (box.layout.caller_files / "nothing").touch()
    box.back_up(target)
    out = restored(box.repository(target), tmp_path / "out") / "vault/files/callers"
    with open(os.fsencode(str(out)) + odd[odd.rfind(b"/") :], "rb") as stream:  # noqa: PTH123
        assert stream.read() == b"content"
    assert (out / "link").readlink() == Path("train.jsonl")
    assert (out / "empty").is_dir()
    assert (out / "nothing").read_bytes() == b""


def test_threads_give_the_same(box: SmallBox, target: DirectoryTarget, tmp_path: Path) -> None:
    (box.layout.caller_files / "much").write_bytes(bytes(range(256)) * 40_000)
    Creation(box.repository(target), box.ours(3), untold).run()
    out = restored(box.repository(target), tmp_path / "out")
    assert (out / "vault/files/callers/much").read_bytes() == bytes(range(256)) * 40_000
