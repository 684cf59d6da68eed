"""What a box gives to its backups, and who hears how far they have come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from appliance.settings.layout import StateLayout
from secure_compute.signing import SigningKey


class Told(Protocol):
    """Hears how far it has come; may raise to stop the work."""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Bytes done of all, in a phase."""
        ...


@dataclass(frozen=True, slots=True)
class Ours:
    """What the box gives to a snapshot of itself.

    Args:
        layout: where its state lies.
        box_key: opens the database, 32 bytes.
        audit_key: opens the audit log, 32 bytes.
        bodies_key: opens the bodies of the record, 32 bytes; None where there are none.
        signer: signs the list.
        root: the vault's root key, sealed under the backup's escrow key.
        keyring: the book of keys that this root opens, as its file says.
        version: of the software.
        threads: that hash, compress and seal.
        now: Unix time in seconds.
    """

    layout: StateLayout
    box_key: bytes = field(repr=False)
    audit_key: bytes = field(repr=False)
    signer: SigningKey
    root: bytes = field(repr=False)
    keyring: bytes = field(repr=False)
    version: str
    threads: int
    now: Callable[[], float]
    bodies_key: bytes | None = field(default=None, repr=False)
