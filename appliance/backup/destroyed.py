"""What was erased since a snapshot: gathered from lists and certificates, so that it stays erased."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from appliance.backup.errors import BoxDestroyed, DestroyedUnreadable
from appliance.vault.forgotten import ForgottenList, Gone, listed
from appliance.vault.opened import Opened
from appliance.vault.subjects import FAMILIES, tag_of
from secure_compute.destruction import Destruction, verify_destruction
from secure_compute.errors import SecureComputeError
from secure_compute.note import NoteKey

_SIGNED: Final = "\n\n— ".encode()
"""A certificate is a signed note: behind its text stand lines that begin like this."""
_BOX: Final = "box"


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What is known to have been erased.

    Args:
        lists: files as `keys/forgotten.jsonl`, of later snapshots or of the old machine.
        certificates: of destruction, each signed by the box.
    """

    lists: tuple[bytes, ...] = ()
    certificates: tuple[Destruction, ...] = ()


def sorted_out(files: Sequence[bytes], key: NoteKey, place: str) -> Destroyed:
    """Tell lists from certificates, and check these.

    Args:
        files: what a person gave.
        key: the box's public key.
        place: of the backup, for sentences.

    Raises:
        DestroyedUnreadable: one is neither, or a certificate is not by this box.
        BoxDestroyed: a certificate says that the whole box was destroyed.
    """
    lists, certificates = [], []
    for number, content in enumerate(files, 1):
        if _SIGNED in content:
            try:
                certificates.append(verify_destruction(content, key))
            except SecureComputeError as error:
                raise DestroyedUnreadable(number=number) from error
        elif listed(content) or not content.strip():
            lists.append(content)
        else:
            raise DestroyedUnreadable(number=number)
    for one in certificates:
        if one.kind == _BOX:
            when = datetime.fromtimestamp(one.time, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise BoxDestroyed(place=place, when=when)
    return Destroyed(tuple(lists), tuple(certificates))


def keep_erased(known: Destroyed, opened: Opened) -> int:
    """Put what is known on the restored box's list: whoever opens its vault destroys it first.

    Args:
        known: what was erased.
        opened: the keys of the restored box.

    Returns:
        How many of them the snapshot did not know of.

    Raises:
        OSError: the disk refuses.
    """
    own = ForgottenList(opened.forgotten)
    fresh = sum(own.merge(content) for content in known.lists)
    there = {(one.family, one.tag) for one in own.all()}
    for one in known.certificates:
        if one.kind not in FAMILIES:
            continue
        gone = Gone(one.kind, tag_of(opened, one.kind, one.subject), max(0, one.time))
        if (gone.family, gone.tag) not in there:
            own.add(gone)
            there.add((gone.family, gone.tag))
            fresh += 1
    return fresh
