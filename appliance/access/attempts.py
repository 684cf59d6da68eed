"""Failed sign-ins: counted before the password is looked at, stored, and answered ever more slowly."""

import ipaddress
from dataclasses import dataclass, replace
from typing import Final

from appliance.access.errors import LockedOut
from appliance.access.rules import AccessRules
from appliance.access.store import NO_FAILURES, AccessStore, Failures

NAME: Final = "name"
SOURCE: Final = "source"
_IPV6: Final = 6
_SITE_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that was counted.

    Attributes:
        name: under which name.
        place: from which address or line; None on the box itself.
        at: when, Unix seconds.
        before: what was counted of the place before it.
    """

    name: str
    place: str | None
    at: float
    before: Failures


class Attempts:
    """Counts sign-ins under names, known or not, and from addresses.

    The counts are in the database: a restart forgets none. Parallel guesses cannot outrun them,
    because each attempt is counted before it is judged.
    """

    def __init__(self, store: AccessStore, rules: AccessRules) -> None:
        self._store = store
        self._rules = rules

    def begin(self, name: str, source: str | None, now: float) -> Tried:
        """Count one attempt. Raises LockedOut while name or address is locked."""
        places = [(NAME, name, self._rules.failures)]
        if source is not None:
            places.append((SOURCE, network_of(source), self._rules.source_failures))
        with self._store.change():
            # What lies further ahead than any lockout was counted by a clock that was set back since.
            ahead = max(self._rules.memory_s, self._rules.lockout_max_s)
            self._store.forget_failures(now - self._rules.memory_s, now + ahead)
            found = [
                (kind, place, most, self._store.failures(kind, place))
                for kind, place, most in places
            ]
            locked = max(failures.locked_until for _, _, _, failures in found)
            if locked > now:
                raise LockedOut(seconds=int(locked - now) + 1)
            for kind, place, most, failures in found:
                self._store.set_failures(kind, place, self._counted(failures, most, now))
        return Tried(name, None if source is None else places[-1][1], now, found[-1][3])

    def forgive(self, name: str, source: str | None) -> None:
        """Take back one attempt that was neither right nor wrong."""
        with self._store.change():
            for kind, place in ((NAME, name), (SOURCE, network_of(source) if source else "")):
                failures = self._store.failures(kind, place)
                if failures != NO_FAILURES:
                    # The attempt that locks leaves a count of zero behind and may not be undone.
                    count = max(0, failures.count - 1)
                    self._store.set_failures(kind, place, replace(failures, count=count))

    def succeed(self, tried: Tried) -> None:
        """Forget the failures of a name; an address keeps its own, whoever else signs in from it.

        What was right is no failure of the address: many people come from one.
        """
        with self._store.change():
            self._store.clear_failures(NAME, tried.name)
            if tried.place is None:
                return
            failures = self._store.failures(SOURCE, tried.place)
            if failures.last == tried.at:
                self._store.set_failures(SOURCE, tried.place, tried.before)
            elif failures != NO_FAILURES:
                # Others have tried since.
                fewer = replace(failures, count=max(0, failures.count - 1))
                self._store.set_failures(SOURCE, tried.place, fewer)

    def locked(self, name: str, now: float) -> bool:
        """Tell whether a name is locked."""
        return self._store.failures(NAME, name).locked_until > now

    def _counted(self, failures: Failures, most: int, now: float) -> Failures:
        recent = failures.count if abs(now - failures.last) <= self._rules.window_s else 0
        if recent + 1 < most:
            return Failures(recent + 1, failures.rounds, now, 0.0)
        wait = min(self._rules.lockout_s * 2.0**failures.rounds, self._rules.lockout_max_s)
        return Failures(0, min(failures.rounds + 1, 64), now, now + wait)


def network_of(source: str) -> str:
    """Return the address to count under: one IPv4 address, or the /64 that one IPv6 line has."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:64]
    if address.version == _IPV6:
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _SITE_BITS), strict=False))
    return str(address)
