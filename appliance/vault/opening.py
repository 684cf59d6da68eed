"""Opening the wrapped keys with the root key: by whichever of their two copies is whole."""

from collections.abc import Callable

from appliance.settings.layout import StateLayout
from appliance.vault.errors import VaultDamaged
from appliance.vault.keyfile import mirror_keyring, read_keyring
from appliance.vault.opened import Opened
from secure_compute.keyring import Keyring
from secure_compute.secret import Secret
from secure_compute.suites import Suite


def open_keys(layout: StateLayout, root: Secret, suite: Suite, now: Callable[[], int]) -> Opened:
    """Every key of the box, each tried once; the copy that was not whole is mended.

    Args:
        layout: where the box keeps its state.
        root: the root key; it stays the caller's.
        suite: what new keys are wrapped with.
        now: Unix seconds.

    Raises:
        VaultDamaged: neither copy is what was written.
    """
    try:
        opened = _tried(layout, Keyring(root.copy(), suite), now, copy=False)
    except VaultDamaged as error:
        if not layout.keyring_copy.exists():
            raise
        try:
            opened = _tried(layout, Keyring(root.copy(), suite), now, copy=True)
        except VaultDamaged:
            raise error from None
        mirror_keyring(layout, from_copy=True)
        return opened
    mirror_keyring(layout, from_copy=False)
    return opened


def _tried(layout: StateLayout, ring: Keyring, now: Callable[[], int], *, copy: bool) -> Opened:
    try:
        opened = Opened(layout, ring, read_keyring(layout, copy=copy), now)
        opened.check()
    except BaseException:
        ring.wipe()
        raise
    return opened
