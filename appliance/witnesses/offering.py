"""What a witness is handed: old size, consistency proof, checkpoint (C2SP tlog-witness), as a file."""

import re
from base64 import b64encode
from typing import Final

from appliance.audit.reading import AuditReader

FOLDER: Final = "wardbox-witness"
_PLAIN: Final = re.compile(r"[^a-z0-9._-]")


def folder_of(origin: str) -> str:
    """The folder of a log on a stick: several boxes may share one."""
    return f"{FOLDER}/{_PLAIN.sub('_', origin)}"


def offer_path(origin: str, old: int, size: int) -> str:
    """Where an offer goes on a stick; sorted by name, the newest is the last, and none is replaced."""
    return f"{folder_of(origin)}/offer-{size:020d}-from-{old:020d}.txt"


def offer_text(reader: AuditReader, old: int, size: int, note: str) -> str:
    """The body of `add-checkpoint`.

    Args:
        reader: the log.
        old: entries that the witness cosigned last; 0 for none.
        size: entries of the checkpoint.
        note: the checkpoint with its signatures.
    """
    proof = reader.consistency(old, size) if 0 < old < size else []
    lines = [f"old {old}", *(b64encode(step).decode() for step in proof), "", note]
    return "\n".join(lines)
