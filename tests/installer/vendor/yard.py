"""A vendor's machine for tests: cheap keys, small models, and the power to sign anything."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.formats import encode_canonical

from appliance.updates.shape import compact
from installer.vendor.bundle import Builder
from installer.vendor.ceremony import hold_ceremony
from installer.vendor.keys import KeyFolder
from installer.vendor.warehouse import Warehouse
from secure_compute.sealed_root import Argon2Cost
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import make_card

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
CHEAP = Argon2Cost(64, 1, 1)


class Yard:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = KeyFolder(folder / "keys", lambda _: PASSPHRASE, CHEAP)

    def init(self) -> "Yard":
        hold_ceremony(self.folder, self.keys, NOW - timedelta(days=1))
        return self

    @property
    def root(self) -> bytes:
        return (self.folder / "root.json").read_bytes()

    def add(self, name: str = "demo-1", version: str = "1.0", model: bytes | None = None) -> None:
        files = self.folder.parent / f"{self.folder.name}-{name}-{version}"
        files.mkdir()
        (files / "demo.gguf").write_bytes(gguf_bytes() if model is None else model)
        (files / "card.json").write_bytes(make_card(id=name, version=version).to_bytes())
        Warehouse(self.folder).add(files / "demo.gguf", files / "card.json")

    def build(self, out: Path, now: datetime = NOW, days: int = 400) -> Path:
        Builder(self.folder, self.keys).build(out, now, days)
        return out

    def signature(self, name: str, signed: dict[str, Any]) -> dict[str, str]:
        signer = self.keys.open(name)
        made = signer.sign(encode_canonical(signed).encode())
        return {"keyid": made.keyid, "sig": made.signature}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


def rewrite(yard: Yard, bundle: Path, role: str, change) -> None:
    """Change one role as its own signer would, and sign everything above it again."""
    folder = bundle / "metadata"
    order = ["models", "targets", "snapshot", "timestamp"]
    for name in order[order.index(role) :]:
        path = _file(folder, name)
        data = read(path)
        if name == role:
            change(data["signed"])
        if name in {"snapshot", "timestamp"}:
            for below, row in data["signed"]["meta"].items():
                _describe(folder, below.removesuffix(".json"), row)
        data["signatures"] = [yard.signature(name, data["signed"])]
        path.write_bytes(compact(data))


def _file(folder: Path, role: str) -> Path:
    return folder / "timestamp.json" if role == "timestamp" else next(folder.glob(f"*.{role}.json"))


def _describe(folder: Path, role: str, row: dict[str, Any]) -> None:
    from hashlib import sha256

    raw = _file(folder, role).read_bytes()
    row["length"], row["hashes"] = len(raw), {"sha256": sha256(raw).hexdigest()}
