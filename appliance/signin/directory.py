"""Sign-in against the hospital's directory, and the regular look whether people are still in it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from appliance.access.errors import AccessRefused, TotpNeeded
from appliance.access.gate import Audit
from appliance.access.grants import Session
from appliance.access.refusals import ANONYMOUS
from appliance.access.rules import as_counted
from appliance.access.service import AccessService
from appliance.audit import events
from appliance.errors import ApplianceError
from appliance.settings.signin import LdapSettings
from appliance.signin.errors import (
    DirectoryRefused,
    DirectoryUnreachable,
    NameTaken,
    NoRole,
    SignInOff,
)
from appliance.signin.names import claim_name
from appliance.signin.person import Person
from appliance.signin.store import KnownPerson, SignInStore

if TYPE_CHECKING:
    from appliance.signin.ldap_directory import LdapDirectory, Question

LDAP: Final = "ldap"
_AUDIT_TIMEOUT_S: Final = 30.0


class DirectorySignIn:
    """Lets the directory's people in, and ends their sessions once it does not know them any more.

    Every call waits for the network: run it in a thread.

    Args:
        settings: how the directory is asked.
        open_directory: makes the directory at its first use, so that a box without one loads nothing.
        access: where sessions are opened and ended.
        store: the rows of this room.
        audit: the audit log.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        settings: LdapSettings,
        open_directory: "Callable[[], LdapDirectory]",
        access: AccessService,
        store: SignInStore,
        audit: Audit,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._open_directory = open_directory
        self._directory: LdapDirectory | None = None
        self._access = access
        self._store = store
        self._audit = audit
        self._clock = clock

    @property
    def on(self) -> bool:
        """Whether somebody has set a directory up."""
        return bool(self._settings.servers)

    def sign_in(
        self, name: str, password: str, totp: str | None = None, address: str | None = None
    ) -> Session:
        """Open a session of a person of the directory.

        Args:
            name: their name there.
            password: their password there.
            totp: a one-time code, for people who have set one up on the box.
            address: where they come from, for counting attempts.

        Raises:
            SignInOff, SignInMisconfigured: there is no directory, or its settings are wrong.
            DirectoryUnreachable, DirectoryRefused: it cannot be asked; no attempt is counted.
            LockedOut: too many attempts under this name.
            AccessRefused: name and password belong to nobody who may work.
            TotpNeeded: the person has set up one-time codes, and none came along.
            NoRole: none of the person's groups has a role here.
            UserExists, NameTaken, UserNameMalformed: the name belongs to somebody else, or to none.
        """
        counted, desk = as_counted(name), self._access.sign_ins
        try:
            with self._asked().asked() as question:
                tried = desk.attempt(counted, LDAP, address)
                try:
                    person = question.prove(name, password)
                except (DirectoryUnreachable, DirectoryRefused):
                    # Neither right nor wrong: it fell silent in the middle.
                    desk.unjudged(counted, LDAP, address)
                    raise
            session = self._enter(person, totp)
        except (AccessRefused, NoRole, NameTaken, TotpNeeded) as refusal:
            if isinstance(refusal, TotpNeeded):
                desk.unjudged(counted, LDAP, address)
            told = events.session_refuse(ANONYMOUS, None, reason=refusal.code)
            self._audit.append(told).result(_AUDIT_TIMEOUT_S)
            raise
        desk.judged(tried)
        return session

    def check(self) -> int:
        """Look everybody up who may have a session; end the sessions of those who may not.

        A directory that cannot be reached is forgiven for `grace_s`; after that sessions end, and
        keys that people made live on until the directory itself says that they are gone.

        Returns:
            How many people lost their sessions.
        """
        if not self.on:
            return 0
        now = self._clock()
        active = [one for one in self._store.people() if one.source == LDAP and one.until > now]
        if not active:
            return 0
        directory = self._asked()
        if not directory.can_look_up:
            return 0  # their sessions are short instead
        try:
            with directory.asked() as question:
                return sum(self._check(question, person) for person in active)
        except (DirectoryUnreachable, DirectoryRefused):
            return sum(self._out_of_reach(person) for person in active)

    def _check(self, question: "Question", known: KnownPerson) -> bool:
        person = question.look_up(known.subject)
        now = self._clock()
        if person is not None and person.enabled and person.role == known.role:
            self._store.remember(replace(known, checked=now))
            return False
        gone = person is None or not person.enabled or person.role is None
        self._end(known, "directory-gone" if gone else "directory-role", keys=True)
        return True

    def _out_of_reach(self, known: KnownPerson) -> bool:
        if self._clock() - known.checked <= self._settings.grace_s:
            return False
        self._end(known, "directory-unreachable", keys=False)
        return True

    def _end(self, known: KnownPerson, reason: str, *, keys: bool) -> None:
        # Ended first and noted after: what fails in between is ended again at the next look.
        self._access.close_sessions_of(known.name, reason, keys=keys)
        self._store.remember(replace(known, until=0.0))

    def _enter(self, person: Person, totp: str | None) -> Session:
        if person.role is None:
            raise NoRole(section="ldap")
        name = person.name.casefold()
        claim_name(self._access, self._store, name, LDAP, person.subject)
        lasts = None if self._asked().can_look_up else float(self._settings.session_s)
        session = self._access.open_session_for(name, person.role, LDAP, lasts, totp)
        now = self._clock()
        self._store.remember(
            KnownPerson(name, LDAP, person.subject, person.role, now, session.expires)
        )
        return session

    def _asked(self) -> "LdapDirectory":
        if not self.on:
            raise SignInOff(way="LDAP", section="ldap")
        if self._directory is None:
            self._directory = self._open_directory()
        return self._directory


def quietly(look: Callable[[], int]) -> None:
    """Look at a time of the box's own, when nobody is there to be told of a refusal."""
    try:
        look()
    except ApplianceError:
        return
