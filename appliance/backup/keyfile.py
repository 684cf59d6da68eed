"""The files of a backup that open it: its public head, `keys.age`, and the recovery slot."""

import hmac
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.backup.errors import BackupAbsent, KeysRefused
from appliance.backup.recipients import MAX_KEYS, decrypt_with, encrypt_to, identity_text
from appliance.backup.sealing import ALGORITHM, RepositoryKeys, damaged
from appliance.backup.target import Target
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError, WrongSecret
from secure_compute.keyring import Keyring, WrappedKey
from secure_compute.sealed_root import Opener, SealedRoot, open_root
from secure_compute.secret import Secret
from secure_compute.signing import VerifyKey
from secure_compute.slot_kinds import KEY_FILE, RECOVERY, SHARES

HEAD: Final = "wardbox-backup.json"
KEYS: Final = "keys.age"
UNLOCK: Final = "unlock.json"
FORMAT: Final = "wardbox-backup/1"
IDENTITY: Final = "backup-identity"
"""The use of the vault's key that is the box's own backup identity."""

FULL: Final = frozenset((KEY_FILE, RECOVERY, SHARES))
"""Kinds of slots that a person holds and nobody can guess."""
_KEYS_FORMAT: Final = "wardbox-backup-keys/1"
_UNLOCK_FORMAT: Final = "wardbox-backup-unlock/1"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who makes backups: the box's backup identity and the keys it writes them to.

    Args:
        identity: 32 bytes; kept in the vault.
        recipients: age recipients, the box's own first.
        verify: public half of the key that signs lists of snapshots.
        box: which box, for people.
    """

    identity: Secret = field(repr=False)
    recipients: tuple[str, ...]
    verify: VerifyKey
    box: str


@dataclass(frozen=True, slots=True)
class OpenedKeys:
    """What `keys.age` holds.

    Args:
        keys: the backup's own keys.
        verify: who signs its lists.
        escrow: opens the root key that each snapshot carries.
        genuine: whether the box's own identity vouches for it; other backup keys cannot tell.
    """

    keys: RepositoryKeys
    verify: VerifyKey
    escrow: Secret = field(repr=False)
    genuine: bool = True


def write_keys(target: Target, keys: RepositoryKeys, holder: Holder) -> None:
    """Write `keys.age` and the head, which says for people what this is."""
    body = {
        "algorithm": ALGORITHM,
        "data": keys.data.hex(),
        "escrow": escrow_key(holder.identity).reveal().hex(),
        "format": _KEYS_FORMAT,
        "names": keys.names.hex(),
        "repository": keys.repository,
        "verify": f"{holder.verify.algorithm}:{holder.verify.public.hex()}",
    }
    # Anybody can encrypt to a recipient: only the proof tells that the box itself made these keys.
    proof = _proof(holder.identity, canonical_bytes(body))
    plain = canonical_bytes({"body": body, "proof": proof})
    target.write(KEYS, encrypt_to(plain, holder.recipients))
    head = {
        "box": holder.box,
        "format": FORMAT,
        "recipients": list(holder.recipients),
        "repository": keys.repository,
    }
    target.write(HEAD, canonical_bytes(head))


def read_head(target: Target) -> dict[str, Any]:
    """The head, which is public and proves nothing.

    Raises:
        BackupAbsent: there is no backup.
        BackupDamaged: it is not what was written.
    """
    try:
        head = parse_canonical(target.read(HEAD, MAX_KEYS))
    except SecureComputeError as error:
        raise damaged(HEAD, "不可读", "it cannot be read") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise damaged(HEAD, "格式未知", "its format is unknown")
    return head


def read_keys(target: Target, identity: Secret | str) -> OpenedKeys:
    """Open `keys.age`.

    Args:
        target: where the backup lies.
        identity: the box's own 32 bytes, or the text of another backup key.

    Raises:
        KeysRefused: they are not for this identity, or another box made them.
        BackupDamaged: they are lost.
    """
    text = identity if isinstance(identity, str) else identity_text(identity)
    plain = decrypt_with(_there(target, KEYS), text, target.place)
    try:
        value = parse_canonical(plain)
        body = value["body"]
        genuine = isinstance(identity, Secret)
        if isinstance(identity, Secret):
            proof = _proof(identity, canonical_bytes(body))
            if not hmac.compare_digest(proof, str(value["proof"])):
                raise KeysRefused(place=target.place)
        algorithm, _, public = str(body["verify"]).partition(":")
        keys = RepositoryKeys(
            body["repository"], bytes.fromhex(body["data"]), bytes.fromhex(body["names"])
        )
        verify = VerifyKey(bytes.fromhex(public), algorithm)
        return OpenedKeys(keys, verify, Secret(bytes.fromhex(body["escrow"])), genuine)
    except (SecureComputeError, KeyError, TypeError, ValueError) as error:
        raise damaged(KEYS, "不可读", "it cannot be read") from error


def escrow_key(identity: Secret) -> Secret:
    """What snapshots seal the vault's root key under: known to whoever opens `keys.age`."""
    return Secret(HKDF(SHA256(), 32, None, b"wardbox/v1/backup-escrow").derive(identity.reveal()))


def unlock_document(
    document: SealedRoot, identity: WrappedKey, kinds: frozenset[str] = FULL
) -> bytes:
    """What people open the backup with: slots of some kinds, and the wrapped backup identity.

    Args:
        document: the vault's slots.
        identity: the box's backup identity, wrapped by its root key.
        kinds: of slots; those with 256 bits by default. Whoever finds a backup can guess at a
            passphrase for as long as he likes.
    """
    kept = tuple(slot for slot in document.slots if slot.kind in kinds)
    root = replace(document, slots=kept).to_bytes().decode() if kept else ""
    return canonical_bytes({"format": _UNLOCK_FORMAT, "identity": identity.to_json(), "root": root})


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What a person's secret opened.

    Args:
        identity: the box's backup identity.
        document: the slots that lie with the backup.
        root: the root key that these slots hold; a snapshot may have had another.
    """

    identity: Secret = field(repr=False)
    document: SealedRoot
    root: Secret = field(repr=False)


def unlocked(target: Target, openers: Iterable[Opener]) -> Unlocked:
    """Open the backup identity by the first secret that fits.

    Raises:
        KeysRefused: none of them is this backup's.
        BackupAbsent: there is no backup.
        BackupDamaged: the document is not what was written.
    """
    read_head(target)
    raw = _there(target, UNLOCK)
    try:
        value = parse_canonical(raw)
        if value["format"] != _UNLOCK_FORMAT:
            raise damaged(UNLOCK, "格式未知", "its format is unknown")
        if not value["root"]:
            raise KeysRefused(place=target.place)
        document = SealedRoot.parse(str(value["root"]).encode())
        wrapped = WrappedKey.parse(value["identity"])
        for opener in openers:
            with suppress(WrongSecret):
                root = open_root(document, opener)
                keyring = Keyring(Secret(root.reveal()))
                try:
                    return Unlocked(keyring.unwrap(wrapped), document, root)
                finally:
                    keyring.wipe()
    except (SecureComputeError, KeyError, TypeError, ValueError) as error:
        raise damaged(UNLOCK, "不可读", "it cannot be read") from error
    raise KeysRefused(place=target.place)


def _there(target: Target, name: str) -> bytes:
    """A file without which there is no backup to open; its head was there."""
    try:
        return target.read(name, MAX_KEYS)
    except BackupAbsent:
        raise damaged(name, "缺失", "it is missing") from None


def _proof(identity: Secret, body: bytes) -> str:
    key = HKDF(SHA256(), 32, None, b"wardbox/v1/backup-proof").derive(identity.reveal())
    return hmac.digest(key, body, "sha256").hex()
