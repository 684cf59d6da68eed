"""The witness's program, round after round, against a log that is held in memory."""

import base64
import json
from pathlib import Path

import pytest

from secure_compute.merkle import Frontier, MemoryNodes, consistency_proof, leaf_hashes
from secure_compute.note import Checkpoint, Note, NoteKey, verify_note
from secure_compute.signing import SigningKey
from secure_compute.verifier.reading import Unreadable
from secure_compute.witness import stick
from secure_compute.witness.program import main

BOX = SigningKey.from_seed(b"b" * 32)
LOG = NoteKey("wardbox/test", BOX.verify_key)
NODES = MemoryNodes(leaf_hashes(bytes([number]) for number in range(40)))
TWIN = MemoryNodes(leaf_hashes(b"twin" + bytes([number]) for number in range(40)))


class Host:
    """Another machine with a witness on it, and a stick that goes there and back."""

    def __init__(self, home: Path, capsys) -> None:
        self.file, self.stick, self.capsys = home / "own.json", home / "stick", capsys

    def run(self, *words: object) -> tuple[int, str]:
        status = main(["--key", str(self.file), *map(str, words)], lambda: 1_800_000_000.0)
        told = self.capsys.readouterr()
        return status, told.out + told.err

    def cosign(self) -> tuple[int, str]:
        return self.run("cosign", self.stick)

    @property
    def folder(self) -> Path:
        return self.stick / "wardbox-witness" / "wardbox_test"

    def offer(self, old: int, size: int, nodes: MemoryNodes = NODES, key: SigningKey = BOX) -> Path:
        """Lay an offer of the box onto the stick."""
        proof = consistency_proof(nodes, old, size) if 0 < old < size else []
        note = Checkpoint(LOG.name, size, Frontier.from_nodes(nodes, size).root()).sign(key)
        steps = "".join(f"{base64.b64encode(step).decode()}\n" for step in proof)
        path = self.folder / f"offer-{size:020d}-from-{old:020d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"old {old}\n{steps}\n".encode() + note.to_bytes())
        return path

    def cosigned(self) -> list[Path]:
        return sorted(self.folder.glob("cosigned-*.txt"))


@pytest.fixture
def host(tmp_path, capsys):
    made = Host(tmp_path, capsys)
    assert made.run("init", "--name", "host-b/witness")[0] == 0
    assert made.run("trust", LOG.vkey)[0] == 0
    return made


def test_a_log_that_grows_is_cosigned_each_time(host):
    line = host.run("show")[1].splitlines()[0].split()[-1]
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 21)):
        host.offer(old, size)
        status, told = host.cosign()
        assert status == 0, told
    assert [path.name.split("-")[1] for path in host.cosigned()] == [
        f"{size:020d}" for size in (3, 8, 21)
    ]
    for path in host.cosigned():
        keys = [LOG, NoteKey.parse(line)]
        assert len(verify_note(Note.parse(path.read_bytes()), keys)) == 2
    assert "nothing new" in host.cosign()[1]
    assert host.run("show")[1].splitlines()[1] == "wardbox/test  21"


def test_forks_rollbacks_and_gaps_are_refused(host):
    host.offer(0, 8)
    assert host.cosign()[0] == 0
    (kept,) = host.cosigned()
    kept.unlink()
    host.offer(0, 8).unlink()
    host.offer(0, 5)
    assert "rolled back" in host.cosign()[1]
    host.offer(0, 21)
    status, told = host.cosign()
    assert status == 1
    assert "offer again" in told
    assert host.cosigned()
    host.offer(8, 21, TWIN)
    assert "does not continue" in host.cosign()[1]
    for path in host.folder.glob("offer-*"):
        path.unlink()
    host.offer(0, 8, TWIN)
    assert "does not continue the 8 entries" in host.cosign()[1]


def test_a_box_that_is_unknown_or_another_is_refused(host):
    other = SigningKey.from_seed(b"x" * 32)
    host.offer(0, 3, key=other)
    assert "no valid signature" in host.cosign()[1]
    assert host.run("trust", NoteKey(LOG.name, other.verify_key).vkey)[0] == 1
    assert host.run("trust", LOG.vkey)[0] == 0
    assert host.run("forget", LOG.name)[0] == 0
    assert host.run("forget", LOG.name)[0] == 1
    assert "is not known" in host.cosign()[1]
    # Before anything was cosigned nothing is laid back.
    assert host.run("trust", LOG.vkey)[0] == 0
    host.offer(0, 3).unlink()
    host.offer(2, 9)
    assert host.cosign()[0] == 1
    assert host.cosigned() == []


def test_a_witness_whose_file_is_an_older_copy_signs_nothing(host):
    before = host.file.read_bytes()
    host.offer(0, 8)
    assert host.cosign()[0] == 0
    host.file.write_bytes(before)
    assert "an older copy" in host.cosign()[1]


def test_sticks_that_are_empty_or_none(host, tmp_path):
    assert host.cosign()[0] == 2
    host.folder.parent.mkdir(parents=True)
    assert "Nothing was offered" in host.cosign()[1]
    host.folder.mkdir()
    assert "wardbox_test: nothing was offered" in host.cosign()[1]
    good = host.offer(0, 3)
    whole = good.read_bytes()
    for bad in (
        b"",
        b"old x\n\n" + whole[7:],
        b"old 0\n?\n\n" + whole[7:],
        b"old 0\n" + b"AAAA\n" * 64,
    ):
        good.write_bytes(bad)
        assert host.cosign()[0] == 1


def test_a_stick_that_takes_nothing(host, monkeypatch):
    host.offer(0, 3)

    def full(_handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stick.os, "fsync", full)
        assert host.cosign()[0] == 2
    assert host.cosigned() == []
    with monkeypatch.context() as patch:
        patch.setattr(stick.os, "fsync", full)
        with pytest.raises(Unreadable, match="full or read-only"):
            stick.write_new(host.folder / "half.txt", b"data")
    assert not (host.folder / "half.txt").exists()
    # Written down before it is handed out: with memory that holds it the round is finished.
    with monkeypatch.context() as patch:
        patch.setattr(stick, "write_new", lambda *_: full(0))
        assert host.cosign()[0] == 2
    assert host.cosign()[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value | {"format": "other"},
        lambda value: value | {"seed": "AAAA"},
        lambda value: value | {"seed": 5},
        lambda value: value | {"boxes": {"another": value["boxes"]["wardbox/test"]}},
        lambda value: value | {"boxes": {"wardbox/test": {"key": "none", "note": ""}}},
        lambda value: value | {"boxes": []},
        lambda value: [],
    ],
)
def test_a_file_of_the_witness_that_is_damaged_is_told(host, change):
    host.file.write_text(json.dumps(change(json.loads(host.file.read_text()))))
    status, told = host.run("show")
    assert status == 2
    assert "is damaged" in told


def test_files_and_names_that_cannot_be(host, tmp_path):
    assert "exists already" in host.run("init", "--name", "again")[1]
    host.file.unlink()
    assert "run init first" in host.run("show")[1]
    assert "letters, digits" in host.run("init", "--name", "not a name")[1]
