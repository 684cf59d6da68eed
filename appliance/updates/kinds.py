"""What the box does with each kind of package: judge it, stand it beside the old one, switch."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.updates.errors import ContentRefused
from appliance.updates.manifest import CARD, FILES, Package
from appliance.updates.packs import PackShelf
from eval.errors import EvalError
from eval.sets import read_set
from firmware_checks.errors import BaselineMalformed
from firmware_checks.golden import MAX_BYTES, parse
from models.card import ModelCard
from models.errors import CardMalformed, ModelExists, ModelUnknown
from models.formats.inspect import require_model
from models.registry.manifest import Manifest, card_digest
from models.registry.package import check_card
from models.registry.shelf import ShelvedModel


class Kind(Protocol):
    """One kind of package that goes live with no restart.

    A version is known by a token: what this kind calls it. Nothing of `judge` and `place` is seen
    by anybody; `switch` is one step that is old or new after a power cut, and can be taken back.
    """

    def judge(self, package: Package, folder: Path) -> None:
        """Refuse an assembled package before anything is touched."""
        ...

    def place(self, package: Package, folder: Path, actor: str) -> str:
        """Stand a package beside what is in use; the folder is given up. Returns its token."""
        ...

    def switch(self, package_id: str, token: str, actor: str) -> str | None:
        """Use a version from now on. Returns the token of the one before, or None."""
        ...

    def withdraw(self, package_id: str, token: str, actor: str) -> None:
        """Remove a version that was placed; with the only one, the package."""
        ...

    def prune(self, package_id: str, keep: frozenset[str]) -> None:
        """Forget versions but those named and the one in use."""
        ...

    def folder(self, package_id: str, token: str) -> Path | None:
        """Where the files of a version stand, named as in its manifest; None when they are gone."""
        ...


class PackKind:
    """Evaluation sets, baselines and data packs: folders that their readers look up at each use.

    Args:
        kind: Which of them.
        shelf: Where they stand.
    """

    def __init__(self, kind: str, shelf: PackShelf) -> None:
        self._kind = kind
        self._shelf = shelf

    def judge(self, package: Package, folder: Path) -> None:
        """Refuse what its readers could not read. Raises ContentRefused."""
        _JUDGES.get(self._kind, _anything)(package, folder / FILES)

    def place(self, package: Package, folder: Path, actor: str) -> str:
        """Move it to its place."""
        del actor
        self._shelf.place(self._kind, package.package_id, package.version, folder)
        return package.version

    def switch(self, package_id: str, token: str, actor: str) -> str | None:
        """Replace the file that names the version in use. Raises NothingBefore."""
        del actor
        before = self._shelf.in_use(self._kind, package_id)
        self._shelf.switch(self._kind, package_id, token)
        return before

    def withdraw(self, package_id: str, token: str, actor: str) -> None:
        """Remove it."""
        del actor
        self._shelf.withdraw(self._kind, package_id, token)

    def prune(self, package_id: str, keep: frozenset[str]) -> None:
        """Remove the others."""
        self._shelf.prune(self._kind, package_id, keep)

    def folder(self, package_id: str, token: str) -> Path | None:
        """Where it stands."""
        return self._shelf.version(self._kind, package_id, token)


def _evaluation(package: Package, files: Path) -> None:
    try:
        found = read_set(files)
    except EvalError as error:
        raise _refused(package, error.sentence, error.sentence) from error
    if found.id != package.package_id:
        raise _refused(package, "评测集编号与软件包不符", "the set has another id")


def _baseline(package: Package, files: Path) -> None:
    """The checks would stop at one that they cannot read, so none may come in."""
    for path in sorted(files.glob("*.json")):
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        try:
            parse(raw)
        except BaselineMalformed as error:
            raise _refused(package, f"{path.name}:{error.sentence}", error.sentence) from error


def _anything(package: Package, files: Path) -> None:
    """Data packs are what their readers make of them."""
    del package, files


_JUDGES: Final[Mapping[str, Callable[[Package, Path], None]]] = {
    "evaluations": _evaluation,
    "baselines": _baseline,
}


class Catalogue(Protocol):
    """The part of the catalogue that updates need; it records what it does."""

    def get(self, model_id: str, /) -> ShelvedModel:
        """Return a model. Raises ModelUnknown, ModelDamaged or ManifestUntrusted."""
        ...

    def bring_beside(self, source: Path, card: ModelCard, actor: str, /) -> Manifest:
        """Judge a model that is given up, take it over and sign for it; it is not served yet."""
        ...

    def switch(self, model_id: str, digest: str, actor: str, /) -> Manifest:
        """Have another version served. Returns the manifest of the one before."""
        ...

    def versions(self, model_id: str, /) -> tuple[Manifest, ...]:
        """The manifests of every version that is here. Raises ModelUnknown."""
        ...

    def place_of(self, model_id: str, digest: str, /) -> Path | None:
        """Where the card and the files of a version stand."""
        ...

    def prune(self, model_id: str, keep: frozenset[str], /) -> None:
        """Forget versions but those named and the one that is served."""
        ...

    def remove(self, model_id: str, actor: str, /) -> None:
        """Take a model off the shelf."""
        ...


class ModelKind:
    """Models: a newer version is loaded beside the one that answers, and then takes over.

    Args:
        catalogue: The shelf with its records.
        ours: Whether a stick brought what stands under an id; what a person put there is kept.
        renew: Has the engine of a model replaced by one with the version that is served now, and
            returns once it answers; raises when that does not come up, with the old one in place.
    """

    def __init__(
        self, catalogue: Catalogue, ours: Callable[[str], bool], renew: Callable[[str], Any]
    ) -> None:
        self._catalogue = catalogue
        self._ours = ours
        self._renew = renew

    def judge(self, package: Package, folder: Path) -> None:
        """Refuse before anything is touched what the shelf would refuse in the middle.

        Raises:
            FileRefused, CardMalformed, CardMismatch: The model is not acceptable.
            ModelExists: Its id is taken by a model that no stick brought.
            ContentRefused: The card is another model's.
        """
        card = _card(package, folder)
        check_card(card, require_model(_source(folder)))
        try:
            versions = self._catalogue.versions(card.id)
        except ModelUnknown:
            return
        there = any(_same(one, package, card) for one in versions)
        if not there and not self._ours(card.id):
            raise ModelExists(model_id=card.id)

    def place(self, package: Package, folder: Path, actor: str) -> str:
        """Take it over onto the shelf."""
        card = _card(package, folder)
        made = self._catalogue.bring_beside(_source(folder), card, actor)
        if not _same(made, package, card):
            raise _refused(package, "上架时内容已变", "it changed on its way to the shelf")
        return made.digest

    def switch(self, package_id: str, token: str, actor: str) -> str | None:
        """Serve a version from now on, its engine loaded beside the old one where both fit."""
        before = self._catalogue.switch(package_id, token, actor).digest
        if before == token:
            return None
        try:
            self._renew(package_id)
        except BaseException:
            self._catalogue.switch(package_id, before, actor)
            raise
        return before

    def withdraw(self, package_id: str, token: str, actor: str) -> None:
        """Take it off the shelf again."""
        if self._catalogue.get(package_id).manifest.digest == token:
            self._catalogue.remove(package_id, actor)
            return
        others = {one.digest for one in self._catalogue.versions(package_id)} - {token}
        self._catalogue.prune(package_id, frozenset(others))

    def prune(self, package_id: str, keep: frozenset[str]) -> None:
        """Forget older versions."""
        self._catalogue.prune(package_id, keep)

    def folder(self, package_id: str, token: str) -> Path | None:
        """Where it stands on the shelf."""
        return self._catalogue.place_of(package_id, token)


def discard(folder: Path) -> None:
    """Forget an assembled package that was not given up."""
    shutil.rmtree(folder, ignore_errors=True)


def _card(package: Package, folder: Path) -> ModelCard:
    raw = (folder / CARD).read_bytes()
    card = ModelCard.from_bytes(raw)
    if card.id != package.package_id or card.version != package.version:
        raise _refused(
            package, "模型卡属于其他模型或版本", "the card is another model's or version's"
        )
    if card.to_bytes() != raw:
        raise CardMalformed(field="card", reason_zh="不是规范形式", reason_en="not canonical")
    return card


def _source(folder: Path) -> Path:
    """What goes on the shelf: the one file, or the folder of files."""
    files = sorted((folder / FILES).iterdir())
    return files[0] if len(files) == 1 and files[0].is_file() else folder / FILES


def _same(manifest: Manifest, package: Package, card: ModelCard) -> bool:
    signed = {
        file.name.removeprefix(f"{FILES}/"): (file.size, file.sha256)
        for file in package.files
        if file.name != CARD
    }
    there = {row.name: (row.size, row.sha256) for row in manifest.files}
    return there == signed and manifest.card_digest == card_digest(card)


def _refused(package: Package, zh: str, en: str) -> ContentRefused:
    name = f"{package.kind}/{package.package_id}"
    return ContentRefused(name=name, reason_zh=zh, reason_en=en)
