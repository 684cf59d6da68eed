"""The auditor's verifier against good, tampered, cut, rewritten and nonsensical exports."""

import ast
import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_compute.canonical import canonical_bytes
from secure_compute.merkle import MemoryNodes, inclusion_proof, leaf_hashes
from secure_compute.note import Checkpoint, NoteKey
from secure_compute.signing import SigningKey
from secure_compute.tiles import tile_bytes, tiles_of
from secure_compute.verifier.ed25519 import ed25519_verify
from secure_compute.verifier.judge import main
from secure_compute.verifier.single_file import verifier_source

ORIGIN = "wardbox/box-7"
KEY = SigningKey.from_seed(b"k" * 32)
VKEY = NoteKey(ORIGIN, KEY.verify_key).vkey


def leaf(seq: int, **more) -> bytes:
    return canonical_bytes(
        {"actor": "用户", "seq": seq, "tag": "t", "time": 1000 + seq // 2} | more
    )


def leaves(count: int) -> list[bytes]:
    return [leaf(seq) for seq in range(count)]


def export(folder: Path, log: list[bytes], *, pick=None, first=0, last=None, key=KEY, lines=None):
    """Write an export; `pick` filters by index, `lines` replaces what the entries file says."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    nodes, size = MemoryNodes(leaf_hashes(log)), len(log)
    last = size - 1 if last is None else last
    indices = [i for i in range(first, last + 1) if pick is None or pick(i)]
    lines = [log[i] for i in indices] if lines is None else lines
    parts = {
        "entries.ndjson": b"".join(line + b"\n" for line in lines),
        "checkpoint": Checkpoint(ORIGIN, size, nodes.frontier.root()).sign(key).to_bytes(),
        "box.vkey": NoteKey(ORIGIN, key.verify_key).vkey.encode() + b"\n",
    } | {tile.path: tile_bytes(nodes, tile) for tile in tiles_of(size)}
    if pick or (first, last) != (0, size - 1):
        proofs = [
            {
                "index": i,
                "proof": [base64.b64encode(h).decode() for h in inclusion_proof(nodes, i, size)],
            }
            for i in indices
        ]
        parts["proofs.json"] = json.dumps(proofs).encode()
    for name, data in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    manifest = {
        "format": "wardbox-audit-export/1",
        "origin": ORIGIN,
        "first": first,
        "last": last,
        "tree_size": size,
        "files": {
            name: "sha256:" + hashlib.sha256(data).hexdigest() for name, data in parts.items()
        },
        "created": "2030-01-01T00:00:00Z",
        "filter": {"actor": "x"} if pick else None,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


class Auditor:
    def __init__(self, home: Path, capsys) -> None:
        self.folder, self.memory, self.capsys = home / "export", home / "memory.json", capsys

    def judge(self, *more: str) -> tuple[int, str]:
        status = main([str(self.folder), "--remember", str(self.memory), *more])
        out = self.capsys.readouterr()
        assert "Traceback" not in out.err
        return status, out.out + out.err

    def forget(self) -> None:
        self.memory.unlink(missing_ok=True)


@pytest.fixture
def auditor(tmp_path, capsys):
    return Auditor(tmp_path, capsys)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 700])
def test_a_good_export_passes_twice(auditor, size):
    export(auditor.folder, leaves(size))
    status, text = auditor.judge()
    assert status == 0, text
    assert VKEY in text
    assert "首次" in text
    status, text = auditor.judge()
    assert status == 0, text
    assert f"{size} entries seen last time" in text


@pytest.mark.parametrize("old", [0, 1, 3, 256, 300, 511, 512, 699])
@pytest.mark.parametrize("partial", [False, True])
def test_a_grown_log_continues_the_last_visit(auditor, old, partial):
    export(auditor.folder, leaves(old))
    assert auditor.judge()[0] == 0
    export(auditor.folder, leaves(700), pick=(lambda i: i % 97 == 5) if partial else None)
    status, text = auditor.judge()
    assert status == 0, text


def test_ranges_and_filters_pass_with_proofs(auditor):
    log = leaves(300)
    for more in (
        {"first": 10, "last": 20},
        {"first": 299},
        {"pick": lambda i: i == 7},
        {"pick": lambda i: i > 999},
    ):
        export(auditor.folder, log, **more)
        status, text = auditor.judge()
        assert status == 0, text
        assert "exported" in text


TAMPERED = {
    "changed": (
        lambda log: [*log[:40], leaf(40, actor="mallory"), *log[41:]],
        "entry 40 was altered",
    ),
    "one byte": (
        lambda log: [*log[:40], log[40].replace("用户".encode(), "用尸".encode()), *log[41:]],
        "第 40 条",
    ),
    "removed": (lambda log: log[:40] + log[41:], "Entry 40 carries number 41"),
    "removed last": (lambda log: log[:-1], "300 entries, the export 299"),
    "removed and renumbered": (lambda log: [*log[:40], *(leaf(n) for n in range(40, 299))], "299"),
    "added": (lambda log: [*log[:40], log[39], *log[40:]], "Entry 40 carries number 39"),
    "added last": (lambda log: [*log, leaf(300)], "301"),
    "reordered": (
        lambda log: [*log[:40], log[41], log[40], *log[42:]],
        "Entry 40 carries number 41",
    ),
    "older": (lambda log: [*log[:40], leaf(40, time=3), *log[41:]], "older than"),
    "empty line": (lambda log: [*log[:40], b"", *log[40:]], "ntry 40"),
    "no JSON": (lambda log: [*log[:40], b"\xff{", *log[41:]], "ntry 40"),
    "deep": (lambda log: [*log[:40], b"[" * 99_999, *log[41:]], "ntry 40"),
    "more after": (lambda log: [*log[:40], log[40] + b"{}", *log[41:]], "ntry 40"),
    "no object": (lambda log: [*log[:40], b"[]", *log[41:]], "Entry 40"),
    "true is no number": (lambda log: [log[0], leaf(True), *log[2:]], "Entry 1"),
    "no entries": (lambda log: [], "0"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_entries_are_named(auditor, case):
    change, words = TAMPERED[case]
    log = leaves(300)
    export(auditor.folder, log, lines=change(log))
    status, text = auditor.judge()
    assert status == 1
    assert words in text
    assert not auditor.memory.exists()


def test_tampered_entries_of_a_filtered_export(auditor):
    log = leaves(300)
    picked = [log[i] for i in range(0, 300, 50)]
    bad = [
        [*picked[:2], leaf(100, actor="mallory"), *picked[3:]],
        picked[:-1],
        picked[1:],
        [*picked, leaf(299)],
        [picked[1], picked[0], *picked[2:]],
        [*picked[:2], picked[1], *picked[3:]],
        [],
    ]
    for lines in bad:
        export(auditor.folder, log, pick=lambda i: i % 50 == 0, lines=lines)
        assert auditor.judge()[0] == 1
    export(auditor.folder, log, first=10, last=20)
    proofs = json.loads((auditor.folder / "proofs.json").read_text())
    entries = (auditor.folder / "entries.ndjson").read_bytes().splitlines(keepends=True)
    (auditor.folder / "proofs.json").write_text(json.dumps(proofs[:5] + proofs[6:]))
    (auditor.folder / "entries.ndjson").write_bytes(b"".join(entries[:5] + entries[6:]))
    assert auditor.judge()[0] == 1
    for nonsense in (
        None,
        {},
        [1],
        [{}],
        [{"index": 10, "proof": 3}],
        [{"index": "10", "proof": []}],
        [[]] * 11,
    ):
        (auditor.folder / "proofs.json").write_text(json.dumps(nonsense))
        assert auditor.judge()[0] == 1


def test_a_cut_entries_file(auditor):
    export(auditor.folder, leaves(9))
    path = auditor.folder / "entries.ndjson"
    path.write_bytes(path.read_bytes()[:-1])
    status, text = auditor.judge()
    assert status == 1
    assert "cut off in line 9" in text


def test_every_changed_byte_of_the_small_files_is_refused(auditor):
    export(auditor.folder, leaves(5))
    for name in ("checkpoint", "box.vkey", "entries.ndjson", "tile/0/000.p/5"):
        path = auditor.folder / name
        good = path.read_bytes()
        for at in range(0, len(good), 1 if name == "checkpoint" else 3):
            if name == "box.vkey" and at == len(good) - 1:
                continue  # the newline after the key
            bad = bytearray(good)
            bad[at] ^= 1
            path.write_bytes(bytes(bad))
            status, text = auditor.judge()
            assert status == 1, (name, at, text)
        path.write_bytes(good)
    assert auditor.judge()[0] == 0


def test_a_signature_by_another_key(auditor):
    export(auditor.folder, leaves(5), key=SigningKey.generate())
    assert auditor.judge("--box-key", VKEY)[0] == 1
    assert auditor.judge()[0] == 0  # a first visit believes the key it finds, and says so
    export(auditor.folder, leaves(5))
    status, text = auditor.judge()
    assert status == 1
    assert "another key" in text
    pin = auditor.folder.parent / "pin.txt"
    pin.write_text(VKEY + "\n")
    assert auditor.judge("--box-key", str(pin))[0] == 0
    assert auditor.judge("--box-key", str(pin.with_name("none")))[0] == 2
    assert auditor.judge("--box-key", "a+b+c")[0] == 1
    (auditor.folder / "checkpoint").write_bytes(b"wardbox/box-7\n5\n\n")
    assert auditor.judge()[0] == 1


def test_rolled_back_and_rewritten_logs_are_found(auditor):
    log = leaves(300)
    export(auditor.folder, log)
    assert auditor.judge()[0] == 0
    export(auditor.folder, log[:200])
    status, text = auditor.judge()
    assert status == 1
    assert "rolled back" in text
    rewritten = [*log[:10], leaf(10, actor="nobody"), *log[11:]]
    for new in (rewritten, [*rewritten, leaf(300), leaf(301)]):
        for more in ({}, {"first": 290}, {"pick": lambda i: i == 5}):
            export(auditor.folder, new, **more)
            status, text = auditor.judge()
            assert status == 1, more
            assert "rewritten" in text
    export(auditor.folder, [*log, leaf(300)], first=299)
    shutil.rmtree(auditor.folder / "tile")
    assert auditor.judge()[0] == 2
    export(auditor.folder, [*log, leaf(300)])
    assert auditor.judge()[0] == 0


MANIFESTS = [
    None,
    [],
    5,
    {},
    {"format": "wardbox-audit-export/2"},
    {"first": -1},
    {"last": 99},
    {"first": 3, "last": 1},
    {"tree_size": 4},
    {"tree_size": True},
    {"first": "0"},
    {"origin": "wardbox/other"},
    {"files": []},
    {"files": {"../memory.json": "sha256:00"}},
    {"files": {"/etc/passwd": "sha256:00"}},
    {"files": {"checkpoint": 5}},
    {"files": {"a\nb": ""}},
    {"last": 3},
    {"filter": {}},
]


@pytest.mark.parametrize("change", MANIFESTS, ids=str)
def test_manifests_that_lie(auditor, change):
    export(auditor.folder, leaves(5))
    path = auditor.folder / "manifest.json"
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | change if change and isinstance(change, dict) else change))
    assert auditor.judge()[0] in {1, 2}
    assert not auditor.memory.exists()


@pytest.mark.parametrize(
    "name", ["manifest.json", "entries.ndjson", "checkpoint", "box.vkey", "tile/0/000.p/5"]
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


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=80),
    st.sampled_from(["manifest.json", "entries.ndjson", "checkpoint", "box.vkey"]),
)
def test_any_bytes_in_any_file_give_a_sentence(tmp_path_factory, data, name):
    folder = tmp_path_factory.mktemp("fuzz")
    export(folder / "export", leaves(3))
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


def test_the_single_file_runs_alone_on_the_system_s_python(tmp_path):
    source = verifier_source()
    tree = ast.parse(source, feature_version=(3, 8))
    modules = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert modules == {"argparse", "base64", "hashlib", "json", "os", "re", "sys"}
    assert b"secure_compute" not in source
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("this machine has no system python3")
    export(tmp_path / "export", leaves(300))
    (tmp_path / "export/verify.py").write_bytes(source)

    def run() -> subprocess.CompletedProcess[str]:
        command = [
            python,
            "-I",
            "-W",
            "error",
            str(tmp_path / "export/verify.py"),
            str(tmp_path / "export"),
        ]
        command += ["--remember", str(tmp_path / "memory")]
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", env={"LC_ALL": "C"}, check=False
        )

    good = run()
    assert (good.returncode, good.stderr) == (0, "")
    assert "通过" in good.stdout
    path = tmp_path / "export/entries.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"seq":17,', b'"seq":71,'))
    bad = run()
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "Entry 17" in bad.stderr
