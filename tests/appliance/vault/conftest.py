"""Vaults to test with: a mount that only notes what is asked, cheap passphrases, a set clock."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.backoff import Uptime
from appliance.vault.claim import Claim
from appliance.vault.support import detect, judge
from appliance.vault.unattended import Unattended
from appliance.vault.vault import Vault
from appliance.vault.ways import Ways
from secure_compute.sealed_root import Argon2Cost
from secure_compute.slot_errors import NetworkSlotRefused
from secure_compute.tpm import Tpm

CHEAP = Argon2Cost(64, 1, 1)
PASSPHRASE = "correct horse battery"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.up = 1000.0

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.up += seconds


class NotedMount:
    """The encrypted files without files."""

    name = "embedded"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.keys: set[bytes] = set()
        self.told: tuple[str, ...] = ()

    def check(self) -> None:
        self.calls.append("check")

    def prepare(self, key: bytes) -> None:
        self.calls.append("prepare")
        self.keys.add(key)

    def mount(self, key: bytes) -> None:
        self.calls.append("mount")
        assert key in self.keys

    def tell(self, slots) -> None:
        self.told = tuple(slot.kind for slot in slots)

    def unmount(self) -> None:
        self.calls.append("unmount")


def no_server(method, address, body):
    raise NetworkSlotRefused(reason_zh="无法连接", reason="it cannot be reached")


def ways_of(layout, clock, boot="boot-1", marks=None, **more):
    """A machine without a TPM and without a network, with an uptime that the test moves."""
    unattended = more.get("unattended") or Unattended(Tpm("device:/nowhere"), no_server)
    claim = Claim(layout, lambda: marks or {"system": "00"})
    return Ways(unattended, Uptime(boot, lambda: clock.up), claim)


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
    return Vault(layout, "wardbox/test", files, clock, cost=CHEAP, ways=ways_of(layout, clock))


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


@pytest.fixture
def chip():
    from tests.appliance.vault.slotted import PaperTpm

    return PaperTpm()


@pytest.fixture
def made(layout, files, clock, chip):
    """A function that starts the box anew, as a boot of the machine does."""

    def start(boot="boot-1", **more):
        unattended = more.pop("unattended", None) or Unattended(chip, no_server)
        ways = ways_of(layout, clock, boot, unattended=unattended, **more)
        return Vault(layout, "wardbox/test", files, clock, cost=CHEAP, ways=ways)

    return start
