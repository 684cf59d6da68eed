"""The auditor's verifier against manifests that lie, missing and damaged files, and on its own."""

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_compute.canonical import canonical_bytes
from secure_compute.note import NoteKey
from secure_compute.signing import SigningKey
from secure_compute.verifier.ed25519 import ed25519_verify
from secure_compute.verifier.judge import main
from secure_compute.verifier.single_file import verifier_source
from secure_compute.witness.single_file import witness_source
from tests.secure_compute.exports import ORIGIN, VKEY, export, leaves, seal

MANIFESTS = [
    None,
    [],
    5,
    {},
    {"format": "wardbox-audit-export/1"},
    {"format": "wardbox-audit-export/3"},
    {"entries": 4},
    {"entries": None},
    {"bodies": 1},
    {"bodies": True},
    {"first": -1},
    {"last": 99},
    {"first": 3, "last": 1},
    {"tree_size": 4},
    {"tree_size": True},
    {"first": "0"},
    {"origin": "wardbox/other"},
    {"last": 3},
    {"filter": {}},
]


@pytest.mark.parametrize("change", MANIFESTS, ids=str)
def test_manifests_that_lie(auditor, change):
    export(auditor.folder, leaves(5))
    path = auditor.folder / "manifest.json"
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | change if change and isinstance(change, dict) else change))
    for _ in range(2):
        assert auditor.judge()[0] in {1, 2}
        seal(auditor.folder)  # as the box itself could
    assert not auditor.memory.exists()


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "entries.ndjson",
        "checkpoint",
        "checkpoints.ndjson",
        "box.vkey",
        "tile/0/000.p/5",
        "summary.html",
        "SHA256SUMS",
        "seal.note",
    ],
)
def test_missing_files_cannot_be_read(auditor, name):
    export(auditor.folder, leaves(5))
    (auditor.folder / name).unlink()
    assert auditor.judge()[0] == 2
    (auditor.folder / name).mkdir()
    assert auditor.judge()[0] == 2


def test_a_damaged_memory_is_said_and_kept(auditor):
    export(auditor.folder, leaves(5))
    bad = [
        b"{",
        b"[]",
        b"\xff",
        b'{"format":"x"}',
        b'{"format":"wardbox-verify-memory/1","boxes":[]}',
    ]
    entry = {"key": VKEY, "size": 5, "root": "AAAA"}
    wrong = [
        entry,
        entry | {"size": "5"},
        {"key": VKEY},
        7,
        entry | {"size": -1, "root": "A" * 43 + "="},
    ]
    bad += [
        json.dumps({"format": "wardbox-verify-memory/1", "boxes": {ORIGIN: box}}).encode()
        for box in wrong
    ]
    for data in bad:
        auditor.memory.write_bytes(data)
        assert auditor.judge()[0] == 2
        assert auditor.memory.read_bytes() == data
    auditor.forget()
    auditor.memory.mkdir()
    assert auditor.judge()[0] == 2


PARTS = ["manifest.json", "entries.ndjson", "checkpoint", "box.vkey", "SHA256SUMS", "seal.note"]
PARTS += ["checkpoints.ndjson", "summary.html"]


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=80),
    st.sampled_from(PARTS),
)
def test_any_bytes_in_any_file_give_a_sentence(tmp_path_factory, data, name):
    folder = tmp_path_factory.mktemp("fuzz")
    export(folder / "export", leaves(3), history=[2])
    (folder / "export" / name).write_bytes(data)
    assert main([str(folder / "export"), "--remember", str(folder / "m.json")]) in {1, 2}


def test_ed25519_agrees_with_the_library():
    for number in range(12):
        key = SigningKey.from_seed(bytes([number]) * 32)
        message = b"x" * number
        good = key.sign(message)
        assert ed25519_verify(key.verify_key.public, good, message)
        assert not ed25519_verify(key.verify_key.public, good, message + b"y")
        s = int.from_bytes(good[32:], "little") + 2**252 + 27742317777372353535851937790883648493
        assert not ed25519_verify(
            key.verify_key.public, good[:32] + s.to_bytes(32, "little"), message
        )
    for public in (b"\xff" * 32, b"", bytes(31), bytes([2]) + bytes(31)):
        assert not ed25519_verify(public, bytes(64), b"")
    one_with_sign = (1 | 1 << 255).to_bytes(32, "little")
    assert not ed25519_verify(one_with_sign, bytes(64), b"")


def pythons() -> list[str]:
    """Every Python at hand that an auditor might have, the oldest first."""
    names = [f"python3.{minor}" for minor in range(8, 15)]
    kept = Path.home() / ".pyenv/versions"
    found = [str(path) for name in names for path in sorted(kept.glob(f"*/bin/{name}"))]
    system = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    return [*found, *([system] if system else [])]


def test_the_single_file_needs_nothing_but_an_old_python(tmp_path):
    source = verifier_source()
    tree = ast.parse(source, feature_version=(3, 8))
    modules = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert modules == {"argparse", "base64", "hashlib", "io", "json", "os", "re", "stat", "sys"}
    assert b"secure_compute" not in source
    if not pythons():
        pytest.skip("this machine has no Python beside the one that tests")


@pytest.mark.parametrize("made", [verifier_source, witness_source])
def test_no_name_of_a_single_file_means_two_things(made):
    names = [
        name
        for node in ast.parse(made()).body
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            else [
                part.id
                for part in ast.walk(node)
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            ]
        )
    ]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("python", pythons())
@pytest.mark.slow
def test_the_single_file_runs_alone(tmp_path, python):
    witness = ("w.example", SigningKey.from_seed(b"w" * 32))
    body = {"index": 3, "receipt": None, "salt": "AAAA", "texts": {}}
    parts = {"bodies.ndjson": canonical_bytes(body) + b"\n"}
    export(
        tmp_path / "export",
        leaves(300),
        history=[7, 256],
        witness=witness,
        bodies=True,
        parts=parts,
    )
    program = tmp_path / "verify.py"
    program.write_bytes(verifier_source())
    key = NoteKey(witness[0], witness[1].verify_key, 4).vkey

    def run() -> subprocess.CompletedProcess[str]:
        command = [python, "-I", "-W", "error", str(program), str(tmp_path / "export")]
        command += ["--remember", str(tmp_path / "memory"), "--witness", key, "--deep"]
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", env={"LC_ALL": "C"}, check=False
        )

    good = run()
    assert (good.returncode, good.stderr) == (0, "")
    assert "通过" in good.stdout
    assert "w.example witnessed the first 300 entries" in good.stdout
    path = tmp_path / "export/entries.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"seq":17,', b'"seq":71,'))
    bad = run()
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "Entry 17" in bad.stderr
