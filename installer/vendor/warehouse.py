"""The models a vendor ships: judged as a box would judge them, then kept in the vendor's folder."""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.updates.packages import CARD, SEGMENT
from installer.vendor.errors import VendorFolderTaken, VendorModelRefused
from installer.vendor.files import copy_new, read_bounded, told, write_new
from models.card import MAX_CARD_BYTES, ModelCard
from models.errors import ModelsError
from models.formats.inspect import require_model
from models.registry.intake import digest_of, source_files
from models.registry.package import check_card

MODELS: Final = "models"
FILES: Final = "files"
_NAME: Final = re.compile(rf"{SEGMENT}(?:/{SEGMENT})?")


@dataclass(frozen=True, slots=True)
class Stocked:
    """A model in the vendor's folder.

    Attributes:
        card: Its card.
        files: Target path -> file, the card among them.
    """

    card: ModelCard
    files: dict[str, Path]


class Warehouse:
    """Models in `DIR/models/<id>/`.

    Args:
        folder: The vendor's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._models = folder / MODELS

    def add(self, model: Path, card_file: Path) -> ModelCard:
        """Judge a model and its card, and copy them in; replaces an older one of the same id.

        Args:
            model: A GGUF or safetensors file, or a Hugging Face folder.
            card_file: Its card.

        Raises:
            VendorModelRefused: No box would take it.
            VendorFolderTaken: The very same version is there with other bytes.
        """
        try:
            with told(model):
                model = model.resolve(strict=True)
                card = ModelCard.from_bytes(read_bounded(card_file, MAX_CARD_BYTES))
                check_card(card, require_model(model))
                files = source_files(model)
        except ModelsError as error:
            raise VendorModelRefused(
                reason_zh=error.sentence_zh, reason_en=error.sentence_en
            ) from error
        for name in files:
            if not _NAME.fullmatch(name):
                raise VendorModelRefused(
                    reason_zh=f"文件名 {name!a} 只能含字母、数字和 . _ -,至多一层子目录。",
                    reason_en=f"the file name {name!a} may hold letters, digits, . _ - and one folder.",
                )
        self._place(card, files)
        return card

    def stock(self) -> tuple[Stocked, ...]:
        """Return every model, by id."""
        if not self._models.is_dir():
            return ()
        return tuple(_stocked(folder) for folder in sorted(self._models.glob("[a-z0-9]*")))

    def _place(self, card: ModelCard, files: dict[str, Path]) -> None:
        place = self._models / card.id
        with told(self._models):
            self._models.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".adding-", dir=self._models))
            try:
                for name, path in files.items():
                    copy_new(path, work / card.id / FILES / name)
                write_new(work / card.id / CARD, card.to_bytes())
                if place.exists():
                    _check_same_version(place, work / card.id, card)
                    place.rename(work / "old")
                (work / card.id).rename(place)
            finally:
                shutil.rmtree(work, ignore_errors=True)


def _check_same_version(place: Path, fresh: Path, card: ModelCard) -> None:
    """One version of one model has one content: a box would refuse the second."""
    old = _stocked(place)
    if old.card.version != card.version:
        return
    there = {name: digest_of(path) for name, path in old.files.items()}
    if there != {name: digest_of(path) for name, path in _stocked(fresh).files.items()}:
        raise VendorFolderTaken(folder=f"{card.id} {card.version}")


def _stocked(folder: Path) -> Stocked:
    card = ModelCard.from_bytes(read_bounded(folder / CARD, MAX_CARD_BYTES))
    base = f"{MODELS}/{card.id}"
    files = {f"{base}/{CARD}": folder / CARD}
    held = folder / FILES
    for path in sorted(held.rglob("*")):
        if path.is_file():
            files[f"{base}/{FILES}/{path.relative_to(held).as_posix()}"] = path
    return Stocked(card, files)
