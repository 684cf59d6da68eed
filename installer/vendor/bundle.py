"""Making a bundle: judge the model and its card, copy them; sign; look at one as a box would."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Final

from appliance.errors import ApplianceError
from appliance.updates.release import CARD, RELEASE, Release
from appliance.updates.staging import measure
from appliance.updates.stick import Stick
from appliance.updates.trust import Trust
from installer.vendor.errors import VendorBundleInvalid, VendorKeysUnusable
from installer.vendor.keys import ONLINE_ROLES, KeyFolder
from installer.vendor.repository import SIGNED_DAYS, Repository, check_days, make_root
from models.card import ModelCard
from models.errors import ModelsError
from models.formats.inspect import require_model
from models.registry.package import check_card

ROOT_FILE: Final = "root.json"
_UNSIGNED: Final = "unsigned"
_MAX_CARD: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a box that trusts `root.json` would find in a bundle."""

    model: str
    version: str
    files: int
    size: int


class Vendor:
    """The vendor's folder: sealed keys, the public root, and the counter of bundles.

    Args:
        folder: Kept on the vendor's own machine; only `root.json` is public.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys = KeyFolder(folder / "keys")

    def init(self, passphrase: str, now: datetime) -> Path:
        """Make every key and the first root; return the root that goes into each box."""
        signers = self._keys.create(passphrase)
        root = self._folder / ROOT_FILE
        root.write_bytes(make_root(signers, now))
        return root

    @staticmethod
    def build(model: Path, card: Path, out: Path) -> Release:
        """Judge a model and its card as a box would, and lay out an unsigned bundle.

        Args:
            model: A GGUF or safetensors file, or a flat Hugging Face folder.
            card: The model card.
            out: An empty or absent folder.

        Raises:
            VendorBundleInvalid: Something in it no box would take.
        """
        if out.exists() and any(out.iterdir()):
            raise VendorBundleInvalid(
                reason_zh=f"{out} 不是空文件夹", reason_en=f"{out} is not empty"
            )
        try:
            read = ModelCard.from_bytes(_read(card))
            check_card(read, require_model(model))
            files = [model] if model.is_file() else sorted(model.iterdir())
            names = tuple(sorted({path.name for path in files} | {CARD}))
            release = Release(read.id, read.version, 0, names)
            Release.from_bytes(release.to_bytes())
        except (ModelsError, ApplianceError) as error:
            raise VendorBundleInvalid(
                reason_zh=error.sentence_zh, reason_en=error.sentence_en
            ) from error
        held = out / _UNSIGNED
        held.mkdir(parents=True)
        for path in files:
            if not path.is_file():
                raise VendorBundleInvalid(
                    reason_zh=f"{path.name} 不是文件", reason_en=f"{path.name} is no file"
                )
            shutil.copyfile(path, held / path.name)
        shutil.copyfile(card, held / CARD)
        return release

    def sign(self, out: Path, passphrase: str, now: datetime, days: int = SIGNED_DAYS) -> Release:
        """Sign a bundle laid out by `build`; afterwards the folder is the stick's content.

        Raises:
            VendorBundleInvalid: There is nothing to sign.
            VendorKeysUnusable: A key is missing or the passphrase is wrong.
        """
        check_days(days)
        signers = {role: self._keys.open(role, passphrase) for role in ONLINE_ROLES}
        held = out / _UNSIGNED
        if not (held / CARD).is_file():
            raise VendorBundleInvalid(
                reason_zh=f"{out} 中没有待签名的更新包", reason_en=f"{out} holds nothing to sign"
            )
        card = ModelCard.from_bytes(_read(held / CARD))
        names = tuple(sorted(path.name for path in held.iterdir()))
        release = Release(card.id, card.version, int(now.timestamp()), names)
        described = out / "release.json"
        described.write_bytes(release.to_bytes())
        files = {release.target(name): held / name for name in names} | {RELEASE: described}
        repository = Repository(self._folder)
        version = repository.next_version()
        signed = repository.metadata(files, signers, version=version, now=now, days=days)
        _place(out, files)
        held.rmdir()
        folder = out / "metadata"
        folder.mkdir()
        for name, raw in signed.items():
            (folder / name).write_bytes(raw)
        return release

    def inspect(self, out: Path, now: datetime, scratch: Path) -> Inspected:
        """Judge a signed bundle as a box would that knows only `root.json`.

        Args:
            out: The bundle.
            now: The time to judge expiry by.
            scratch: A folder for what such a box would learn; dropped by the caller.

        Raises:
            BundleRefused: One of its kinds.
            VendorKeysUnusable: There is no root.
        """
        root = self._folder / ROOT_FILE
        if not root.is_file():
            raise VendorKeysUnusable(reason_zh=f"{root} 缺失", reason_en=f"{root} is missing")
        shutil.copyfile(root, scratch / ROOT_FILE)
        stick = Stick(out)
        with Trust(scratch / ROOT_FILE).judge(stick, now.timestamp()) as bundle:
            measure(stick, bundle)
            size = sum(file.size for file in bundle.files)
            return Inspected(bundle.release.model, bundle.release.version, len(bundle.files), size)


def _place(out: Path, files: dict[str, Path]) -> None:
    """Move every file to targets/<folder>/<sha256>.<name>, the TUF name of consistent snapshots."""
    for target, path in files.items():
        folder = out / "targets" / Path(target).parent
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / f"{_digest(path)}.{path.name}")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_MAX_CARD + 1)
