"""A process that unlocks a vault with real files and waits to be killed."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from appliance.settings.layout import StateLayout
from appliance.vault.mount import GocryptfsMount
from appliance.vault.vault import Vault
from models.engines.process import ProcessKeeper
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE


def real_vault(state: Path) -> Vault:
    layout = StateLayout(state)
    files = GocryptfsMount(layout, ProcessKeeper())
    return Vault(layout, "wardbox/test", files, lambda: datetime.now(UTC), cost=CHEAP)


def main() -> None:
    vault = real_vault(Path(sys.argv[1]))
    if vault.status().state == "absent":
        vault.create(PASSPHRASE)
    opened = vault.unlock(PASSPHRASE)
    (opened.mount / "shelf" / "model.gguf").write_bytes(b"weights" * 1000)
    os.sync()
    os.write(1, b"mounted\n")
    time.sleep(60)


if __name__ == "__main__":
    main()
