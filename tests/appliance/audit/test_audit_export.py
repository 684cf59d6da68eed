"""Exports, judged by the verifier that lies beside them: whole, in part, filtered, and tampered with."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from appliance.audit.errors import AuditExportEmpty, AuditExportRefused, AuditExportStopped
from appliance.audit.export import export
from appliance.audit.export_order import Materials, Selection, Watch
from appliance.audit.query import Query
from appliance.audit.rendering.files import FORMATS
from appliance.audit.rendering.meaning import Source
from secure_compute.errors import SignatureInvalid
from secure_compute.note import Note, NoteKey, cosign_note
from secure_compute.signing import SigningKey, VerifyKey
from secure_compute.tlog_proof import TlogProof
from secure_compute.verifier import notes
from secure_compute.verifier.judge import main
from secure_compute.verifier.single_file import verifier_source
from tests.appliance.audit.audit_schema import complaints
from tests.appliance.audit.conftest import note

WITNESS = SigningKey.from_seed(b"w" * 32)
WITNESS_KEY = NoteKey("witness.example", WITNESS.verify_key, 4)


@pytest.fixture
def filled(box):
    log = box.open()
    futures = [log.append(note(number, f"key:{number % 3}")) for number in range(300)]
    for future in futures:
        future.result(10)
    return log


def made_of(log, box, **more) -> Materials:
    return Materials(log.reader, Source("wardbox/test", "box", "1.2"), log.seal, box.clock, **more)


@pytest.fixture
def materials(filled, box):
    return made_of(filled, box)


@pytest.fixture
def judge(tmp_path, capsys):
    def judged(folder: Path, *more: str) -> tuple[int, str]:
        memory = tmp_path / "memory.json"
        memory.unlink(missing_ok=True)
        status = main([str(folder), "--remember", str(memory), *more])
        said = capsys.readouterr()
        return status, said.out + said.err

    return judged


@pytest.fixture
def quick_signatures(monkeypatch):
    """The same judgement of a signature, a thousand times faster; its own tests compare the two."""

    def verify(public: bytes, signature: bytes, message: bytes) -> bool:
        try:
            VerifyKey(public).verify(signature, message)
        except (SignatureInvalid, ValueError):
            return False
        return True

    monkeypatch.setattr(notes, "ed25519_verify", verify)


def lines_in(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_whole_log_verifies_on_a_laptop_with_nothing_installed(materials, tmp_path):
    out = tmp_path / "out"
    report = export(materials, out)
    assert report.entries == report.tree_size == 301
    assert files_of(out) == sorted(
        [
            "SHA256SUMS",
            "box.vkey",
            "cef/events.cef",
            "checkpoint",
            "checkpoints.ndjson",
            "dicom/audit-messages.xml",
            "entries.ndjson",
            "fhir/AuditEvent.ndjson",
            "manifest.json",
            "seal.note",
            "summary.html",
            "tile/0/000",
            "tile/0/001.p/45",
            "tile/1/000.p/1",
            "verify.py",
        ]
    )
    assert (out / "verify.py").read_bytes() == verifier_source()
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(out / "verify.py"), str(out)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        env={"HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "301 entries" in done.stdout
    again = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=out, check=False
    )
    assert again.returncode == 0


def test_each_rendering_has_a_line_for_each_entry(materials, tmp_path):
    out = tmp_path / "out"
    export(materials, out, Selection(first=290))
    indexes = [json.loads(line)["seq"] for line in lines_in(out / "entries.ndjson")]
    events = [json.loads(line) for line in lines_in(out / "fhir/AuditEvent.ndjson")]
    assert [int(event["id"]) for event in events] == indexes == list(range(290, 301))
    lines = lines_in(out / "cef/events.cef")
    assert [int(re.search(r"externalId=(\d+)", line).group(1)) for line in lines] == indexes
    document = (out / "dicom/audit-messages.xml").read_bytes()
    assert len(fromstring(document)) == 11  # noqa: S314  # our own
    messages = document.split(b"\n")[2:-2]
    assert [complaints(message) for message in messages] == [[]] * 11


@pytest.mark.parametrize(
    ("selection", "count", "proofs"),
    [
        (Selection(first=10, last=20), 11, False),
        (Selection(first=300, formats=()), 1, False),
        (Selection(formats=()), 301, False),
        (Selection(filter=Query(actor="key:1")), 100, True),
        (Selection(first=5, last=290, filter=Query(tag="model:*", since=0)), 286, True),
        (Selection(filter=Query(model="m", actor="key:0"), formats=("cef",)), 100, True),
    ],
)
def test_a_part_proves_itself(materials, filled, tmp_path, judge, selection, count, proofs):
    out = tmp_path / "out"
    report = export(materials, out, selection)
    lines = (out / "entries.ndjson").read_bytes().splitlines()
    assert len(lines) == report.entries == count
    assert (out / "proofs.tlog-proof").exists() == proofs
    assert (out / "summary.html").exists() == ("html" in selection.formats)
    status, said = judge(out, "--deep")
    assert status == 0, said
    if proofs:
        texts = (out / "proofs.tlog-proof").read_bytes().split(b"c2sp.org/")[1:]
        for line, text in list(zip(lines, texts, strict=True))[:5]:
            proof = TlogProof.parse(b"c2sp.org/" + text)
            assert proof.index == json.loads(line)["seq"]
            proof.verify(filled.reader.leaf_hash(proof.index), filled.note_key)


def test_nothing_found_is_a_sentence_and_no_folder(materials, tmp_path):
    for formats in (FORMATS, ()):
        with pytest.raises(AuditExportEmpty) as caught:
            export(materials, tmp_path / "out", Selection(filter=Query(actor="x"), formats=formats))
        assert caught.value.way_out
    assert list(tmp_path.glob("*out*")) == []


def test_cosignatures_travel_with_their_checkpoints(filled, box, tmp_path, judge):
    reader = filled.reader
    past = reader.checkpoint()
    filled.append(note(1)).result(10)
    newest = cosign_note(Note.parse(reader.checkpoint().encode()), "witness.example", WITNESS, 99)
    cosigned = {
        301: cosign_note(Note.parse(past.encode()), "witness.example", WITNESS, 98).to_bytes(),
        302: newest.to_bytes(),
    }
    keys = (WITNESS_KEY.vkey,)
    materials = made_of(filled, box, cosigned=lambda _: cosigned.items(), keys=lambda: keys)
    out = tmp_path / "out"
    export(materials, out, Selection(formats=()))
    assert (out / "checkpoint").read_bytes() == newest.to_bytes()
    assert (out / "cosigners.vkey").read_text() == WITNESS_KEY.vkey + "\n"
    status, said = judge(out, "--witness", WITNESS_KEY.vkey)
    assert status == 0, said
    assert "witness.example witnessed the first 302 entries on 1970-01-01 00:01Z" in said
    other = NoteKey("other.example", SigningKey.generate().verify_key, 4)
    status, said = judge(out, "--witness", WITNESS_KEY.vkey, "--witness", other.vkey)
    assert status == 1
    assert "other.example cosigned no checkpoint" in said


def every_damage(folder: Path, step: int):
    """Each file with one byte changed, one removed, one added, cut short, doubled, emptied, gone."""
    for name in files_of(folder):
        path = folder / name
        good = path.read_bytes()
        for at in range(0, len(good), step if len(good) > 2000 else min(step, 41)):
            yield path, good, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        for at in range(0, len(good), max(step, len(good) // 2)):
            yield path, good, good[:at] + good[at + 1 :]
            yield path, good, good[:at] + b" " + good[at:]
        yield path, good, good[:-1]
        yield path, good, good + good
        yield path, good, b""
        yield path, good, None


def check_every_damage(folder: Path, judge, step: int) -> int:
    key, tried = (folder / "box.vkey").read_text(), 0
    for path, good, bad in every_damage(folder, step):
        path.unlink() if bad is None else path.write_bytes(bad)
        status, said = judge(folder, "--box-key", key)
        assert status in {1, 2}, (path, bad, said)
        assert "Traceback" not in said
        tried += 1
        path.write_bytes(good)
    assert judge(folder, "--box-key", key)[0] == 0
    return tried


@pytest.mark.parametrize("query", [None, Query(actor="key:a")])
def test_damage_anywhere_is_refused(box, tmp_path, judge, quick_signatures, query):
    log = box.open()
    for number in range(3):
        log.append(note(number)).result(10)
    export(made_of(log, box), tmp_path / "out", Selection(filter=query))
    assert check_every_damage(tmp_path / "out", judge, 2999) > 150


@pytest.mark.slow
@pytest.mark.parametrize("query", [None, Query(actor="key:a")])
def test_damage_of_every_single_byte_is_refused(box, tmp_path, judge, quick_signatures, query):
    log = box.open()
    for number in range(3):
        log.append(note(number)).result(10)
    export(made_of(log, box), tmp_path / "out", Selection(filter=query))
    assert check_every_damage(tmp_path / "out", judge, 1) > 15_000


def test_files_that_do_not_belong_and_links_are_named(materials, tmp_path, judge):
    out = tmp_path / "out"
    export(materials, out, Selection(formats=()))
    (out / "tile/note.txt").write_text("x")
    status, said = judge(out)
    assert status == 1
    assert "tile/note.txt" in said
    (out / "tile/note.txt").unlink()
    (out / "more").symlink_to(tmp_path)
    assert "'more'" in judge(out)[1]
    (out / "more").unlink()
    (out / "checkpoint").rename(tmp_path / "kept")
    (out / "checkpoint").symlink_to(tmp_path / "kept")
    assert judge(out)[0] == 2


def test_a_place_that_is_not_empty_or_not_writable_is_refused(materials, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    for name in ("full", "file", "link", "file/below"):
        with pytest.raises(AuditExportRefused) as caught:
            export(materials, tmp_path / name)
        assert caught.value.way_out
    (tmp_path / "empty").mkdir()
    assert export(materials, tmp_path / "empty", Selection(formats=())).entries == 301


class StopsAfter(Watch):
    def __init__(self, asked: int) -> None:
        self.asked, self.told = asked, []

    def moved(self, done, total) -> None:
        self.told.append((done, total))

    def stopped(self) -> bool:
        self.asked -= 1
        return self.asked < 0


@pytest.mark.parametrize("asked", [0, 1, 2, 3])
def test_an_export_that_is_stopped_leaves_nothing(materials, tmp_path, asked):
    with pytest.raises(AuditExportStopped):
        export(materials, tmp_path / "place" / "out", Selection(), StopsAfter(asked))
    assert list((tmp_path / "place").iterdir()) == []
    watch = StopsAfter(99)
    export(materials, tmp_path / "place" / "out", Selection(), watch)
    assert watch.told[-1][1] == 301


def test_a_disk_that_fills_up_leaves_nothing(materials, tmp_path, monkeypatch):
    def full(self, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance.audit.export_folder.PartWriter.write", full)
    with pytest.raises(AuditExportRefused, match="No space left"):
        export(materials, tmp_path / "place" / "out")
    assert list((tmp_path / "place").iterdir()) == []


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (5, 4), (0, 301), (400, None)])
def test_a_range_outside_the_log_is_refused(materials, tmp_path, first, last):
    with pytest.raises(AuditExportRefused):
        export(materials, tmp_path / "out", Selection(first, last))
    assert not (tmp_path / "out").exists()


def test_what_is_sealed_is_never_a_checkpoint(filled):
    with pytest.raises(ValueError, match="wardbox/test"):
        filled.seal("wardbox/test\n5\n\n")
    sealed = Note.parse(filled.seal("other\n"))
    assert sealed.text == "other\n"
