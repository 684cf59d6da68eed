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
from appliance.audit.export_order import Selection, Watch
from appliance.audit.query import Query
from appliance.audit.rendering.files import FORMATS
from secure_compute.note import Note, NoteKey, cosign_note
from secure_compute.signing import SigningKey
from secure_compute.tlog_proof import TlogProof
from secure_compute.verifier.single_file import verifier_source
from tests.appliance.audit.audit_schema import complaints
from tests.appliance.audit.conftest import note
from tests.appliance.audit.exporting.conftest import files_of, made_of

WITNESS = SigningKey.from_seed(b"w" * 32)
WITNESS_KEY = NoteKey("witness.example", WITNESS.verify_key, 4)


def lines_in(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


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
