"""What is left of a damaged sealed root: the slots that are whole still open it."""

import json
import re
from typing import Final

from secure_compute.errors import SealedRootMalformed, SecureComputeError
from secure_compute.sealed_root import MAX_SLOTS, SealedRoot, Slot, parse_slot

_ROOT: Final = re.compile(r'"root_id":"([0-9a-f]{32})"', re.ASCII)
_BEGIN: Final = '{"id":"'
_MAX_BYTES: Final = 1 << 16


def salvage(data: bytes) -> SealedRoot:
    """The slots of a damaged document that are whole, each read by itself.

    Nothing is lost by reading leniently: every slot is bound to its id, kind, parameters and root, so
    one that was altered does not open.

    Raises:
        SealedRootMalformed: Nothing is left.
    """
    text = data[:_MAX_BYTES].decode("ascii", "replace")
    root = _ROOT.search(text)
    found: dict[str, Slot] = {}
    at = text.find(_BEGIN)
    while at >= 0 and len(found) < MAX_SLOTS:
        slot = _whole(text[at:])
        if slot is not None:
            found.setdefault(slot.slot_id, slot)
        at = text.find(_BEGIN, at + 1)
    if root is None or not found:
        raise SealedRootMalformed(reason="it was damaged or edited")
    return SealedRoot(root[1], tuple(found.values()))


def _whole(text: str) -> Slot | None:
    try:
        return parse_slot(json.JSONDecoder().raw_decode(text)[0])
    except (SecureComputeError, ValueError, RecursionError):
        return None
