"""How many connections there may be at once, and how many bytes of bodies that are half sent."""

from typing import Final, Literal

from appliance.api.errors import BoxCrowded

TOLD: Final = 256
"""Connections beyond the limit that are told so; those beyond these are closed without a word."""

_OWN: Final = 2048
"""Descriptors that the box needs for itself: engines, files, and the local socket."""

Entry = Literal["in", "full", "flood"]


def fitting(wanted: int, descriptors: int) -> int:
    """How many of the wanted connections fit into a limit of descriptors (-1: none)."""
    if descriptors < 0:
        return wanted
    return min(wanted, max(descriptors - _OWN - TOLD, descriptors // 4))


class Crowd:
    """Counts connections as they come and go.

    Args:
        most: connections at once; descriptors for `TOLD` more are needed.
        most_of_one: connections at once from one address.
    """

    __slots__ = ("_of", "here", "most", "most_of_one")

    def __init__(self, most: int, most_of_one: int) -> None:
        self.most = most
        self.most_of_one = most_of_one
        self.here = 0
        self._of: dict[str, int] = {}

    def come(self, address: str) -> Entry:
        """Count a connection in; it holds a descriptor whatever is said, so it must `go` as well.

        Args:
            address: where it comes from; "" is this machine's socket, which has no limit of its own.
        """
        self.here += 1
        of_one = 0
        if address:
            of_one = self._of[address] = self._of.get(address, 0) + 1
        over = max(self.here - self.most, of_one - self.most_of_one)
        if over <= 0:
            return "in"
        return "full" if over <= TOLD else "flood"

    def go(self, address: str) -> None:
        """Count it out."""
        self.here -= 1
        if address:
            left = self._of[address] - 1
            if left:
                self._of[address] = left
            else:
                del self._of[address]


class Halves:
    """Bytes of bodies that are not whole yet, of all clients together.

    A body has its own limit; this one keeps many slow senders from filling the memory.

    Args:
        most: bytes.
    """

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def take(self, size: int) -> None:
        """Hold so many bytes more; give them back however it ends. Raises BoxCrowded."""
        self.held += size
        if self.held > self.most:
            raise BoxCrowded

    def give_back(self, size: int) -> None:
        """Hold so many bytes less."""
        self.held -= size


HALVES: Final = Halves(256 * 1_048_576)
