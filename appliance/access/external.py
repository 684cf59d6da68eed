"""People of an outside directory: their rows, their sessions, and never a local account taken over."""

from collections.abc import Callable

from appliance.access.errors import AccessRefused, UserExists, UserNameMalformed
from appliance.access.people import People, SignedIn
from appliance.access.rules import folded, judge_name
from appliance.access.store import AccessStore, StoredUser


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
            role: Their role, which exists; one that has changed was set before.
            source: The directory, for example "ldap" or "oidc".
            lasts_s: Longest life of the session; that of local people when None.

        Raises:
            UserNameMalformed: The name would confuse a person or a log.
            UserExists: A local account, or one of another source, has this name.
            AccessRefused: The person was disabled in the box.
        """
        judge_name(name)
        if not name.isprintable():
            raise UserNameMalformed
        with self._store.change():
            user = self._reserve(name, role, source, self._clock())
            return self._people.open(user, source, None, lasts_s)

    def known(self, name: str, source: str) -> bool:
        """Whether `name` is an account of `source`."""
        user = self._store.user(name)
        return user is not None and user.source == source

    def _reserve(self, name: str, role: str, source: str, now: float) -> StoredUser:
        alike = folded(name)
        for one in self._store.users(now):
            if one.name != name and folded(one.name) == alike:
                raise UserExists(name=one.name)
        user = self._store.user(name)
        if user is None:
            user = StoredUser(name, role, "", now, None, now, 0, source)
            self._store.add_user(user)
        elif user.source != source:
            raise UserExists(name=name)
        elif user.disabled is not None:
            raise AccessRefused
        return user
