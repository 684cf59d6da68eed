"""The root ceremony: the keys of every role, and the root that boxes will trust."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]

from appliance.updates.shape import compact
from appliance.updates.trust import Pinned, describe, sound_root
from installer.vendor.errors import VendorFolderTaken, VendorFolderUnusable, VendorKeyUnusable
from installer.vendor.files import read_bounded, write_new
from installer.vendor.keys import KeyFolder

ROOT_FILE: Final = "root.json"
KEYS: Final = "keys"
ROOT_KEYS: Final = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD: Final = 2
ROOT_DAYS: Final = 3650
SINGLE_ROLES: Final = (Targets.type, Snapshot.type, Timestamp.type)
MODELS_KEY: Final = "models"
_MAX_METADATA: Final = 5 << 20


def hold_ceremony(folder: Path, keys: KeyFolder, now: datetime) -> Pinned:
    """Make every key and the first root in an empty folder.

    Args:
        folder: The vendor's folder; `keys/` inside it holds the sealed keys.
        keys: Makes them.
        now: The time; the root holds for ten years from it.

    Raises:
        VendorFolderTaken: The folder is not empty.
        VendorPassphraseWeak: A passphrase is too short.
    """
    if folder.exists() and any(folder.iterdir()):
        raise VendorFolderTaken(folder=folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    roots = {name: keys.create(name) for name in ROOT_KEYS}
    others = {role: keys.create(role) for role in (*SINGLE_ROLES, MODELS_KEY)}
    root = Root(expires=later(now, ROOT_DAYS), consistent_snapshot=True)
    for signer in roots.values():
        root.add_key(signer.public_key, Root.type)
    root.roles[Root.type].threshold = ROOT_THRESHOLD
    for role in SINGLE_ROLES:
        root.add_key(others[role].public_key, role)
    metadata = Metadata(root)
    for signer in roots.values():
        metadata.sign(signer, append=True)
    raw = compact(metadata.to_dict())
    write_new(folder / "metadata" / "1.root.json", raw)
    write_new(folder / ROOT_FILE, raw)
    return describe(sound_root(raw))


def add_signature(path: Path, signer: CryptoSigner) -> int:
    """Sign a metadata file with one more key, in place.

    Returns:
        How many signatures it has now.

    Raises:
        VendorFolderUnusable: The file is no metadata.
        VendorKeyUnusable: The file is a root, and the key is none of its root keys.
    """
    try:
        metadata = Metadata[Root].from_bytes(read_bounded(path, _MAX_METADATA))
    except (RepositoryError, ValueError) as error:
        raise VendorFolderUnusable(
            path=path, reason_zh="不是元数据文件", reason_en="it is no metadata file"
        ) from error
    key_id = signer.public_key.keyid
    if metadata.signed.type == Root.type and key_id not in metadata.signed.roles[Root.type].keyids:
        raise VendorKeyUnusable(
            path=key_id[:16], reason_zh="不是该根的密钥", reason_en="it is no key of this root"
        )
    metadata.sign(signer, append=True)
    write_new(path, compact(metadata.to_dict()))
    return len(metadata.signatures)


def later(now: datetime, days: int) -> datetime:
    """A time in whole seconds, some days on."""
    return now.astimezone(UTC).replace(microsecond=0) + timedelta(days=days)
