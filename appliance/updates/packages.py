"""What a bundle holds, read from the signed list of its files."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tuf.api.metadata import TargetFile, Targets  # type: ignore[attr-defined]

from appliance.updates.errors import ContentRefused, MetadataRefused
from appliance.updates.fetcher import TARGETS, shown

CARD: Final = "card.json"
MAX_TARGETS: Final = 4096
PATHS: Final = ("models/*/card.json", "models/*/files/*", "models/*/files/*/*")
"""What the role of the models may sign for."""
SEGMENT: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
TARGET: Final = re.compile(
    rf"models/([a-z0-9][a-z0-9._-]{{0,63}})/(card\.json|files/{SEGMENT}(?:/{SEGMENT})?)"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One signed file.

    Attributes:
        name: Its path inside the model: "card.json", "files/model.gguf".
        place: Its path inside the bundle.
        length: Bytes.
        sha256: Digest in hex.
    """

    name: str
    place: str
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """One signed model: its card and its files."""

    model_id: str
    card: Item
    files: tuple[Item, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """The card and the files."""
        return (self.card, *self.files)


def packages_of(models: Targets, find: Callable[[str], TargetFile | None]) -> tuple[Package, ...]:
    """Read which models the role names.

    Args:
        models: The verified role.
        find: Looks a path up the way TUF does, from the top.

    Raises:
        ContentRefused: A path is not one that may stand in a bundle, or a model is incomplete.
        MetadataRefused: There are too many.
    """
    if len(models.targets) > MAX_TARGETS:
        raise MetadataRefused(
            name="models.json", reason_zh="文件过多", reason_en="it names too many files"
        )
    found: dict[str, dict[str, Item]] = {}
    for path, target in sorted(models.targets.items()):
        form = TARGET.fullmatch(path)
        # Asked again the whole way round: what the role may not sign for, nobody finds there.
        if form is None or find(path) != target:
            raise ContentRefused(
                name=shown(path),
                reason_zh="该路径不允许出现在更新包中",
                reason_en="that path may not stand in a bundle",
            )
        found.setdefault(form[1], {})[form[2]] = _item(form[2], target)
    return tuple(_package(model_id, items) for model_id, items in sorted(found.items()))


def _item(name: str, target: TargetFile) -> Item:
    folder, _, base = target.path.rpartition("/")
    digest = target.hashes["sha256"]
    return Item(name, f"{TARGETS}/{folder}/{digest}.{base}", target.length, digest)


def _package(model_id: str, items: dict[str, Item]) -> Package:
    card = items.pop(CARD, None)
    if card is None or not items:
        raise ContentRefused(
            name=f"models/{model_id}",
            reason_zh="缺少模型卡或模型文件",
            reason_en="its card or its files are missing",
        )
    return Package(model_id, card, tuple(items.values()))
