"""Verifying reads the disk, not what the kernel remembers of it."""

import os
from pathlib import Path

from models.registry.shelf import Shelf
from secure_compute.signing import SigningKey
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import NOW, make_card


def test_every_file_is_forgotten_before_it_is_hashed(tmp_path: Path, monkeypatch) -> None:
    signer = SigningKey.generate()
    trusted = {signer.verify_key.key_id: signer.verify_key}
    shelf = Shelf(tmp_path / "shelf", clock=lambda: NOW, trusted=trusted)
    source = tmp_path / "demo.gguf"
    source.write_bytes(gguf_bytes())
    shelf.admit(source, make_card(), signer)
    asked: list[str] = []

    def advise(descriptor: int, offset: int, length: int, advice: int) -> None:
        assert (offset, length, advice) == (0, 0, os.POSIX_FADV_DONTNEED)
        asked.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr("models.registry.package.os.posix_fadvise", advise)
    shelf.verify("demo-1")
    assert asked == ["demo.gguf"]
