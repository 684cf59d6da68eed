"""What a vendor ships: judged as a box would judge it, then kept, older versions beside the newest."""

import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.backup.recipients import encrypt_to, is_recipient
from appliance.updates.errors import MetadataRefused
from appliance.updates.manifest import (
    CARD,
    FILES,
    MAX_MANIFEST,
    MODELS,
    PACKAGE,
    RELEASE,
    SOFTWARE,
    Package,
    Requires,
    Sealing,
)
from appliance.updates.reading import read_package
from appliance.updates.sealing import KEY
from installer.vendor.describing import ANYWHERE, Wanted, describe, judge
from installer.vendor.errors import (
    VendorArgumentRefused,
    VendorFolderTaken,
    VendorFolderUnusable,
    VendorModelRefused,
    VendorPackageRefused,
)
from installer.vendor.files import copy_new, read_bounded, told, write_new
from installer.vendor.log_forms import judge_log
from models.card import MAX_CARD_BYTES, ModelCard
from models.errors import ModelsError
from models.formats.inspect import require_model
from models.registry.intake import source_files
from models.registry.package import check_card

STOCK: Final = "stock"
CONTENT: Final = "content"
_CURRENT: Final = "current"
_KEY: Final = "key"
_CACHES: Final = "__pycache__"
"""Not part of any package, like everything whose name begins with a dot."""


@dataclass(frozen=True, slots=True)
class Stocked:
    """A package in the vendor's folder.

    Attributes:
        package: Its manifest, as for a box that has every chunk.
        content: The folder of its files, under the names of the manifest.
        key: Of a package that one box alone can open.
    """

    package: Package
    content: Path
    key: bytes | None = None


class Warehouse:
    """Packages in `DIR/stock/<kind>/<id>/<version>/`; a file `current` names the one that is shipped.

    Args:
        folder: The vendor's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._stock = folder / STOCK

    def add(
        self,
        model: Path,
        card_file: Path,
        requires: Requires = ANYWHERE,
        recipient: str | None = None,
    ) -> ModelCard:
        """Judge a model and its card, and copy them in; from now on it is what is shipped of its id.

        Args:
            model: A GGUF or safetensors file, or a Hugging Face folder.
            card_file: Its card.
            requires: Where it may go.
            recipient: The age recipient of the one box that shall be able to open it; None: any box.

        Raises:
            VendorModelRefused: No box would take it.
            VendorPackageRefused: Its version or the name of a file may not stand in a bundle.
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
        key = None if recipient is None else os.urandom(KEY)
        wanted = Wanted(MODELS, card.id, card.version, card.name, requires)
        if key is not None and recipient is not None:
            wanted = replace(wanted, sealed=_sealing(key, recipient))
        held = {f"{FILES}/{name}": path for name, path in files.items()}
        self._place(wanted, held, {CARD: card.to_bytes()}, key)
        return card

    def add_files(self, wanted: Wanted, source: Path) -> None:
        """Copy in a file or a folder of files; from now on it is what is shipped of its id.

        Args:
            wanted: What it is; any kind but a model.
            source: A file, or a folder; for software a release tree.

        Raises:
            VendorPackageRefused: It may not stand in a bundle.
            VendorLogFormRefused: A release before it could not go on with the audit log.
            VendorFolderTaken: The very same version is there with other bytes.
        """
        folder = RELEASE if wanted.kind == SOFTWARE else FILES
        with told(source):
            found = _files_of(source.resolve(strict=True))
            if wanted.kind == SOFTWARE:
                judge_log(wanted, found, self._stock / wanted.kind / wanted.package_id)
        self._place(wanted, {f"{folder}/{name}": path for name, path in found.items()}, {}, None)

    def stock(self) -> tuple[Stocked, ...]:
        """What is shipped, by kind and id. Raises VendorFolderUnusable."""
        pointers = sorted(self._stock.glob(f"[a-z]*/[a-z0-9]*/{_CURRENT}"))
        return tuple(_stocked(path.parent / _version(path)) for path in pointers)

    def find(self, package: Package) -> Path | None:
        """The folder of the files of some version, if it is still here."""
        place = self._stock / package.kind / package.package_id / package.version / CONTENT
        return place if place.is_dir() else None

    def _place(
        self,
        wanted: Wanted,
        files: Mapping[str, Path],
        texts: Mapping[str, bytes],
        key: bytes | None,
    ) -> None:
        judge(wanted, (*files, *texts))
        place = self._stock / wanted.kind / wanted.package_id / wanted.version
        with told(self._stock):
            self._stock.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=".adding-", dir=self._stock))
            try:
                fresh = work / wanted.version
                for name, path in files.items():
                    copy_new(path, fresh / CONTENT / name)
                for name, raw in texts.items():
                    write_new(fresh / CONTENT / name, raw)
                made = describe(wanted, fresh / CONTENT)
                write_new(fresh / PACKAGE, made.to_bytes())
                if key is not None:
                    write_new(fresh / _KEY, key)
                    (fresh / _KEY).chmod(0o600)
                if place.exists():
                    # One version of one package has one content: a box would refuse the second.
                    if not _same(_stocked(place).package, made):
                        raise VendorFolderTaken(folder=f"{wanted.package_id} {wanted.version}")
                else:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    fresh.rename(place)
                write_new(place.parent / _CURRENT, wanted.version.encode())
            finally:
                shutil.rmtree(work, ignore_errors=True)


def _same(one: Package, other: Package) -> bool:
    """Whether two are the same but for the key, which is another one each time."""
    recipients = {None if row.sealed is None else row.sealed.recipient for row in (one, other)}
    bare = {replace(row, sealed=None).to_bytes() for row in (one, other)}
    return len(recipients) == len(bare) == 1


def _sealing(key: bytes, recipient: str) -> Sealing:
    if not is_recipient(recipient):
        raise VendorArgumentRefused(
            name="--seal-to", reason_zh="应为 age1...", reason_en="it must be age1..."
        )
    return Sealing(recipient, b64encode(encrypt_to(key, (recipient,))).decode())


def _files_of(source: Path) -> dict[str, Path]:
    if source.is_file():
        return {source.name: source}
    found: dict[str, Path] = {}
    for folder, below, names in os.walk(source):
        below[:] = sorted(filter(_belongs, below))
        links = [name for name in below if (Path(folder) / name).is_symlink()]
        for name in (*links, *sorted(filter(_belongs, names))):
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file():
                shown = ascii(path.relative_to(source).as_posix())
                raise VendorPackageRefused(
                    reason_zh=f"{shown} 不是普通文件", reason_en=f"{shown} is no plain file"
                )
            found[path.relative_to(source).as_posix()] = path
    return found


def _belongs(name: str) -> bool:
    return name != _CACHES and not name.startswith(".")


def _version(pointer: Path) -> str:
    raw = read_bounded(pointer, 128)
    version = raw.decode("ascii", "replace")
    if "/" in version or version in {"", ".", ".."}:
        raise _damaged(pointer)
    return version


def _stocked(folder: Path) -> Stocked:
    path = folder / PACKAGE
    try:
        package = read_package(read_bounded(path, MAX_MANIFEST), str(path))
    except MetadataRefused as error:
        raise _damaged(path) from error
    key = read_bounded(folder / _KEY, KEY) if package.sealed is not None else None
    return Stocked(package, folder / CONTENT, key)


def _damaged(path: Path) -> VendorFolderUnusable:
    return VendorFolderUnusable(path=path, reason_zh="内容损坏", reason_en="it is damaged")
