"""Putting a vault together from its parts: constructor calls only."""

from collections.abc import Callable, Mapping
from datetime import datetime

from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.vault.handover import KeyHandover
from appliance.vault.mount import GocryptfsMount
from appliance.vault.vault import Vault
from models.engines.process import ProcessKeeper


def build_vault(
    layout: StateLayout,
    settings: Settings,
    environ: Mapping[str, str],
    clock: Callable[[], datetime],
) -> Vault:
    """The vault of a box on the embedded back end.

    Args:
        layout: where the box keeps its state.
        settings: the box's settings.
        environ: the environment; it may name a handover.
        clock: wall time with a time zone.
    """
    files = GocryptfsMount(layout, ProcessKeeper())
    handover = KeyHandover.inherited(environ)
    return Vault(layout, settings.audit.origin, files, clock, handover=handover)
