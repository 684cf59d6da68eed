"""A vendor's machine for tests: cheap keys, small models, and the power to sign anything."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from securesystemslib.formats import encode_canonical

from appliance.updates.shape import compact
from installer.vendor.bundle import Builder
from installer.vendor.ceremony import hold_ceremony
from installer.vendor.describing import Wanted
from installer.vendor.keys import KeyFolder
from installer.vendor.warehouse import Warehouse
from models.card import Bilingual
from secure_compute.canonical import canonical_bytes
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

    def copied(self, folder: Path) -> "Yard":
        """The same vendor elsewhere; a ceremony takes longer than a copy."""
        shutil.copytree(self.folder, folder)
        return Yard(folder)

    @property
    def root(self) -> bytes:
        return (self.folder / "root.json").read_bytes()

    def add(self, name: str = "demo-1", version: str = "1.0", model: bytes | None = None) -> None:
        files = self.folder.parent / f"{self.folder.name}-{name}-{version}"
        files.mkdir()
        (files / "demo.gguf").write_bytes(gguf_bytes() if model is None else model)
        (files / "card.json").write_bytes(make_card(id=name, version=version).to_bytes())
        Warehouse(self.folder).add(files / "demo.gguf", files / "card.json")

    def add_files(self, kind: str, name: str, version: str, source: Path, **words: Any) -> None:
        title = Bilingual(name, name)
        Warehouse(self.folder).add_files(Wanted(kind, name, version, title, **words), source)

    def build(
        self, out: Path, now: datetime = NOW, days: int = 400, earlier: Path | None = None
    ) -> Path:
        Builder(self.folder, self.keys).build(out, now, days, earlier)
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
    order = ["targets", "snapshot", "timestamp"]
    above = order[order.index(role) :] if role in order else [role, *order[1:]]
    for name in above:
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
    raw = _file(folder, role).read_bytes()
    row["length"], row["hashes"] = len(raw), {"sha256": sha256(raw).hexdigest()}


def remanifest(yard: Yard, bundle: Path, kind: str, package_id: str, change) -> None:
    """Change the manifest of one package as its vendor would, and sign it again."""
    (old,) = (bundle / "targets" / kind / package_id).glob("*/*.package.json")
    data = json.loads(old.read_bytes())
    change(data)
    raw = canonical_bytes(data)
    digest = sha256(raw).hexdigest()
    old.unlink()
    old.with_name(f"{digest}.package.json").write_bytes(raw)

    def swap(signed: dict[str, Any]) -> None:
        target = signed["targets"][f"{kind}/{package_id}/{old.parent.name}/package.json"]
        target["length"], target["hashes"] = len(raw), {"sha256": digest}

    rewrite(yard, bundle, kind, swap)
