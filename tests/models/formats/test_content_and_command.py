"""Content decides, not names; and the command line says so in one stable JSON shape."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from models.__main__ import main
from models.formats.inspect import inspect_file
from models.formats.rules import RULES
from tests.models.formats.build import gguf_bytes, safetensors_bytes

ROOT = Path(__file__).resolve().parents[3]


def samples() -> Path:
    data = Path(os.environ.get("WARDBOX_DATA", ROOT.parent / "shared"))
    folder = data / "fixtures" / "badfiles"
    if not folder.is_dir():
        pytest.skip("the hostile samples are not here: set WARDBOX_DATA")
    return folder


def test_every_hostile_sample_is_judged_as_labelled() -> None:
    folder = samples()
    rows = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    # One sample labelled bad is byte for byte the good baseline; content cannot tell them apart.
    good = {row["sha256"] for row in rows if row["ok"] is True}
    # The samples left to policy are all refused: no dimensions, trailing bytes, template bomb,
    # tensor name that climbs out.
    for row in rows:
        kind = row["file"].split("/")[0]
        if kind in {"gguf", "safetensors"}:
            accepted = row["sha256"] in good
            assert inspect_file(folder / row["file"]).accepted is accepted, row


def test_every_pickle_sample_is_refused_as_code() -> None:
    files = [p for p in (samples() / "picklescan").rglob("*") if p.is_file()]
    assert files
    for path in files:
        if path.name != "LICENSE":
            verdict = inspect_file(path)
            assert verdict.code == "model.carries-code", path.name
            assert not verdict.accepted


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [[1, "a"], {"w": [0.5] * 200}, ("x", None, True), b"abc", 7])
def test_any_pickle_under_any_name(protocol: int, value: object, tmp_path: Path) -> None:
    for name in ("m.gguf", "m.safetensors", "m.bin", "m"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(value, protocol=protocol))
        assert inspect_file(path).code == "model.carries-code"


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        (b"\x93NUMPY\x01\x00", "numpy-object"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (b"\x1f\x8b\x08\x00", "archive"),
        (b"\x78\x9c\x00\x00", "joblib"),
        (b"\x7fELF\x02", "program"),
        (b"#!/bin/sh\n", "program"),
        (b"\0" * 257 + b"ustar", "archive"),
        (b"hello", "unknown"),
        (b"", "empty"),
    ],
)
def test_other_formats_are_named(head: bytes, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "m.model"
    path.write_bytes(head)
    verdict = inspect_file(path)
    assert (verdict.accepted, verdict.rule, verdict.kind) == (False, rule, "unknown")


def test_a_model_that_is_also_a_zip_is_refused(tmp_path: Path) -> None:
    for content in (gguf_bytes(), safetensors_bytes()):
        path = tmp_path / "m.bin"
        path.write_bytes(content)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("data.pkl", b"\x80\x04.")
            archive.comment = b"comment"
        assert inspect_file(path).rule == "zip"


def test_rules_speak_both_languages() -> None:
    for rule, (zh, en) in RULES.items():
        assert rule.replace("-", "").isalnum()
        assert any("\u4e00" <= char <= "\u9fff" for char in zh)
        assert en.isascii()


def run(*arguments: str) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, "-m", "models", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_the_command_answers_in_json(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.gguf", tmp_path / "bad.gguf"
    good.write_bytes(gguf_bytes())
    bad.write_bytes(gguf_bytes()[:-1])
    status, wire = run("model", "inspect", str(good), "--json", "--sha256")
    assert status == 0
    assert wire["accepted"] is True
    assert wire["summary"]["architecture"] == "llama"
    assert len(wire["sha256"]) == 64
    status, wire = run("model", "inspect", str(bad), "--json")
    assert (status, wire["accepted"], wire["kind"]) == (1, False, "gguf")
    assert wire["code"] == "model.gguf-malformed"
    assert wire["reason"]["zh"]
    assert wire["way_out"]["en"]
    assert set(wire) >= {
        "file",
        "accepted",
        "kind",
        "code",
        "reason",
        "way_out",
        "summary",
        "bytes",
    }
    status, wire = run("model", "inspect", str(tmp_path / "none"), "--json")
    assert (status, wire["code"]) == (2, "model.unreadable")


def test_odd_paths_are_sentences_and_valid_json(tmp_path: Path) -> None:
    for path in ("x" * 5000, str(tmp_path / ("y" * 300) / "m.gguf")):
        status, wire = run("model", "inspect", path, "--json")
        assert (status, wire["code"]) == (2, "model.unreadable")
    odd = os.fsdecode(bytes(tmp_path) + b"/\xff.gguf")
    Path(odd).write_bytes(gguf_bytes())
    status, wire = run("model", "inspect", odd, "--json")
    assert status == 0
    assert wire["file"].endswith("/\ufffd.gguf")


def test_the_command_speaks_to_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.gguf"
    good.write_bytes(gguf_bytes())
    assert main(["model", "inspect", str(good)]) == 0
    assert "接受 accepted" in capsys.readouterr().out
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x04N.")
    assert main(["model", "inspect", str(tmp_path / "bad.pkl")]) == 1
    assert "拒绝 refused" in capsys.readouterr().out
    assert main(["model", "inspect", str(tmp_path / "none")]) == 2
    assert "Cannot read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["model", "destroy"])
    assert caught.value.code == 2


def test_help_is_light() -> None:
    code = (
        "import sys; from models.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch','jinja2','numpy','gguf','models.training') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout.strip().endswith("[]")
