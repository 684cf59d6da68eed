"""Which Host headers name this box."""

import ipaddress
from collections.abc import Iterable
from typing import Final

_REMEMBERED: Final = 64


class Hosts:
    """The box's own names, and any literal address.

    A browser led here by a rebound name sends that name; an address cannot be rebound.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset({"localhost", *(name.lower().rstrip(".") for name in names)})
        self._known: set[bytes] = set()

    def knows(self, host: bytes) -> bool:
        """Whether the value of a Host header is one of ours."""
        if host in self._known:
            return True
        known = self._judge(host)
        # The few values in use are remembered; a flood of others is not.
        if known and len(self._known) < _REMEMBERED:
            self._known.add(host)
        return known

    def _judge(self, host: bytes) -> bool:
        name = host.decode("latin-1").strip().lower()
        if name.startswith("["):
            name, _, port = name[1:].partition("]")
            if port and not port.startswith(":"):
                return False
        else:
            name = name.rpartition(":")[0] if name.count(":") == 1 else name
        name = name.rstrip(".")
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
