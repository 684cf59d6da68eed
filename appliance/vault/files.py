"""Where the box is encrypted, as the vault sees it."""

from collections.abc import Sequence
from typing import Protocol

from secure_compute.sealed_root import Slot


class FilesMount(Protocol):
    """Where the box is encrypted: `mount.GocryptfsMount`, `luks.LuksVolume`, or a double in tests."""

    @property
    def name(self) -> str:
        """Which back end it is: "embedded" or "luks"."""

    def check(self) -> None:
        """Pass, or raise VaultUnsupported."""

    def prepare(self, key: bytes) -> None:
        """Make the encrypted directory, once."""

    def mount(self, key: bytes) -> None:
        """Mount it; MountFailed when it cannot be."""

    def tell(self, slots: Sequence[Slot]) -> None:
        """Let the device of the mounted files tell how its key is kept; which slots there are changed."""

    def unmount(self) -> None:
        """Unmount it, also where a killed process left it behind."""
