"""People: passwords, sign-in, lockout and the sessions that follow."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.access.credentials import SESSION_PREFIX, Minted, mint
from appliance.access.errors import (
    AccessRefused,
    LockedOut,
    RoleUnknown,
    UserExists,
    UserExternal,
    UserNameMalformed,
    UserUnknown,
    WeakPassword,
)
from appliance.access.roles import ROLES
from appliance.access.store import AccessStore, Failures, StoredSession

MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 256
# Stands where a password hash would for people of an outside directory: no password fits it.
EXTERNAL: Final = "external:"
NAME: Final = re.compile(
    r"[^\s\x00-\x1f\x7f:/\\'\"<>\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]{1,64}"
)


class Passwords(Protocol):
    """How people's passwords are hashed (argon2id)."""

    def hash(self, password: str) -> str:
        """Return the encoded hash with its parameters and salt."""
        ...

    def verify(self, encoded: str, password: str) -> bool:
        """Tell whether the password made this hash."""
        ...

    def outdated(self, encoded: str) -> bool:
        """Tell whether the hash was made with weaker parameters than today's."""
        ...


@dataclass(frozen=True, slots=True)
class SignInRules:
    """Limits on signing in; all times in seconds."""

    failures: int = 5
    lockout_s: float = 900.0
    window_s: float = 900.0
    session_s: float = 12 * 3600.0
    idle_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: what to keep in the index, and the token to hand over once."""

    session: StoredSession
    token: str
    role: str


class People:
    """The people who may sign in. Refusals have one shape whether or not the name exists."""

    def __init__(
        self,
        store: AccessStore,
        passwords: Passwords,
        rules: SignInRules,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._rules = rules
        self._clock = clock
        # An unknown name is checked against this, so that it takes as long as a known one.
        self._nobody = passwords.hash("nobody has this password")

    def create(self, name: str, password: str, role: str) -> None:
        """Let a person in. Raises UserNameMalformed, RoleUnknown, WeakPassword or UserExists."""
        if NAME.fullmatch(name) is None:
            raise UserNameMalformed
        self.check_role(role)
        self._check_password(password, name)
        encoded = self._passwords.hash(password)
        if not self._store.add_user(name, role, encoded, self._clock()):
            raise UserExists(name=name)

    def sign_in(self, name: str, password: str) -> SignedIn:
        """Check a password and open a session. Raises AccessRefused or LockedOut."""
        now = self._clock()
        # Half a surrogate pair is no text that a database could hold.
        name = name[:256].encode("utf-8", "replace").decode()
        password = password[: MAX_PASSWORD + 1]
        # Counted before the password is looked at: parallel guesses cannot outrun the count.
        self.count(name)
        stored = self._store.user(name)
        if stored is not None and stored[1].startswith(EXTERNAL):
            stored = None  # the directory alone opens this account
        known = self._passwords.verify(self._nobody if stored is None else stored[1], password)
        if stored is None or not known:
            raise AccessRefused
        self._store.clear_failures(name)
        if self._passwords.outdated(stored[1]):
            self._store.upgrade_password(name, self._passwords.hash(password))
        return self.open(name, stored[0], now)

    def set_password(self, name: str, password: str) -> None:
        """Replace a password; every session of the person is dead in the database after it."""
        self._known(name)
        stored = self._store.user(name)
        if stored is not None and stored[1].startswith(EXTERNAL):
            raise UserExternal(name=name)
        self._check_password(password, name)
        self._store.set_password(name, self._passwords.hash(password))

    def set_role(self, name: str, role: str) -> list[str]:
        """Change a role; return the ids of the person's keys, which are revoked by it."""
        self._known(name)
        self.check_role(role)
        return self._store.set_role(name, role, self._clock())

    def remove(self, name: str) -> list[str]:
        """Remove a person; return the ids of their keys, which are revoked by it."""
        self._known(name)
        return self._store.set_role(name, None, self._clock())

    def open(self, name: str, role: str, now: float, lasts_s: float | None = None) -> SignedIn:
        """Open a session of a person who is known to be that person; `lasts_s` may shorten it."""
        minted: Minted = mint(SESSION_PREFIX)
        lasts = min(self._rules.session_s, lasts_s or self._rules.session_s)
        session = StoredSession(minted.id, name, minted.salt, minted.digest, now + lasts, now)
        self._store.add_session(session)
        return SignedIn(session, minted.token, role)

    def count(self, name: str) -> None:
        """Count an attempt under a name, known or not. Raises LockedOut."""
        now = self._clock()
        with self._store.change():
            failures = self._store.failures(name)
            if failures.locked_until > now:
                raise LockedOut(seconds=int(failures.locked_until - now) + 1)
            recent = failures.count if now - failures.last <= self._rules.window_s else 0
            count = recent + 1
            locked = now + self._rules.lockout_s if count >= self._rules.failures else 0.0
            self._store.set_failures(
                name, Failures(0 if locked else count, now, locked), now - 2 * self._rules.window_s
            )

    def _known(self, name: str) -> None:
        if self._store.user(name) is None:
            raise UserUnknown(name=name)

    @staticmethod
    def check_role(role: str) -> None:
        """Raise RoleUnknown unless there is such a role."""
        if role not in ROLES:
            raise RoleUnknown(role=role[:64], roles=", ".join(ROLES))

    @staticmethod
    def _check_password(password: str, name: str) -> None:
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or password.lower() == name.lower():
            raise WeakPassword(minimum=MIN_PASSWORD)
