"""A shelf on which newer versions of a model follow older ones, and can give way to them again."""

import fcntl
from pathlib import Path

from models.errors import ModelUnknown
from models.registry import versions
from models.registry.blobs import drop_unused
from models.registry.manifest import Manifest
from models.registry.shelf import Shelf


class GrowingShelf(Shelf):
    """The shelf of a box: `admit(..., beside=True)` brings a version in, `switch` has it served."""

    def switch(self, name: str, digest: str) -> Manifest:
        """Has another version of a model served from now on; one rename decides.

        Args:
            name: Id of the model.
            digest: Digest of the manifest of that version.

        Returns:
            The manifest of the version that was served until now.

        Raises:
            ModelUnknown: There is no such model, or no such version of it.
            ModelDamaged: A file of that version is missing or has another size.
        """
        folder = self._folder(name)
        with self._lock("commit", fcntl.LOCK_EX):
            before = self.get(name).manifest
            for one in versions.names(folder):
                if self._read_manifest(versions.place(folder, one)).digest == digest:
                    versions.point(folder, one)
                    return before
        raise ModelUnknown(model_id=f"{name} {digest[:16]}")

    def versions(self, name: str) -> tuple[Manifest, ...]:
        """The manifests of every version of a model that is here. Raises ModelUnknown."""
        folder = self._folder(name)
        return tuple(
            self._read_manifest(versions.place(folder, one)) for one in versions.names(folder)
        )

    def place_of(self, name: str, digest: str) -> Path | None:
        """Where card and files of a version stand; None when it is not here. Raises ModelUnknown."""
        folder = self._folder(name)
        for one in versions.names(folder):
            place = versions.place(folder, one)
            if self._read_manifest(place).digest == digest:
                return place
        return None

    def prune(self, name: str, keep: frozenset[str]) -> None:
        """Forgets versions of a model; the one that is served stays whatever is asked.

        Args:
            name: Id of the model.
            keep: Digests of the manifests of those that stay.
        """
        folder = self._folder(name)
        with self._lock("commit", fcntl.LOCK_EX):
            served = self.get(name).manifest.digest
            for one in tuple(versions.names(folder)):
                if self._read_manifest(versions.place(folder, one)).digest not in {served, *keep}:
                    versions.forget(folder, one)
            drop_unused(self._blobs)
