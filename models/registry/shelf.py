"""The model shelf: content-addressed files under signed manifests, safe against interruption."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.card import ModelCard, model_id
from models.errors import (
    CardMalformed,
    ManifestUntrusted,
    ModelExists,
    ModelsError,
    ModelUnknown,
)
from models.formats.inspect import require_model
from models.formats.summary import ModelSummary
from models.registry import versions
from models.registry.blobs import drop_unused, share
from models.registry.intake import (
    check_space,
    copy_in,
    disk_errors,
    source_files,
    sync_folder,
    write_file,
)
from models.registry.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    ManifestFile,
    Signer,
    Verifier,
    card_digest,
    sign_manifest,
    verify_manifest,
)
from models.registry.package import (
    CARD,
    check_bytes,
    check_card,
    damaged,
    judge_copy,
    read_card,
    read_small,
    unreadable,
)
from models.registry.versions import FILES, MANIFEST

Bring = Callable[[Path, Path, str], ManifestFile]


@dataclass(frozen=True, slots=True)
class ShelvedModel:
    """A model on the shelf.

    Attributes:
        card: What it is.
        manifest: Its verified manifest.
        path: File, or folder, to hand to an engine.
    """

    card: ModelCard
    manifest: Manifest
    path: Path


class Shelf:
    """Models in one directory: `blobs/` by digest, `models/<id>/` with card, manifest and files.

    Files of a model are hard links to blobs, so equal files are stored once. A model appears by
    one rename of its finished directory and never half; newer versions stand beside it (`versions`).
    Every process that admits holds a shared lock; leftovers of interrupted admissions are swept
    only by who gets the lock alone.
    """

    def __init__(
        self, root: Path, *, clock: Callable[[], datetime], trusted: Mapping[str, Verifier]
    ) -> None:
        self._root = root
        self._clock = clock
        self._trusted = trusted
        self._blobs = root / "blobs"
        self._models = root / "models"
        self._temporary = root / "tmp"
        for folder in (self._blobs, self._models, self._temporary):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._sweep()

    def admit(
        self,
        source: Path,
        card: ModelCard,
        signer: Signer,
        *,
        bring: Bring = copy_in,
        beside: bool = False,
    ) -> Manifest:
        """Judges a model, copies it in (`bring=link_in`: takes it over) and signs its manifest.

        Admitting the same bytes under the same card again gives the manifest that is there. Where
        the id is taken, a new version may stand `beside` the one that is served.

        Raises:
            FileRefused: The model is not acceptable.
            CardMismatch: The card says something else than the file.
            ManifestUntrusted: This box does not trust the signer's key.
            ModelExists: The id is taken by another model.
            ShelfFull: The disk is full; nothing has changed.
            SourceChanged: The source was written to meanwhile.
        """
        if signer.verify_key.key_id not in self._trusted:
            raise ManifestUntrusted(
                reason_zh="签名者不受信任", reason_en="the signer is not trusted"
            )
        source = source.resolve()
        check_card(card, require_model(source))

        def manifest(summary: ModelSummary, files: tuple[ManifestFile, ...]) -> Manifest:
            check_card(card, summary)
            created = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            draft = Manifest(
                card.id, card.version, summary.kind, card_digest(card), files, created, ""
            )
            return sign_manifest(draft, signer)

        return self._take(source_files(source), card, manifest, bring, beside=beside)

    def admit_signed(self, folder: Path) -> Manifest:
        """Takes a package that its vendor signed: manifest.json, card.json and the files.

        Files that the manifest does not name are ignored.

        Raises:
            ManifestUntrusted: Signed by nobody this box trusts, or with a wrong signature.
            ManifestMalformed: The manifest or its card is malformed.
            ModelDamaged: A file is not the one that was signed.
            FileRefused: The model is not acceptable.
            ModelExists: The id is taken by another model.
            ShelfFull: The disk is full; nothing has changed.
        """
        signed = self._read_manifest(folder)
        card = read_card(folder, signed)
        files = {row.name: folder / row.name for row in signed.files}
        if not all(path.is_file() for path in files.values()):
            files = {row.name: folder / FILES / row.name for row in signed.files}

        def manifest(summary: ModelSummary, found: tuple[ManifestFile, ...]) -> Manifest:
            if found != signed.files or summary.kind != signed.kind:
                raise damaged(card.id, "文件与签名清单不同", "a file differs from the manifest")
            check_card(card, summary)
            return signed

        return self._take(files, card, manifest)

    def get(self, name: str) -> ShelvedModel:
        """The model under an id, its manifest's signature and file sizes checked.

        Raises:
            ModelUnknown: There is none.
            ManifestUntrusted: Its manifest is not signed by a trusted key.
            ModelDamaged: A file is missing or has another size.
        """
        folder = versions.standing(self._folder(name))
        with unreadable(name):
            manifest = self._read_manifest(folder)
            card = read_card(folder, manifest)
        if card.id != name:
            raise damaged(name, "清单属于其他模型", "the manifest belongs to another model")
        for row in manifest.files:
            path = folder / FILES / row.name
            if not path.is_file() or path.stat().st_size != row.size:
                raise damaged(name, f"{row.name} 缺失或大小不符", f"{row.name} is missing or cut")
        main = manifest.main_file.name if manifest.kind != "folder" else ""
        return ShelvedModel(card, manifest, folder / FILES / main)

    def list(self) -> tuple[ShelvedModel, ...]:
        """Every sound model, by id; damaged ones are left out and show in `get` and `verify`."""
        found = []
        for folder in sorted(self._models.iterdir()):
            with suppress(ModelsError):
                found.append(self.get(folder.name))
        return tuple(found)

    def verify(self, name: str) -> Manifest:
        """Reads every byte of a model again and compares the digests.

        Raises:
            ModelUnknown: There is no such model.
            ManifestUntrusted: Its manifest is not signed by a trusted key.
            ModelDamaged: A byte differs.
        """
        manifest = self.get(name).manifest
        check_bytes(name, versions.standing(self._folder(name)) / FILES, manifest)
        return manifest

    def remove(self, name: str) -> None:
        """Takes a model off the shelf and frees files that no other model uses.

        Raises:
            ModelUnknown: There is no such model.
        """
        folder = self._folder(name)
        with self._lock("commit", fcntl.LOCK_EX):
            gone = Path(tempfile.mkdtemp(dir=self._temporary)) / "model"
            folder.rename(gone)
            sync_folder(self._models)
            shutil.rmtree(gone.parent)
            drop_unused(self._blobs)

    def _folder(self, name: str) -> Path:
        try:
            folder = self._models / model_id(name)
        except CardMalformed as error:
            raise ModelUnknown(model_id=ascii(name[:64])) from error
        if not folder.is_dir():
            raise ModelUnknown(model_id=name)
        return folder

    def _read_manifest(self, folder: Path) -> Manifest:
        manifest = Manifest.from_bytes(read_small(folder / MANIFEST, MAX_MANIFEST_BYTES))
        verify_manifest(manifest, self._trusted)
        return manifest

    def _take(
        self,
        files: Mapping[str, Path],
        card: ModelCard,
        manifest: Callable[[ModelSummary, tuple[ManifestFile, ...]], Manifest],
        bring: Bring = copy_in,
        *,
        beside: bool = False,
    ) -> Manifest:
        copied = files.values() if bring is copy_in else ()
        needed = sum(path.stat().st_size for path in copied if path.is_file())
        check_space(self._root, needed)
        with self._lock("admit", fcntl.LOCK_SH), disk_errors(self._root, needed):
            work = Path(tempfile.mkdtemp(dir=self._temporary))
            try:
                rows = tuple(
                    bring(files[name], work / "model" / FILES / name, name)
                    for name in sorted(files)
                )
                made = self._finish(work, rows, card, manifest)
                with self._lock("commit", fcntl.LOCK_EX):
                    return self._commit(work / "model", made, beside=beside)
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def _finish(
        self,
        work: Path,
        rows: tuple[ManifestFile, ...],
        card: ModelCard,
        manifest: Callable[[ModelSummary, tuple[ManifestFile, ...]], Manifest],
    ) -> Manifest:
        held = work / "model" / FILES
        # The copy is judged again: the source may have been swapped after the first look.
        single = len(rows) == 1 and "/" not in rows[0].name
        summary = judge_copy(held / rows[0].name if single else held, held)
        made = manifest(summary, rows)
        write_file(work / "model" / CARD, card.to_bytes())
        write_file(work / "model" / MANIFEST, made.to_bytes())
        return made

    def _commit(self, finished: Path, made: Manifest, *, beside: bool) -> Manifest:
        target = self._models / made.model_id
        if target.exists():
            for there in self._versions(target):
                if there.files == made.files and there.card_digest == made.card_digest:
                    return there
            if not beside:
                raise ModelExists(model_id=made.model_id)
            target = versions.place(target, versions.name_of(made))
        for row in made.files:
            share(self._blobs, finished / FILES / row.name, row)
        versions.move_in(finished, target)
        return made

    def _versions(self, folder: Path) -> Iterator[Manifest]:
        yield self.get(folder.name).manifest
        for name in versions.names(folder):
            yield self._read_manifest(versions.place(folder, name))

    def _sweep(self) -> None:
        """Removes what an interrupted admission left, unless one is going on."""
        with suppress(BlockingIOError), self._lock("admit", fcntl.LOCK_EX | fcntl.LOCK_NB):
            for leftover in self._temporary.iterdir():
                shutil.rmtree(leftover, ignore_errors=True)
            drop_unused(self._blobs)

    @contextmanager
    def _lock(self, name: str, kind: int) -> Iterator[None]:
        with (self._root / f".{name}.lock").open("ab") as stream:
            fcntl.flock(stream, kind)
            yield
