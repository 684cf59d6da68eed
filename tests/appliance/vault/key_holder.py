"""A process that opens a vault, tells its keys in disguise, locks it, and waits to be looked into."""

import gc
import os
import sys
from pathlib import Path

from appliance.settings.layout import StateLayout
from appliance.vault.vault import Vault
from secure_compute.secret import Secret, scrub
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, Clock, NotedMount

MASK = 0x5A


def disguised(secret: Secret) -> str:
    """Hexadecimal digits of the bytes under a mask, one by one: no second copy of the key is made."""
    return "".join(f"{byte ^ MASK:02x}" for byte in secret.view())


class Forgetful(NotedMount):
    """Keeps no key."""

    def mount(self, key: bytes) -> None:
        scrub(key)


def main() -> None:
    vault = Vault(StateLayout(Path(sys.argv[1])), "wardbox/test", Forgetful(), Clock(), cost=CHEAP)
    opened = vault.unlock(PASSPHRASE)
    opened.check()
    if len(sys.argv) > 2:
        vault.rotate_root()
    ring = opened._keyring
    secrets = {"root": ring.root, "kek": next(iter(ring._keks.values()))}
    secrets |= dict(opened._open)
    for name, secret in secrets.items():
        if len(secret) == 32:
            print(name, disguised(secret))
    del secrets, ring, secret
    print("open", flush=True)
    sys.stdin.readline()
    vault.lock()
    del opened
    gc.collect()
    print("locked", flush=True)
    sys.stdin.readline()
    os._exit(0)


if __name__ == "__main__":
    main()
