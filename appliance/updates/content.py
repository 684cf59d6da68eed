"""What the packages of a bundle hold: whether it is all there, and what a model says of itself."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from appliance.updates.chunks import ChunkReader, blobs_of, check_blob, read_blob
from appliance.updates.errors import BaseMissing, ContentRefused, LicenceMissing
from appliance.updates.fetcher import Stick, shown
from appliance.updates.held import Holdings
from appliance.updates.manifest import CARD, MODELS, Blob, Package
from appliance.updates.passing import room
from models.card import MAX_CARD_BYTES, ModelCard
from models.errors import CardMalformed

Progress = Callable[[str, int, int], None]
"""Told the package at work, the bytes done and the bytes of all; may raise to stop."""


def quiet(_name: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def check_content(stick: Stick, packages: Sequence[Package], progress: Progress = quiet) -> None:
    """Read everything that a bundle stores once and compare length and digest; writes nothing.

    The cards of models are read besides, but for those that are left out since the box has them, and
    those that are sealed.

    Raises:
        ContentRefused: Something is missing, is not the signed one, or is another model's card.
        CardMalformed: A card is none.
        StickUnreadable: The stick fails.
    """
    total = sum(blob.size for blob in blobs_of(packages))
    done = 0
    for package, blobs in shares(packages):
        target = room(max((blob.size for blob in blobs), default=0))
        for blob in blobs:
            read_blob(stick, blob, target)
            check_blob(blob, target[: blob.size])
            done += blob.size
            progress(package.target, done, total)
        if package.kind == MODELS:
            with suppress(BaseMissing, LicenceMissing):
                read_card(stick, package, Holdings.none())


def shares(packages: Sequence[Package]) -> Iterator[tuple[Package, tuple[Blob, ...]]]:
    """Each package beside what the stick holds of it and of none before it."""
    seen: set[str] = set()
    for package in packages:
        new = tuple(blob for blob in package.blobs() if blob.sha256 not in seen)
        seen.update(blob.sha256 for blob in new)
        yield package, new


def read_card(stick: Stick, package: Package, held: Holdings) -> ModelCard:
    """Read the card of a model's package.

    Raises:
        ContentRefused: It is missing, is not the signed one, or is another model's.
        BaseMissing: It should be here and is not.
        CardMalformed: It is no card.
    """
    raw = ChunkReader(stick, held).small(package, CARD, MAX_CARD_BYTES)
    card = ModelCard.from_bytes(raw)
    if (card.id, card.version) != (package.package_id, package.version):
        raise ContentRefused(
            name=shown(f"{package.target} {CARD}"),
            reason_zh="模型卡属于其他模型",
            reason_en="the card is another model's",
        )
    if card.to_bytes() != raw:
        raise CardMalformed(field="card", reason_zh="不是规范形式", reason_en="not canonical")
    return card
