"""A witness's stick beside an export: what it proves, and all that can be wrong with it."""

from pathlib import Path

import pytest

from secure_compute.merkle import Frontier, MemoryNodes, leaf_hashes
from secure_compute.note import Checkpoint, Note, NoteKey, cosign_note
from secure_compute.signing import SigningKey
from tests.secure_compute.exports import KEY, ORIGIN, export, leaf, leaves
from tests.secure_compute.test_verifier_notes import WITNESS, WITNESS_KEY

OWN = NoteKey(WITNESS[0], WITNESS[1].verify_key, 4)
OTHER = SigningKey.from_seed(b"x" * 32)


def signed(log: list[bytes], size: int, key: SigningKey = KEY) -> Note:
    root = Frontier.from_nodes(MemoryNodes(leaf_hashes(log)), size).root()
    return Checkpoint(ORIGIN, size, root).sign(key)


def cosigned_name(size: int) -> str:
    return f"cosigned-{size:020d}-{OWN.key_id.hex()}.txt"


def lay(stick: Path, log: list[bytes], *sizes: int) -> Path:
    """A stick with an offer and an answer for each size; the folder of the box on it."""
    folder = stick / "wardbox-witness" / "wardbox_box-7"
    folder.mkdir(parents=True, exist_ok=True)
    old = 0
    for size in sizes:
        note = signed(log, size)
        offer = f"old {old}\n\n".encode() + note.to_bytes()
        (folder / f"offer-{size:020d}-from-{old:020d}.txt").write_bytes(offer)
        answer = cosign_note(note, *WITNESS, timestamp=1_800_000_000 + size)
        (folder / cosigned_name(size)).write_bytes(answer.to_bytes())
        old = size
    return folder


@pytest.fixture
def stick(tmp_path):
    return tmp_path / "stick"


@pytest.fixture
def box(auditor, stick):
    """The folder of the box on a stick that witnessed the first 3, 5 and 8 of 9 entries."""
    export(auditor.folder, leaves(9))
    return lay(stick, leaves(9), 3, 5, 8)


def test_a_stick_vouches_for_what_its_witness_saw(auditor, stick, box):
    (box / "notes.txt").write_text("a person's own")
    for place in (stick, stick / "wardbox-witness", box):
        status, text = auditor.judge("--stick", str(place), "--witness", WITNESS_KEY)
        assert status == 0, text
        assert "so do 6 checkpoints on sticks" in text
        assert "w.example witnessed the first 8 entries on 2027-01-15" in text
        assert "were not changed since; the 1 after them bear the box's own signature" in text
    # Without the witness's key its cosignatures say nothing; forks show all the same.
    status, text = auditor.judge("--stick", str(stick))
    assert status == 0, text
    assert "witnessed" not in text


def test_a_witness_that_saw_everything_leaves_nothing_to_the_box(auditor, stick):
    export(auditor.folder, leaves(9))
    lay(stick, leaves(9), 9)
    text = auditor.judge("--stick", str(stick), "--witness", WITNESS_KEY)[1]
    assert "the first 9 entries" in text
    assert "own signature alone" not in text


@pytest.mark.parametrize("name", ["offer", "cosigned"])
def test_every_changed_byte_of_a_file_is_refused_with_its_name(auditor, box, name):
    path = next(one for one in sorted(box.iterdir()) if one.name.startswith(name))
    good = path.read_bytes()
    begin = good.index(b"\n\n") + 2 if name == "offer" else 0
    for at in (*range(begin, len(good), 23), len(good) - 1):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        status, text = auditor.judge("--stick", str(box), "--witness", WITNESS_KEY)
        assert status == 1, at
        assert path.name in text, at
    path.write_bytes(good)
    assert auditor.judge("--stick", str(box), "--witness", WITNESS_KEY)[0] == 0


def test_a_cosignature_that_was_taken_away_is_missed(auditor, box):
    (box / cosigned_name(5)).write_bytes(signed(leaves(9), 5).to_bytes())
    status, text = auditor.judge("--stick", str(box), "--witness", WITNESS_KEY)
    assert status == 1
    assert f"{cosigned_name(5)} lacks the cosignature" in text
    assert auditor.judge("--stick", str(box))[0] == 0  # nobody's key was given


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged, or no offer"),
        (b"scribble", "is damaged, or no offer"),
        (b"old 0\n\nscribble", "no valid signature"),
        (b"x" * (1 << 17) + b"y", "too large"),
        (b"old 0\n\n" + signed(leaves(9), 5, OTHER).to_bytes(), "no valid signature"),
        (b"old 0\n\n" + signed(leaves(9), 5).to_bytes(), "a checkpoint of 5 entries"),
    ],
)
def test_offers_that_are_none(auditor, box, content, words):
    path = box / f"offer-{3:020d}-from-{0:020d}.txt"
    path.write_bytes(content)
    status, text = auditor.judge("--stick", str(box))
    assert status == 1
    assert path.name in text
    assert words in text


def test_a_history_that_was_rewritten_since_is_found(auditor, stick):
    export(auditor.folder, leaves(9))
    lay(stick, [leaf(0, actor="mallory"), *leaves(9)[1:]], 5)
    status, text = auditor.judge("--stick", str(stick))
    assert status == 1
    assert "its history was rewritten, or there are two logs" in text


def test_a_log_that_was_rolled_back_behind_its_witness_is_found(auditor, stick):
    export(auditor.folder, leaves(9))
    lay(stick, leaves(12), 11)
    status, text = auditor.judge("--stick", str(stick), "--witness", WITNESS_KEY)
    assert status == 1
    assert "shows a log of 11 entries, and this export knows 9" in text


def test_the_empty_tree_is_the_beginning_of_every_log(auditor, stick):
    export(auditor.folder, leaves(9))
    lay(stick, leaves(9), 0, 4)
    assert auditor.judge("--stick", str(stick))[0] == 0


def test_a_stick_that_holds_nothing_of_this_box(auditor, stick, tmp_path):
    export(auditor.folder, leaves(9))
    for place in (tmp_path / "nowhere", tmp_path):
        status, text = auditor.judge("--stick", str(place))
        assert status == 2
        assert f"holds no witness's files of {ORIGIN}" in text
