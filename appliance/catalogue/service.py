"""The catalogue: the model shelf with a record of everything that is put on it or taken off."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.catalogue.errors import DefaultModelKept
from models.card import ModelCard
from models.errors import ModelDamaged, ModelsError, ModelUnknown
from models.registry.intake import link_in
from models.registry.manifest import Manifest, Signer
from models.registry.shelf import ShelvedModel
from models.registry.succession import GrowingShelf

CARD: Final = "card.json"
MANIFEST: Final = "manifest.json"
_AUDIT_TIMEOUT_S: Final = 30.0
_MAX_CARD: Final = 1 << 20


class Audit(Protocol):
    """The part of the audit log that the catalogue needs."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class CatalogueService:
    """Models with their cards and manifests; synchronous, hashes gigabytes, for the thread pool.

    An admission is recorded after the shelf has taken the model; when the record fails, the model
    comes off again, so nothing stands on the shelf that the log does not know.

    Args:
        shelf: The shelf inside the vault.
        signer: The box's own key for manifests; the shelf must trust it.
        audit: The audit log.
        default: The model of requests that name none.
    """

    def __init__(self, shelf: GrowingShelf, signer: Signer, audit: Audit, default: str) -> None:
        self._shelf = shelf
        self._signer = signer
        self._audit = audit
        self._default = default
        self._room: Callable[[int], object] = _enough

    def ask_for_room(self, room: Callable[[int], object]) -> None:
        """From now on ask before a model comes in, with its bytes; what is asked raises when there is none."""
        self._room = room

    def default(self) -> str:
        """Return the id of the default model."""
        return self._default

    def models(self) -> tuple[ShelvedModel, ...]:
        """Return every sound model, by id."""
        return self._shelf.list()

    def get(self, model_id: str) -> ShelvedModel:
        """Return a model. Raises ModelUnknown, ModelDamaged or ManifestUntrusted."""
        return self._shelf.get(model_id)

    def verify(self, model_id: str, actor: str = events.BOX) -> Manifest:
        """Hash every byte of a model again, and record the outcome either way.

        Raises:
            ModelUnknown: There is no such model.
            ModelDamaged: A byte differs.
        """
        try:
            manifest = self._shelf.verify(model_id)
        except ModelUnknown:
            raise
        except ModelsError:
            self._record("verify", actor, model_id, "", ok=False)
            raise
        self._record("verify", actor, model_id, manifest.digest)
        return manifest

    def admit(self, source: Path, card: ModelCard, actor: str) -> Manifest:
        """Judge a model file or folder, copy it onto the shelf and sign for it as this box."""
        known = self._known(card.id)
        self._room(0 if known else bytes_of(source))
        return self._admitted(self._shelf.admit(source, card, self._signer), actor, known=known)

    def take_over(self, source: Path, card: ModelCard, actor: str) -> Manifest:
        """Like `admit`, for files inside the vault that are given up: linked, and hashed again."""
        known = self._known(card.id)
        manifest = self._shelf.admit(source, card, self._signer, bring=link_in)
        return self._admitted(manifest, actor, known=known)

    def admit_signed(self, folder: Path, actor: str) -> Manifest:
        """Take a package that a trusted vendor signed: manifest.json, card.json and the files."""
        manifest = Manifest.from_bytes(_read(folder / MANIFEST))
        known = self._known(manifest.model_id)
        self._room(0 if known else bytes_of(folder))
        return self._admitted(self._shelf.admit_signed(folder), actor, known=known)

    def bring_beside(self, source: Path, card: ModelCard, actor: str) -> Manifest:
        """Like `take_over`, but a newer version of a model that is here stands beside it, not served."""
        self._room(bytes_of(source))
        here = self._digests(card.id)
        manifest = self._shelf.admit(source, card, self._signer, bring=link_in, beside=True)
        if manifest.digest in here:
            return manifest
        try:
            self._record("admit", actor, manifest.model_id, manifest.digest)
        except BaseException:
            if here:
                self._shelf.prune(card.id, here)
            else:
                self._shelf.remove(card.id)
            raise
        return manifest

    def switch(self, model_id: str, digest: str, actor: str) -> Manifest:
        """Have another version of a model served; what was served until now stays beside it.

        Raises:
            ModelUnknown: There is no such model or version.
            ModelDamaged: A file of it is missing.
        """
        before = self._shelf.get(model_id).manifest
        if before.digest != digest:
            self._record("switch", actor, model_id, digest)
            self._shelf.switch(model_id, digest)
        return before

    def versions(self, model_id: str) -> tuple[Manifest, ...]:
        """Return the manifests of every version of a model that is here. Raises ModelUnknown."""
        return self._shelf.versions(model_id)

    def place_of(self, model_id: str, digest: str) -> Path | None:
        """Return where card and files of a version stand; None when it is not here."""
        return self._shelf.place_of(model_id, digest)

    def prune(self, model_id: str, keep: frozenset[str]) -> None:
        """Forget versions of a model but those named and the one that is served."""
        self._shelf.prune(model_id, keep)

    def remove(self, model_id: str, actor: str) -> None:
        """Take a model, whole or damaged, off the shelf. Raises ModelUnknown or DefaultModelKept."""
        if model_id == self._default:
            raise DefaultModelKept(model_id=model_id)
        digest = ""
        try:
            digest = self._shelf.get(model_id).manifest.digest
        except ModelUnknown:
            raise
        except ModelsError:
            # Damaged, or signed by nobody: the way out of that is to remove it.
            pass
        self._record("remove", actor, model_id, digest)
        self._shelf.remove(model_id)

    def place_reference(self, folder: Path, actor: str = events.BOX) -> Manifest | None:
        """Put the reference model that comes with the software on the shelf, once.

        Args:
            folder: Holds card.json and one GGUF file; a vendor's manifest.json there is used only
                when the shelf trusts its signer, else this box signs for what it was shipped with.
            actor: Who asked.

        Returns:
            The manifest, or None when the folder holds no model.
        """
        files = sorted(folder.glob("*.gguf"))
        if not files or not (folder / CARD).is_file():
            return None
        card = ModelCard.from_bytes(_read(folder / CARD))
        if self._known(card.id):
            return self._shelf.get(card.id).manifest
        return self.admit(files[0], card, actor)

    def _digests(self, model_id: str) -> frozenset[str]:
        try:
            return frozenset(one.digest for one in self._shelf.versions(model_id))
        except ModelUnknown:
            return frozenset()

    def _known(self, model_id: str) -> bool:
        try:
            self._shelf.get(model_id)
        except (ModelUnknown, ModelDamaged):
            return False
        return True

    def _admitted(self, manifest: Manifest, actor: str, *, known: bool) -> Manifest:
        if known:
            return manifest
        try:
            self._record("admit", actor, manifest.model_id, manifest.digest)
        except BaseException:
            self._shelf.remove(manifest.model_id)
            raise
        return manifest

    def _record(
        self, action: Any, actor: str, model_id: str, digest: str, *, ok: bool = True
    ) -> None:
        event = events.model_shelf(action, actor, model=model_id, digest=digest, ok=ok)
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def bytes_of(source: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    files = (source,) if source.is_file() else source.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def _enough(_bytes: int) -> None:
    """Nobody watches the disk."""


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_MAX_CARD + 1)
