"""Putting a vault together from its parts: constructor calls only."""

from collections.abc import Callable, Mapping
from datetime import datetime

from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.vault.handover import KeyHandover
from appliance.vault.luks import LuksVolume
from appliance.vault.mount import GocryptfsMount
from appliance.vault.record import UNRECORDED, read_record
from appliance.vault.tools import Tools
from appliance.vault.vault import Vault
from appliance.vault.ways import Ways
from models.engines.process import ProcessKeeper
from secure_compute.suites import SUITES


def build_vault(
    layout: StateLayout,
    settings: Settings,
    environ: Mapping[str, str],
    clock: Callable[[], datetime],
    *,
    erase: bool = False,
) -> Vault:
    """The vault of a box, on the back end that its storage record names.

    Args:
        layout: where the box keeps its state.
        settings: the box's settings.
        environ: the environment; it may name a handover.
        clock: wall time with a time zone.
        erase: a person said that whatever is on a device that is yet to be made may go.

    Raises:
        VaultDamaged: the storage record is not what was written.
    """
    files = build_files(layout, erase=erase)
    handover = KeyHandover.inherited(environ)
    ways = Ways.of_machine(layout, settings.vault.tpm)
    vault = Vault(layout, settings.audit.origin, files, clock, handover=handover, ways=ways)
    vault.suite = SUITES[settings.vault.suite]
    return vault


def build_files(layout: StateLayout, *, erase: bool = False) -> LuksVolume | GocryptfsMount:
    """The encrypted files of a box, on the back end that its storage record names.

    Args:
        layout: where the box keeps its state.
        erase: a person said that whatever is on a device that is yet to be made may go.

    Raises:
        VaultDamaged: the storage record is not what was written.
    """
    record = read_record(layout) or UNRECORDED
    if record.backend == "luks":
        return LuksVolume(layout, record, Tools(ProcessKeeper()), erase=erase)
    return GocryptfsMount(layout, ProcessKeeper())
