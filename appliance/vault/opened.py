"""An unlocked vault: keys by use, signing keys, the box's authority, and the mounted files."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from appliance.errors import VaultLocked
from appliance.settings.layout import StateLayout
from appliance.vault.errors import KeyUnknown, VaultDamaged
from appliance.vault.keybook import KeptKey, KeyBook, State, first_book, fresh_version
from appliance.vault.keyfile import write_keyring, write_rotation
from secure_compute.canonical import canonical_bytes
from secure_compute.certificates import Credential
from secure_compute.errors import SecureComputeError
from secure_compute.keyring import Keyring, WrappedKey
from secure_compute.reseal import reseal
from secure_compute.sealed_root import SealedRoot
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey
from secure_compute.suites import Suite

KEY_USES: Final = ("audit.db", "box.db", "files", "usage-salt")
SIGNING_USES: Final = ("audit", "manifest", "receipt")
_SIGNING: Final = "signing."
_AUTHORITY: Final = "authority"
_KEY_MARK: Final = b"-----BEGIN PRIVATE KEY-----"


class Opened:
    """What an unlocked vault gives; everything in it ends with `close`.

    Args:
        layout: where the box keeps its state.
        keyring: opened by the root key.
        book: the wrapped keys.
        now: seconds since 1970 UTC, noted beside new keys; 0 says that nobody knows.
    """

    def __init__(
        self,
        layout: StateLayout,
        keyring: Keyring,
        book: KeyBook,
        now: Callable[[], int] = lambda: 0,
    ) -> None:
        self._layout = layout
        self._keyring: Keyring | None = keyring
        self._book = book
        self._now = now
        self._open: dict[str, Secret] = {}
        self._signers: dict[str, SigningKey] = {}
        self._lock = threading.Lock()

    @property
    def mount(self) -> Path:
        """The readable side of the encrypted files."""
        return self._layout.files_mount

    @property
    def forgotten(self) -> Path:
        """The list of destroyed subjects."""
        return self._layout.forgotten_file

    def check(self) -> None:
        """Open every wrapped key once, so that damage shows now and not in the middle of work.

        Raises:
            VaultDamaged: a key was altered or belongs to another box.
        """
        with self._lock:
            for key in self._book.keys:
                try:
                    self._opened(key)
                except SecureComputeError as error:
                    path = self._layout.keyring_file
                    raise VaultDamaged(path=path, reason=error.sentence) from error

    @property
    def book(self) -> KeyBook:
        """Every key as it lies wrapped."""
        return self._book

    @property
    def root_id(self) -> str:
        """The public name of the root key. Raises VaultLocked."""
        with self._lock:
            return self._ring().root_id

    @property
    def suite(self) -> Suite:
        """What new envelopes are sealed with. Raises VaultLocked."""
        with self._lock:
            return self._ring().suite

    def now(self) -> int:
        """Seconds since 1970 UTC, by the vault's clock."""
        return self._now()

    def key(self, use: str) -> bytes:
        """The 32-byte key for a use, made and kept at its first call.

        Args:
            use: "box.db", "audit.db", "files", "usage-salt", or another lasting name.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            return self._secret(use).reveal()

    def secret(self, use: str, version: int | None = None) -> Secret:
        """A copy of a key in locked memory, for the caller to wipe; the current one by default.

        Raises:
            VaultLocked: the vault was locked in the meantime.
            KeyUnknown: there is no such version.
        """
        with self._lock:
            self._ring()
            if version is None:
                return self._secret(use).copy()
            return self._opened(self._book.find(use, version)).copy()

    def signing_key(self, use: str) -> SigningKey:
        """The Ed25519 key for a use: "audit", "manifest", "receipt" or another lasting name.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            self._ring()
            if use not in self._signers:
                self._signers[use] = SigningKey(self._secret(_SIGNING + use).copy())
            return self._signers[use]

    def ca(self) -> Credential:
        """The box's own certificate authority, for `secure_compute.certificates.issue_server`.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            pem = self._secret(_AUTHORITY).reveal()
        certificate, mark, key = pem.partition(_KEY_MARK)
        return Credential(certificate, mark + key)

    def escrow(self, key: Secret) -> tuple[bytes, bytes]:
        """The root key sealed under a backup's key, and the book of keys that it opens.

        Both are of one moment: a rotation of the root cannot come between them.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            sealed = self._ring().escrow(key, "backup").to_bytes()
            return sealed, canonical_bytes(self._book.to_json())

    def wrapped(self, use: str) -> WrappedKey:
        """A key as it lies wrapped under the root key, made at the first call for it.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            self._secret(use)
            return self._book.current(use).wrapped

    def rotate_root(self, document: SealedRoot, stage: Callable[[Secret], None]) -> SealedRoot:
        """Take a new root key: every slot opens it, every key lies under it; nobody is disturbed.

        Args:
            document: the slots as they lie on the disk.
            stage: told the new root key before anything is written, for whoever keeps it in memory.

        Returns:
            The new document; it lies on the disk.

        Raises:
            VaultLocked: the vault was locked in the meantime.
            SlotUnreachable: a slot cannot follow; nothing has changed.
            OSError: the disk refused; nothing has changed.
        """
        with self._lock:
            old = self._ring()
            root = Secret.random()
            fresh = reseal(document, old.root, root)
            ring = Keyring(root, old.suite)
            try:
                book = self._book.rewrapped(old, ring)
                stage(root)
                write_rotation(self._layout, fresh, book)
            except BaseException:
                ring.wipe()
                raise
            self._keyring, self._book = ring, book
            old.wipe()
            return fresh

    def renew(self, use: str, state: State = "current") -> int:
        """Make the next version of a key; the present one stays for reading.

        Args:
            use: what the key is for.
            state: "current" to use it at once, "next" where something has to be locked with it first.

        Returns:
            The version made.
        """
        with self._lock:
            wrapped, secret = fresh_version(self._book, self._ring(), use)
            secret.wipe()
            self._write(self._book.with_key(wrapped, self._now(), state))
            return wrapped.version

    def promote(self, use: str) -> None:
        """Put the waiting version of a key in the place of the present one, which is destroyed."""
        with self._lock:
            book = self._book.promoted(use)
            with suppress(OSError):
                write_keyring(self._layout, book)
            # On a full disk the file still holds both versions: the next opening finds the right one.
            self._book = book
            self._forget(use)

    def retire(self, use: str, version: int) -> None:
        """Destroy one version of a key that is not in use."""
        with self._lock:
            if self._book.find(use, version).state == "current":
                raise KeyUnknown(key=f"{use}/{version}")
            self._write(self._book.without(use, version))
            self._forget(use)

    def close(self) -> None:
        """Overwrite every key; doing it twice is fine."""
        with self._lock:
            for secret in self._open.values():
                secret.wipe()
            for signer in self._signers.values():
                signer.wipe()
            self._open.clear()
            self._signers.clear()
            if self._keyring is not None:
                self._keyring.wipe()
                self._keyring = None

    def _ring(self) -> Keyring:
        if self._keyring is None:
            raise VaultLocked
        return self._keyring

    def _secret(self, use: str) -> Secret:
        ring = self._ring()
        if use not in self._book:
            wrapped, secret = ring.new_key(use)
            secret.wipe()
            self._write(self._book.with_key(wrapped, self._now()))
        return self._opened(self._book.current(use))

    def _opened(self, key: KeptKey) -> Secret:
        name = key.wrapped.key_id
        if name not in self._open:
            self._open[name] = self._ring().unwrap(key.wrapped)
        return self._open[name]

    def _write(self, book: KeyBook) -> None:
        write_keyring(self._layout, book)
        self._book = book

    def _forget(self, use: str) -> None:
        """Wipe what was opened of a use; the next call opens what the book holds now."""
        for name in [name for name in self._open if name.rpartition("/")[0] == use]:
            self._open.pop(name).wipe()


def fresh_keys(keyring: Keyring, authority: Credential, made: int = 0) -> KeyBook:
    """New random keys for every use that a box has from its first day, and its authority."""
    uses = (*KEY_USES, *(_SIGNING + use for use in SIGNING_USES))
    book = first_book(keyring, uses, made)
    with Secret(authority.certificate_pem + authority.key_pem) as pem:
        return book.with_key(keyring.wrap(pem, _AUTHORITY), made)
