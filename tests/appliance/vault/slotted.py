"""A chip of paper, and what tests of slots ask of a vault."""

from appliance.vault.offer import Offer
from secure_compute.slot_errors import (
    TpmPolicyFailed,
    TpmReplaced,
)
from secure_compute.tpm import SealedInTpm, Tpm
from tests.appliance.vault.conftest import PASSPHRASE

ME = "local:console"
PRESENT = Offer(PASSPHRASE)


class PaperTpm(Tpm):
    """A chip of paper: keeps what is sealed by its values, and tells what a real one tells."""

    def __init__(self) -> None:
        super().__init__("device:/nowhere")
        self.pcrs = dict.fromkeys(range(24), "00" * 32)
        self.seed = "000b" + "11" * 32
        self.kept = {}
        self.broken = None

    def seal(self, key, pcrs):
        if self.broken is not None:
            raise self.broken
        name = f"{len(self.kept):04d}".encode()
        self.kept[name] = key.copy()
        return SealedInTpm(name, b"sealed", self.seed, {n: self.pcrs[n] for n in pcrs})

    def unseal(self, sealed):
        if self.broken is not None:
            raise self.broken
        if sealed.parent != self.seed:
            raise TpmReplaced
        changed = [n for n, value in sealed.pcrs.items() if self.pcrs[n] != value]
        if changed:
            raise TpmPolicyFailed(registers=", ".join(f"PCR {n}" for n in changed))
        return self.kept[sealed.public].copy()


def ids(vault):
    return {slot.kind: slot.slot_id for slot, _ in vault.slots.listed()}
