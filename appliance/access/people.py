"""People: passwords that are right, and the sessions that follow."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.access.attempts import Attempts
from appliance.access.credentials import SESSION_PREFIX, mint
from appliance.access.errors import (
    AccessRefused,
    TotpNeeded,
    UserExists,
    UserExternal,
    UserUnknown,
    WeakPassword,
)
from appliance.access.factors import Factors
from appliance.access.rules import (
    MAX_PASSWORD,
    AccessRules,
    folded,
    judge_name,
    judge_password,
)
from appliance.access.store import AccessStore, StoredSession, StoredUser

LOCAL: Final = "local"
"""The source of people whose passwords are the box's own."""


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
class SignIn:
    """What somebody says who wants in.

    Attributes:
        name: the name.
        password: the password.
        code: a one-time code or a recovery code, if any.
        address: where they come from; None on the box itself.
    """

    name: str
    password: str
    code: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: what is stored of it, the token to hand over once, and how it came about."""

    session: StoredSession
    token: str
    user: StoredUser
    factor: str | None = None


class People:
    """The people who may sign in. Refusals have one shape whether or not the name exists."""

    def __init__(
        self,
        store: AccessStore,
        passwords: Passwords,
        rules: AccessRules,
        factors: Factors,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._rules = rules
        self._factors = factors
        self._clock = clock
        self.attempts = Attempts(store, rules)
        # An unknown name is checked against this, so that it takes as long as a known one.
        self._nobody = passwords.hash("nobody has this password")

    def create(self, name: str, password: str, role: str, *, temporary: bool) -> StoredUser:
        """Let a person in. Raises UserNameMalformed, WeakPassword or UserExists.

        A name that people would take for another's (case, width, composed letters) is taken.
        """
        name = unicodedata.normalize("NFC", name)
        judge_name(name)
        judge_password(password, name, self._rules.password)
        now, alike = self._clock(), folded(name)
        for one in self._store.users(now):
            if folded(one.name) == alike:
                raise UserExists(name=one.name)
        encoded = self._passwords.hash(password)
        user = StoredUser(name, role, encoded, now, None, now, int(temporary), LOCAL)
        if not self._store.add_user(user):
            raise UserExists(name=name)
        return user

    def sign_in(self, wish: SignIn) -> SignedIn:
        """Check password and second factor, and open a session.

        Raises:
            AccessRefused: For any reason, in one sentence.
            TotpNeeded: The password is right; the code is missing.
            LockedOut: Too many attempts.
        """
        now = self._clock()
        # Half a surrogate pair is no text that a database could hold.
        name = wish.name[:256].encode("utf-8", "replace").decode()
        if self._store.user(name) is None:
            # Some keyboards send a letter and its accent one by one.
            name = unicodedata.normalize("NFC", name)
        # Counted before the password is looked at: parallel guesses cannot outrun the count.
        tried = self.attempts.begin(name, wish.address, now)
        user = self._store.user(name)
        if user is not None and (user.source != LOCAL or user.disabled is not None):
            user = None  # looks as if there were nobody of that name
        known = self._passwords.verify(
            self._nobody if user is None else user.password, wish.password[: MAX_PASSWORD + 1]
        )
        if user is None or not known:
            raise AccessRefused
        factor = self._second_factor(user, wish, now)
        self.attempts.succeed(tried)
        if self._passwords.outdated(user.password):
            self._store.upgrade_password(name, self._passwords.hash(wish.password))
        return self.open(user, "password", wish.address, factor=factor)

    def confirm_password(self, name: str, password: str) -> None:
        """Check a signed-in person's password, counted as a sign-in. Raises AccessRefused."""
        tried = self.attempts.begin(name, None, self._clock())
        user = self._store.user(name)
        encoded = self._nobody if user is None else user.password
        if not self._passwords.verify(encoded, password[: MAX_PASSWORD + 1]) or user is None:
            raise AccessRefused
        self.attempts.succeed(tried)

    def set_password(self, name: str, password: str, *, temporary: bool) -> None:
        """Replace a password; every session of the person is dead in the database after it."""
        user = self.known(name)
        if user.source != LOCAL:
            raise UserExternal(name=name)
        judge_password(password, name, self._rules.password)
        most = self._rules.password.history
        for old in self._store.old_passwords(name, most):
            if self._passwords.verify(old, password):
                raise WeakPassword(
                    reason_zh=f"不能是最近 {most} 个密码之一",
                    reason_en=f"it must not be one of the last {most}",
                )
        encoded = self._passwords.hash(password)
        self._store.set_password(name, encoded, self._clock(), temporary=temporary)

    def open(
        self,
        user: StoredUser,
        method: str,
        address: str | None,
        lasts_s: float | None = None,
        factor: str | None = None,
    ) -> SignedIn:
        """Store a session of a person who is known to be that person; `lasts_s` may shorten it."""
        minted, now = mint(SESSION_PREFIX), self._clock()
        lasts = min(self._rules.session_s, lasts_s or self._rules.session_s)
        session = StoredSession(
            minted.id, user.name, minted.salt, minted.digest, now + lasts, now, now, address, method
        )
        self._store.add_session(session)
        return SignedIn(session, minted.token, user, factor)

    def known(self, name: str) -> StoredUser:
        """Return a person. Raises UserUnknown."""
        user = self._store.user(name)
        if user is None:
            raise UserUnknown(name=name[:64])
        return user

    def _second_factor(self, user: StoredUser, wish: SignIn, now: float) -> str | None:
        if not self._factors.enrolled(user.name):
            return None
        if not wish.code:
            self.attempts.forgive(user.name, wish.address)
            raise TotpNeeded
        factor = self._factors.check(user.name, wish.code[:64], now)
        if factor is None:
            raise AccessRefused
        return factor
