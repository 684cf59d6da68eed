"""What boxes and witnesses lay on a stick: the names of the files, and the checkpoint in each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from secure_compute.verifier.reading import Refused, read_part

if TYPE_CHECKING:
    from pathlib import Path

STICK_FOLDER, MOST_OFFER = "wardbox-witness", 1 << 17
OFFER = re.compile(r"offer-(\d{20})-from-(\d{20})\.txt\Z", re.ASCII)
COSIGNED = re.compile(r"cosigned-(\d{20})-([0-9a-f]{8})(-\d{1,3})?\.txt\Z", re.ASCII)


def no_offer(name: str) -> Refused:
    """The refusal for a file that is named like an offer and is none."""
    return Refused(f"{name} 已损坏或不是见证请求", f"{name} is damaged, or no offer of a box")


def offered(name: str, data: bytes) -> tuple[str, bytes]:
    """The head of an offer (the body of C2SP tlog-witness add-checkpoint), and its checkpoint."""
    head, mark, note = data.partition(b"\n\n")
    if not mark:
        raise no_offer(name)
    return head.decode("ascii", "replace"), note


def checkpoint_in(folder: Path, name: str) -> bytes:
    """The checkpoint of an offer, or the one that was cosigned."""
    data = read_part(folder, name, MOST_OFFER)
    return offered(name, data)[1] if OFFER.match(name) else data
