"""Exports of an invented log, and an auditor who visits them with a memory of their own."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

from secure_compute.canonical import canonical_bytes
from secure_compute.merkle import MemoryNodes, inclusion_proof, leaf_hashes
from secure_compute.note import Checkpoint, NoteKey
from secure_compute.signing import SigningKey
from secure_compute.tiles import tile_bytes, tiles_of
from secure_compute.verifier.judge import main

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
