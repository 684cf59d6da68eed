"""Exports of an invented log, and an auditor who visits them with a memory of their own."""

import hashlib
import shutil
from pathlib import Path

from secure_compute.canonical import canonical_bytes
from secure_compute.merkle import Frontier, MemoryNodes, inclusion_proof, leaf_hashes
from secure_compute.note import Checkpoint, NoteKey, cosign_note, sign_note
from secure_compute.signing import SigningKey
from secure_compute.tiles import tile_bytes, tiles_of
from secure_compute.tlog_proof import TlogProof
from secure_compute.verifier.judge import main

ORIGIN = "wardbox/box-7"
KEY = SigningKey.from_seed(b"k" * 32)
VKEY = NoteKey(ORIGIN, KEY.verify_key).vkey


def leaf(seq: int, **more) -> bytes:
    return canonical_bytes(
        {"actor": "用户", "seq": seq, "subject": None, "tag": "t", "time": 1000 + seq // 2} | more
    )


def leaves(count: int) -> list[bytes]:
    return [leaf(seq) for seq in range(count)]


def seal(folder: Path, key=KEY, origin=ORIGIN) -> None:
    """Write the list of digests anew, and its seal."""
    for name in ("SHA256SUMS", "seal.note"):
        (folder / name).unlink(missing_ok=True)
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    text = f"wardbox-audit-export/2\n{origin}\n{digest}\n"
    (folder / "seal.note").write_bytes(sign_note(text, origin, key).to_bytes())


def export(folder: Path, log: list[bytes], **more) -> None:
    """Write an export.

    Args:
        pick: filters by index.
        first, last: the range.
        lines: replaces what the entries file says.
        history: sizes of checkpoints of the past.
        witness: name and key of who cosigned them all.
        parts: further files.
        bodies: whether the manifest promises bodies.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    pick, key, size = more.get("pick"), more.get("key", KEY), len(log)
    first, last = more.get("first", 0), more.get("last", size - 1)
    nodes = MemoryNodes(leaf_hashes(log))

    def note(end: int) -> bytes:
        root = Frontier.from_nodes(nodes, end).root()
        signed = Checkpoint(ORIGIN, end, root).sign(key)
        if "witness" in more:
            signed = cosign_note(signed, *more["witness"], timestamp=1_800_000_000 + end)
        return signed.to_bytes()

    indices = [i for i in range(first, last + 1) if pick is None or pick(i)]
    lines = [log[i] for i in indices] if "lines" not in more else more["lines"]
    parts = {
        "entries.ndjson": b"".join(line + b"\n" for line in lines),
        "checkpoint": note(size),
        "checkpoints.ndjson": b"".join(
            canonical_bytes({"note": note(end).decode()}) + b"\n" for end in more.get("history", ())
        ),
        "box.vkey": NoteKey(ORIGIN, key.verify_key).vkey.encode() + b"\n",
        "summary.html": b"<!doctype html>",
    } | {tile.path: tile_bytes(nodes, tile) for tile in tiles_of(size)}
    if pick:
        parts["proofs.tlog-proof"] = b"".join(
            TlogProof(i, tuple(inclusion_proof(nodes, i, size)), parts["checkpoint"]).to_bytes()
            for i in indices
        )
    manifest = {
        "format": "wardbox-audit-export/2",
        "origin": ORIGIN,
        "first": first,
        "last": last,
        "entries": more.get("entries", len(indices)),
        "bodies": more.get("bodies", False),
        "tree_size": size,
        "created": "2030-01-01T00:00:00Z",
        "filter": {"actor": "x"} if pick else None,
    }
    parts["manifest.json"] = canonical_bytes(manifest)
    for name, data in (parts | more.get("parts", {})).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    seal(folder, key)


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
