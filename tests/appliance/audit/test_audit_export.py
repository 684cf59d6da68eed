"""Exports, judged by the verifier that lies beside them, in a process of its own."""

import json
import subprocess
import sys

import pytest

from appliance.audit.errors import AuditExportRefused
from appliance.audit.export import Selection, export
from appliance.audit.reading import Query
from tests.appliance.audit.conftest import note


@pytest.fixture
def filled(box):
    log = box.open()
    futures = [log.append(note(number, f"key:{number % 3}")) for number in range(300)]
    for future in futures:
        future.result(10)
    return log


def judged(directory):
    """Run the verifier on an auditor's laptop: no packages, no environment."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(directory / "verify.py"), str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        env={},
    )
    return done.returncode, done.stdout + done.stderr


def test_the_whole_log_verifies(filled, box, tmp_path):
    out = tmp_path / "out"
    report = export(filled.reader, out, clock=box.clock)
    assert report.entries == report.tree_size == 301
    assert not (out / "proofs.json").exists()
    code, said = judged(out)
    assert code == 0, said
    assert len((out / "entries.ndjson").read_bytes().splitlines()) == 301


@pytest.mark.parametrize(
    "selection",
    [
        Selection(first=10, last=20),
        Selection(first=300),
        Selection(filter=Query(actor="key:1")),
        Selection(first=5, last=290, filter=Query(tag="model:*", since=0)),
        Selection(filter=Query(actor="nobody")),
    ],
)
def test_a_part_verifies_by_its_proofs(filled, box, tmp_path, selection):
    out = tmp_path / "out"
    report = export(filled.reader, out, selection, clock=box.clock)
    lines = (out / "entries.ndjson").read_bytes().splitlines()
    assert len(lines) == report.entries
    proofs = json.loads((out / "proofs.json").read_bytes())
    assert [json.loads(line)["seq"] for line in lines] == [proof["index"] for proof in proofs]
    code, said = judged(out)
    assert code == 0, said


@pytest.mark.parametrize(
    "name", ["entries.ndjson", "checkpoint", "box.vkey", "tile/0/000", "manifest.json"]
)
def test_one_changed_byte_is_refused(filled, box, tmp_path, name):
    out = tmp_path / "out"
    export(filled.reader, out, clock=box.clock)
    content = bytearray((out / name).read_bytes())
    content[len(content) // 2] ^= 1
    (out / name).write_bytes(content)
    code, said = judged(out)
    assert code in {1, 2}, said
    assert "Traceback" not in said


def test_a_line_left_out_is_refused_even_with_a_new_manifest(filled, box, tmp_path):
    from hashlib import sha256

    out = tmp_path / "out"
    export(filled.reader, out, clock=box.clock)
    lines = (out / "entries.ndjson").read_bytes().splitlines(keepends=True)
    shorter = b"".join(lines[:100] + lines[101:])
    (out / "entries.ndjson").write_bytes(shorter)
    manifest = json.loads((out / "manifest.json").read_bytes())
    manifest["files"]["entries.ndjson"] = f"sha256:{sha256(shorter).hexdigest()}"
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    code, said = judged(out)
    assert code == 1, said


def test_a_place_that_is_not_empty_or_not_writable_is_refused(filled, box, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(AuditExportRefused):
        export(filled.reader, tmp_path / "full", clock=box.clock)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AuditExportRefused) as caught:
        export(filled.reader, tmp_path / "file", clock=box.clock)
    assert caught.value.way_out


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (5, 4), (0, 301), (400, None)])
def test_a_range_outside_the_log_is_refused(filled, box, tmp_path, first, last):
    with pytest.raises(AuditExportRefused):
        export(filled.reader, tmp_path / "out", Selection(first, last), clock=box.clock)
    assert not (tmp_path / "out").exists()
