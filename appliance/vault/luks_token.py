"""What the header of the vault's device tells of its key: the slots, the PCRs it is sealed to.

The key itself lies wrapped beside the box's other keys; whoever looks at the device alone, as the
firmware checks do, would find a volume that is sealed to nothing. So the header carries a token of
the box's own (LUKS2 On-Disk Format 1.1.3, section 3.4: a type, and free fields). It holds no secret.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from appliance.vault.tools import Tools
from secure_compute.sealed_root import Slot
from secure_compute.slot_kinds import TPM
from secure_compute.tpm import SealedInTpm

TYPE: Final = "wardbox"
# The last of the 32 places: others count from the first.
_PLACE: Final = ("--token-id", "31")


def token_of(slots: Sequence[Slot]) -> dict[str, Any]:
    """The token for these slots; `tpm2-pcrs` are those of the slots that a TPM holds."""
    sealed = (SealedInTpm.parse(slot.kdf) for slot in slots if slot.kind == TPM)
    return {
        "type": TYPE,
        "keyslots": [],
        "slots": sorted({slot.kind for slot in slots}),
        "tpm2-pcrs": sorted({register for one in sealed for register in one.pcrs}),
    }


def tell(tools: Tools, device: str, slots: Sequence[Slot], draft: Path) -> bool:
    """Write the token unless the header has it already.

    Args:
        tools: runs cryptsetup.
        device: with the header.
        slots: of the vault as it is now.
        draft: a path for the token while it is handed over; gone afterwards.

    Returns:
        Whether the header tells it now; the volume serves either way, and the next opening tries again.
    """
    wanted = token_of(slots)
    code, said = tools.run(("cryptsetup", "token", "export", *_PLACE, device))
    if code == 0 and _same(said, wanted):
        return True
    draft.write_text(json.dumps(wanted), encoding="utf-8")
    try:
        replacing = ("--token-replace",) if code == 0 else ()
        words = ("token", "import", *_PLACE, *replacing, "--json-file", str(draft), device)
        return tools.run(("cryptsetup", *words))[0] == 0
    finally:
        draft.unlink()


def _same(said: str, wanted: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(said) == wanted)
    except ValueError:
        return False
