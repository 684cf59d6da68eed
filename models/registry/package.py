"""Card and manifest of one model package, held against each other and against the files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from models.card import MAX_CARD_BYTES, ModelCard
from models.errors import CardMismatch, ManifestMalformed, ModelDamaged
from models.formats.inspect import require_model
from models.formats.refusals import FileRefused, FileUnreadable
from models.formats.summary import ModelSummary
from models.registry.intake import digest_of
from models.registry.manifest import Manifest, card_digest

CARD: Final = "card.json"
_PARAMETER_TOLERANCE: Final = 0.01


def check_card(card: ModelCard, summary: ModelSummary) -> None:
    """Compares a card with what the file says about itself.

    Raises:
        CardMismatch: Architecture, weights, storage type or context differ.
        FileRefused: The file holds no weights.
    """
    if not summary.tensors:
        raise FileRefused.by("no-weights")
    if summary.architecture and summary.architecture != card.architecture:
        raise _mismatch("architecture", card.architecture, summary.architecture)
    if abs(card.parameters - summary.parameters) > summary.parameters * _PARAMETER_TOLERANCE:
        raise _mismatch("parameters", card.parameters, summary.parameters)
    if card.quantisation.upper() != summary.quantisation.upper():
        raise _mismatch("quantisation", card.quantisation, summary.quantisation)
    if summary.context and card.context > summary.context:
        raise _mismatch("context", card.context, summary.context)


def _mismatch(field: str, card: object, file: object) -> CardMismatch:
    return CardMismatch(field=field, card=card, file=file)


def damaged(name: str, zh: str, en: str) -> ModelDamaged:
    """The refusal of a damaged model."""
    return ModelDamaged(model_id=name, reason_zh=zh, reason_en=en)


@contextmanager
def unreadable(name: str) -> Iterator[None]:
    """Tells what cannot be read of a model on the shelf as damage: a disk gives errors where it rots.

    Raises:
        ModelDamaged: A file of the model could not be read inside the block.
    """
    try:
        yield
    except (FileUnreadable, OSError) as error:
        raise damaged(name, "有文件读不出", "a file of it cannot be read") from error


def check_bytes(name: str, held: Path, manifest: Manifest) -> None:
    """Reads every byte of a model on the shelf and compares the digests.

    Raises:
        ModelDamaged: A byte differs, or cannot be read.
    """
    for row in manifest.files:
        with unreadable(name):
            _forget_cached(held / row.name)
            same = digest_of(held / row.name) == row.sha256
        if not same:
            raise damaged(name, f"{row.name} 的摘要不符", f"the digest of {row.name} differs")


def _forget_cached(path: Path) -> None:
    """Has the kernel forget what it keeps of a file: the disk shall be read, not memory."""
    with path.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def judge_copy(path: Path, held: Path) -> ModelSummary:
    """Judges what was copied: the one file, or the folder."""
    # A folder with one file is still judged as a file when that is what was admitted.
    return require_model(path if path.exists() else held)


def read_small(path: Path, limit: int) -> bytes:
    """Reads a small file, one byte beyond the limit at most.

    Raises:
        FileUnreadable: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileUnreadable(path=ascii(path.name), reason=reason) from error


def read_card(folder: Path, manifest: Manifest) -> ModelCard:
    """Reads the card that a verified manifest names.

    Raises:
        CardMalformed: It is no card.
        ManifestMalformed: It is another one.
    """
    card = ModelCard.from_bytes(read_small(folder / CARD, MAX_CARD_BYTES))
    if card_digest(card) != manifest.card_digest or card.id != manifest.model_id:
        raise ManifestMalformed(
            field="card_digest", reason_zh="模型卡与清单不符", reason_en="the card is another one"
        )
    return card
