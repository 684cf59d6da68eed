"""Snapshots: what goes in comes out, unchanged files are not read again, names tell nothing."""

from pathlib import Path

from appliance.backup.ours import untold
from appliance.backup.repository import Repository
from appliance.backup.target import DirectoryTarget
from appliance.backup.verifying import Verification
from appliance.backup.writing import FileWriter, Wish
from appliance.db.database import Db
from tests.appliance.backup.conftest import TABLES, SmallBox


def restored(repository: Repository, place: Path, number: int | None = None) -> Path:
    place.mkdir()
    index = repository.index()
    entries = repository.manifest(repository.snapshot(number), index)
    FileWriter(repository, index, place, 2, untold).write(map(Wish, entries), 0)
    return place


def test_what_goes_in_comes_out(box: SmallBox, target: DirectoryTarget, tmp_path: Path) -> None:
    made = box.back_up(target)
    assert (made.number, made.tree_size) == (1, 7)
    out = restored(box.repository(target), tmp_path / "out")
    for path in ("settings.toml", "keys/keyring.json", "vault/files/callers/train.jsonl"):
        assert (out / path).read_bytes() == (box.layout.root / path).read_bytes()
    blob, link = out / "vault/files/shelf/blobs/ab", out / "vault/files/shelf/models/tiny/files"
    assert blob.stat().st_ino == (link / "weights.gguf").stat().st_ino
    assert not (out / "keys/root.json").exists()
    assert not (out / "vault/files/uploads").exists()
    with Db(out / "vault/box.db", box.box_key, TABLES) as db, db.read() as rows:
        assert rows["things"].count == 200
    assert Verification(box.repository(target), untold).run().ok
