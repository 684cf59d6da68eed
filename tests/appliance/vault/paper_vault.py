"""Keys of data sets out of a vault that nobody ever locked: its keyring lies beside the database."""

from pathlib import Path

from appliance.db.database import Db
from appliance.settings.layout import StateLayout
from appliance.vault.dataset_keys import DatasetKeys
from appliance.vault.keybook import KeyBook
from appliance.vault.keyfile import read_keyring
from appliance.vault.migrations import MIGRATIONS as VAULT
from appliance.vault.opened import Opened
from appliance.vault.subjects import SubjectKeys
from secure_compute.keyring import Keyring
from secure_compute.secret import Secret
from secure_compute.suites import INTERNATIONAL, Suite

__all__ = ["VAULT", "opened_in", "seals_of"]


def opened_in(folder: Path, suite: Suite = INTERNATIONAL) -> Opened:
    """The keys that lie in a folder, made at the first call."""
    layout = StateLayout(folder)
    layout.keys.mkdir(exist_ok=True)
    book = read_keyring(layout) if layout.keyring_file.exists() else KeyBook()
    return Opened(layout, Keyring(Secret(b"r" * 32), suite), book, lambda: 1_770_000_000)


def seals_of(folder: Path, db: Db, suite: Suite = INTERNATIONAL) -> DatasetKeys:
    """What seals files there."""
    return DatasetKeys(SubjectKeys(db, opened_in(folder, suite)))
