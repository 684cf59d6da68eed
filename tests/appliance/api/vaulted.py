"""A real vault, open, in the place of the test box's plain one: for what works on slots and keys."""

from dataclasses import replace

from appliance.api.front import Front
from appliance.batches.locker import Locker
from appliance.vault.dataset_keys import DatasetKeys
from appliance.vault.unattended import Unattended
from appliance.vault.vault import Vault
from tests.appliance.api.stand_ins import paper_disclosure
from tests.appliance.vault.conftest import (
    CHEAP,
    PASSPHRASE,
    Clock,
    NotedMount,
    no_server,
    ways_of,
)
from tests.appliance.vault.slotted import PaperTpm


def vault_for(front: Front, chip: PaperTpm) -> Vault:
    """Make one in the box's state, open it, and have the box use it."""
    clock = Clock()
    ways = ways_of(front.layout, clock, unattended=Unattended(chip, no_server))
    vault = Vault(front.layout, "wardbox/test", NotedMount(), clock, cost=CHEAP, ways=ways)
    vault.create(PASSPHRASE)
    vault.unlock(PASSPHRASE)
    front.vault = vault
    keep_under(front, vault)
    return vault


def keep_under(front: Front, vault: Vault) -> None:
    """Have the bodies and files of the box sealed under the keys of a vault."""
    box = front.services
    if box is not None:
        disclosure = paper_disclosure(box.db, box.log, front.layout, vault.opened)
        box.responses.seal_by(disclosure.subjects)
        callers = front.layout.root / "callers"
        box.files._locker = Locker(callers, DatasetKeys(disclosure.subjects))
        front.services = replace(box, disclosure=disclosure)
