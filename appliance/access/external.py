"""People of an outside directory: their rows, their sessions, and never a local account taken over."""

import unicodedata
from collections.abc import Callable

from appliance.access.errors import UserExists, UserNameMalformed
from appliance.access.people import EXTERNAL, NAME, People, SignedIn
from appliance.access.store import AccessStore


class ExternalPeople:
    """Lets people in whom a directory has vouched for.

    Args:
        store: The rows of the access room.
        people: Makes sessions and counts attempts.
        clock: Unix time in seconds.
    """

    def __init__(self, store: AccessStore, people: People, clock: Callable[[], float]) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    def enter(self, name: str, role: str, source: str, lasts_s: float | None) -> SignedIn:
        """Open a session of a person whom `source` vouches for.

        Args:
            name: Their name in the box.
            role: Their role; one that has changed ends their earlier sessions and keys.
            source: The directory, for example "ldap" or "oidc".
            lasts_s: Longest life of the session; that of local people when None.

        Raises:
            UserNameMalformed: The name would confuse a person or a log.
            UserExists: A local account, or one of another source, has this name.
            RoleUnknown: There is no such role.
        """
        if NAME.fullmatch(name) is None or not name.isprintable():
            raise UserNameMalformed
        self._people.check_role(role)
        now = self._clock()
        with self._store.change():
            self._reserve(name, role, source, now)
            return self._people.open(name, role, now, lasts_s)

    def known(self, name: str, source: str) -> bool:
        """Whether `name` is an account of `source`."""
        row = self._store.user(name)
        return row is not None and row[1] == EXTERNAL + source

    def _reserve(self, name: str, role: str, source: str, now: float) -> None:
        alike = folded(name)
        for user in self._store.users(now):
            if user.name != name and folded(user.name) == alike:
                raise UserExists(name=user.name)
        row = self._store.user(name)
        if row is None:
            self._store.add_user(name, role, EXTERNAL + source, now)
        elif row[1] != EXTERNAL + source:
            raise UserExists(name=name)


def folded(name: str) -> str:
    """A name as directories compare it: case and width do not count."""
    return unicodedata.normalize("NFKC", name).casefold()
