"""A trained model as a package for the shelf: the file, its card, a manifest and who signed it."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from models.card import ModelCard
from models.formats.inspect import require_model
from models.registry.manifest import (
    Manifest,
    ManifestFile,
    Signer,
    card_digest,
    sign_manifest,
    verify_manifest,
)
from models.registry.package import CARD, check_card
from secure_compute.note import NoteKey
from secure_compute.signing import SigningKey

MANIFEST, KEY = "manifest.json", "signer.vkey"


def write_package(gguf: Path, card: ModelCard, signer: Signer, *, moment: datetime) -> Manifest:
    """Write card.json and manifest.json beside a GGUF file.

    Args:
        gguf: The model file, already in the folder of the package.
        card: What is said about it; held against the file.
        signer: Who vouches for it.
        moment: When.

    Raises:
        FileRefused: The file is not a model.
        CardMismatch: The card says something else than the file.
    """
    summary = require_model(gguf)
    check_card(card, summary)
    with gguf.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    file = ManifestFile(gguf.name, gguf.stat().st_size, digest)
    created = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    draft = Manifest(card.id, card.version, summary.kind, card_digest(card), (file,), created, "")
    manifest = sign_manifest(draft, signer)
    (gguf.parent / CARD).write_bytes(card.to_bytes())
    (gguf.parent / MANIFEST).write_bytes(manifest.to_bytes())
    return manifest


def sign_once(gguf: Path, card: ModelCard, *, moment: datetime) -> Manifest:
    """Sign a package with a key made for it alone and forgotten at once.

    Only its public half stays, beside the package: whoever trusts the software that carries the
    package can tell that nothing was changed since, and nobody can sign another one.
    """
    key = SigningKey.generate()
    try:
        manifest = write_package(gguf, card, key, moment=moment)
    finally:
        key.wipe()
    vkey = NoteKey(card.id, key.verify_key).vkey
    (gguf.parent / KEY).write_text(f"{vkey}\n", encoding="utf-8")
    return manifest


def check_package(folder: Path) -> Manifest:
    """Read a package of `sign_once` back and check signature and bytes.

    Raises:
        ManifestMalformed: The manifest is not one.
        ManifestUntrusted: The signature is not by the key beside it, or bytes differ.
        NoteMalformed: The key is not one.
    """
    manifest = Manifest.from_bytes((folder / MANIFEST).read_bytes())
    key = NoteKey.parse((folder / KEY).read_text(encoding="utf-8")).key
    verify_manifest(manifest, {key.key_id: key})
    return manifest
