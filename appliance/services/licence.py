"""What vendors seal for this box alone: its age identity, a key of the vault."""

from base64 import b64decode
from typing import Final

from appliance.backup.errors import KeysRefused
from appliance.backup.recipients import decrypt_with, identity_text, recipient_of
from appliance.updates.manifest import Sealing
from appliance.updates.sealing import KEY
from appliance.vault.opened import Opened

_USE: Final = "licence"


class Licence:
    """Opens the keys of packages that are licensed to this box.

    The identity lies in the vault and nowhere else: where a TPM opens the vault, it is bound to this
    machine. It comes back with a backup, so that a repaired box keeps its models.

    Args:
        opened: The open vault.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def recipient(self) -> str:
        """What vendors seal to, `age1...`; public. Raises VaultLocked."""
        with self._opened.secret(_USE) as secret:
            return recipient_of(secret)

    def open(self, sealing: Sealing) -> bytes | None:
        """The key of a package, or None when it is for another box. Raises VaultLocked."""
        with self._opened.secret(_USE) as secret:
            try:
                key = decrypt_with(b64decode(sealing.key), identity_text(secret), _USE)
            except (KeysRefused, ValueError):
                return None
        return key if len(key) == KEY else None
