"""The root ceremony: the keys of every role, and the root that boxes will trust."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]

from appliance.updates.manifest import KINDS
from appliance.updates.shape import compact
from appliance.updates.trust import Pinned, describe, sound_root
from installer.vendor.errors import VendorFolderTaken, VendorFolderUnusable, VendorKeyUnusable
from installer.vendor.files import read_bounded, write_new
from installer.vendor.keys import KeyFolder
from installer.vendor.roster import (
    DELEGATIONS,
    DRAFT,
    METADATA,
    NEXT_ROOT,
    ROOT_DAYS,
    ROOT_FILE,
    adopt,
    first_delegations,
    note_name,
    read_delegations,
    read_draft,
    write_delegations,
)
from installer.vendor.times import later

KEYS: Final = "keys"
ROOT_KEYS: Final = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD: Final = 2
SINGLE_ROLES: Final = (Targets.type, Snapshot.type, Timestamp.type)
_MAX_METADATA: Final = 5 << 20


def hold_ceremony(
    folder: Path, keys: KeyFolder, now: datetime, media: Sequence[Path] = ()
) -> Pinned:
    """Make every key and the first root in an empty folder.

    Args:
        folder: The vendor's folder; `keys/` inside it holds the sealed keys.
        keys: Makes them.
        now: The time; the root holds for ten years from it.
        media: Where each root key is made, one place each; none: with the others, to be moved.

    Raises:
        VendorFolderTaken: The folder is not empty, two media are one, or one holds such a key.
        VendorPassphraseWeak: A passphrase is too short.
    """
    if folder.exists() and any(folder.iterdir()):
        raise VendorFolderTaken(folder=folder)
    homes = [keys.elsewhere(place) for place in media] or [keys] * len(ROOT_KEYS)
    if media and len({place.resolve() for place in media}) != len(ROOT_KEYS):
        raise VendorFolderTaken(folder=media[0])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    roots = [home.create(name) for name, home in zip(ROOT_KEYS, homes, strict=True)]
    others = {role: keys.create(role).public_key for role in (*SINGLE_ROLES, *KINDS)}
    root = Root(expires=later(now, ROOT_DAYS), consistent_snapshot=True)
    for signer in roots:
        root.add_key(signer.public_key, Root.type)
    root.roles[Root.type].threshold = ROOT_THRESHOLD
    for role in SINGLE_ROLES:
        root.add_key(others[role], role)
    metadata = Metadata(root)
    for signer in roots:
        metadata.sign(signer, append=True)
    raw = compact(metadata.to_dict())
    write_delegations(folder, first_delegations({kind: others[kind] for kind in KINDS}))
    for name, signer in zip(ROOT_KEYS, roots, strict=True):
        note_name(folder, signer.public_key.keyid, name)
    for role, key in others.items():
        note_name(folder, key.keyid, role)
    write_new(folder / METADATA / f"1.{ROOT_FILE}", raw)
    write_new(folder / ROOT_FILE, raw)
    return describe(sound_root(raw))


def add_signature(path: Path, signer: CryptoSigner) -> int:
    """Sign a draft of metadata, or a root, with one more key, in place.

    Returns:
        How many signatures it has now.

    Raises:
        VendorFolderUnusable: The file is no metadata, or was published already.
        VendorKeyUnusable: The key may not sign it, as far as can be told where the file lies.
    """
    metadata = _read_draft(path)
    key_id = signer.public_key.keyid
    allowed = _allowed(path, metadata)
    if allowed is not None and key_id not in allowed:
        raise VendorKeyUnusable(
            path=key_id[:16],
            reason_zh="不是签署该文件的密钥",
            reason_en="it is no key that signs this file",
        )
    metadata.sign(signer, append=True)
    write_new(path, compact(metadata.to_dict()))
    return len(metadata.signatures)


def merge_signatures(path: Path, other: Path) -> int:
    """Take over the signatures of another copy of a file. Returns how many it has now.

    Raises:
        VendorFolderUnusable: One of them is no metadata, or they are not the same document.
    """
    mine, theirs = _read_draft(path), _read(other)
    if mine.signed_bytes != theirs.signed_bytes:
        raise VendorFolderUnusable(
            path=other, reason_zh="与原文件内容不同", reason_en="it is another document"
        )
    mine.signatures.update(theirs.signatures)
    write_new(path, compact(mine.to_dict()))
    return len(mine.signatures)


def adopted(path: Path) -> Pinned | None:
    """The root that is in force from now on, if the file was the last that a next root needed."""
    # Elsewhere only a copy is signed: the root in force is the vendor's.
    at_home = path.name == NEXT_ROOT and (path.parent / ROOT_FILE).is_file()
    return adopt(path.parent) if at_home else None


def _read_draft(path: Path) -> Metadata[Root]:
    """A box holds the same bytes under the same version for ever: only drafts get signatures."""
    metadata = _read(path)
    if metadata.signed.type != Root.type and not path.name.endswith(DRAFT):
        raise VendorFolderUnusable(
            path=path, reason_zh="不是草稿,已发布的版本不再追加签名", reason_en="it is no draft"
        )
    return metadata


def _read(path: Path) -> Metadata[Root]:
    try:
        return Metadata[Root].from_bytes(read_bounded(path, _MAX_METADATA))
    except (RepositoryError, ValueError) as error:
        raise VendorFolderUnusable(
            path=path, reason_zh="不是元数据文件", reason_en="it is no metadata file"
        ) from error


def _allowed(path: Path, metadata: Metadata[Root]) -> set[str] | None:
    """Ids of the keys that may sign a file; None where nothing tells who may."""
    if metadata.signed.type == Root.type:
        if not (path.parent / ROOT_FILE).is_file():
            return None
        present = read_draft(path.parent / ROOT_FILE).signed
        return {*metadata.signed.roles[Root.type].keyids, *present.roles[Root.type].keyids}
    home = path.absolute().parent.parent
    role = path.name.split(".")[0]
    if role in KINDS and (home / DELEGATIONS).is_file():
        return set(Targets(delegations=read_delegations(home)).get_delegated_role(role).keyids)
    return None
