"""An unlocked vault: keys by use, signing keys, the box's authority, and the mounted files."""

import threading
from pathlib import Path
from typing import Final

from appliance.errors import VaultLocked
from appliance.settings.layout import StateLayout
from appliance.vault.errors import VaultDamaged
from appliance.vault.keyfile import write_keyring
from secure_compute.certificates import Credential
from secure_compute.errors import SecureComputeError
from secure_compute.keyring import Keyring, WrappedKey
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey

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
        wrapped: the wrapped keys by use.
    """

    def __init__(
        self, layout: StateLayout, keyring: Keyring, wrapped: dict[str, WrappedKey]
    ) -> None:
        self._layout = layout
        self._keyring: Keyring | None = keyring
        self._wrapped = wrapped
        self._open: dict[str, Secret] = {}
        self._signers: dict[str, SigningKey] = {}
        self._lock = threading.Lock()

    @property
    def mount(self) -> Path:
        """The readable side of the encrypted files."""
        return self._layout.files_mount

    def check(self) -> None:
        """Open every wrapped key once, so that damage shows now and not in the middle of work.

        Raises:
            VaultDamaged: a key was altered or belongs to another box.
        """
        with self._lock:
            for use in self._wrapped:
                try:
                    self._secret(use)
                except SecureComputeError as error:
                    path = self._layout.keyring_file
                    raise VaultDamaged(path=path, reason=error.sentence) from error

    def key(self, use: str) -> bytes:
        """The 32-byte key for a use, made and kept at its first call.

        Args:
            use: "box.db", "audit.db", "files", "usage-salt", or another lasting name.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            return self._secret(use).reveal()

    def signing_key(self, use: str) -> SigningKey:
        """The Ed25519 key for a use: "audit", "manifest", "receipt" or another lasting name.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            if self._keyring is None:
                raise VaultLocked
            if use not in self._signers:
                seed = self._secret(_SIGNING + use)
                self._signers[use] = SigningKey.from_seed(seed.reveal())
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

    def escrow(self, key: Secret) -> bytes:
        """The root key sealed under a backup's key, so that a snapshot outlives this machine.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            if self._keyring is None:
                raise VaultLocked
            return self._keyring.escrow(key, "backup").to_bytes()

    def wrapped(self, use: str) -> WrappedKey:
        """A key as it lies wrapped under the root key, made at the first call for it.

        Raises:
            VaultLocked: the vault was locked in the meantime.
        """
        with self._lock:
            self._secret(use)
            return self._wrapped[use]

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

    def _secret(self, use: str) -> Secret:
        if self._keyring is None:
            raise VaultLocked
        if use not in self._open:
            if use not in self._wrapped:
                wrapped, secret = self._keyring.new_key(use)
                secret.wipe()
                self._wrapped = {**self._wrapped, use: wrapped}
                write_keyring(self._layout, self._wrapped)
            self._open[use] = self._keyring.unwrap(self._wrapped[use])
        return self._open[use]


def fresh_keys(keyring: Keyring, authority: Credential) -> dict[str, WrappedKey]:
    """New random keys for every use that a box has from its first day, and its authority."""
    uses = (*KEY_USES, *(_SIGNING + use for use in SIGNING_USES))
    made: dict[str, WrappedKey] = {}
    for use in uses:
        made[use], secret = keyring.new_key(use)
        secret.wipe()
    with Secret(authority.certificate_pem + authority.key_pem) as pem:
        made[_AUTHORITY] = keyring.wrap(pem, _AUTHORITY)
    return made
