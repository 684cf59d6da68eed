"""What opens the vault without a person, and what tells this machine and its boots from others."""

from dataclasses import dataclass
from typing import Self

from appliance.settings.layout import StateLayout
from appliance.vault.backoff import Uptime
from appliance.vault.claim import Claim
from appliance.vault.unattended import Unattended
from secure_compute.tpm import DEVICE, Tpm


@dataclass(frozen=True, slots=True)
class Ways:
    """The machine, as the vault sees it.

    Args:
        unattended: the TPM and the key servers.
        uptime: counts waits; names the boot.
        claim: tells this machine from others.
    """

    unattended: Unattended
    uptime: Uptime
    claim: Claim

    @classmethod
    def of_machine(cls, layout: StateLayout, tpm: str = DEVICE) -> Self:
        """This machine's own.

        Args:
            layout: where the box keeps its state.
            tpm: how its TPM is reached, as tpm2-tss names it.
        """
        return cls(Unattended(Tpm(tpm)), Uptime.of_machine(), Claim(layout))
