"""Blobs of the shelf: equal files of all models stored once, as hard links to one content."""

import os
from contextlib import suppress
from pathlib import Path

from models.registry.intake import digest_of
from models.registry.manifest import ManifestFile


def share(blobs: Path, file: Path, row: ManifestFile) -> None:
    """Replaces a file by a link to the blob of the same content, or makes it that blob."""
    blob = blobs / row.sha256
    with suppress(FileExistsError):
        os.link(file, blob)
        return
    if digest_of(blob) == row.sha256:
        file.unlink()
        os.link(blob, file)


def drop_unused(blobs: Path) -> None:
    """Removes blobs that no model uses any more."""
    for blob in blobs.iterdir():
        if blob.stat().st_nlink == 1:
            blob.unlink()
