"""Which machine a vault belongs to: a copied state directory is told, so that no two boxes are one."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError

FORMAT: Final = "wardbox-machine/1"
_MARKS: Final[Mapping[str, str]] = {
    "system": "etc/machine-id",
    "board": "sys/class/dmi/id/product_uuid",
}
"""The board's own number can be read by root alone: only what was read both times is compared."""


def machine_marks(root: Path = Path("/")) -> dict[str, str]:
    """What tells this machine from others, as digests; nothing is readable from them."""
    found = {}
    for name, path in _MARKS.items():
        try:
            text = (root / path).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        if text:
            digest = hashlib.sha256(f"wardbox/v1/machine-{name}:{text}".encode())
            found[name] = digest.hexdigest()
    return found


class Claim:
    """The machine that a vault was last claimed by.

    Args:
        layout: where the box keeps its state.
        marks: of the machine that this runs on.
    """

    def __init__(
        self, layout: StateLayout, marks: Callable[[], dict[str, str]] = machine_marks
    ) -> None:
        self._path = layout.machine_claim
        self._marks = marks

    def is_foreign(self) -> bool:
        """Whether another machine holds this vault; False while nobody does."""
        claimed, here = self._read(), self._marks()
        return any(claimed[name] != here[name] for name in claimed.keys() & here.keys())

    def first(self) -> None:
        """Claim the vault for this machine if nobody holds it yet."""
        if not self._read():
            self.take()

    def take(self) -> None:
        """Claim the vault for this machine."""
        marks = self._marks()
        if marks:
            write_private(self._path, canonical_bytes({"format": FORMAT, "marks": marks}))

    def _read(self) -> dict[str, str]:
        try:
            value = parse_canonical(self._path.read_bytes()[:4096])
        except (OSError, SecureComputeError):
            return {}
        marks = value.get("marks") if isinstance(value, dict) else None
        if not isinstance(marks, dict):
            return {}
        return {name: digest for name, digest in marks.items() if isinstance(digest, str)}
