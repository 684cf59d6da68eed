"""Vaults to test with: a mount that only notes what is asked, cheap passphrases, a set clock."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.support import detect, judge
from appliance.vault.vault import Vault
from secure_compute.sealed_root import Argon2Cost

CHEAP = Argon2Cost(64, 1, 1)
PASSPHRASE = "correct horse battery"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class NotedMount:
    """The encrypted files without files."""

    name = "embedded"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.keys: set[bytes] = set()

    def check(self) -> None:
        self.calls.append("check")

    def prepare(self, key: bytes) -> None:
        self.calls.append("prepare")
        self.keys.add(key)

    def mount(self, key: bytes) -> None:
        self.calls.append("mount")
        assert key in self.keys

    def unmount(self) -> None:
        self.calls.append("unmount")


@pytest.fixture
def layout(tmp_path):
    return StateLayout(tmp_path)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files():
    return NotedMount()


@pytest.fixture
def vault(layout, files, clock):
    return Vault(layout, "wardbox/test", files, clock, cost=CHEAP)


@pytest.fixture
def created(vault):
    return vault.create(PASSPHRASE)


@pytest.fixture
def fuse():
    """Skip where this machine cannot mount."""
    from appliance.vault.errors import VaultUnsupported

    try:
        judge(detect())
    except VaultUnsupported as error:
        pytest.skip(f"real mounts need FUSE and gocryptfs: {error.sentence_en}")
