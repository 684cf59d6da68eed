"""Access: who calls, what they may do, how much, and what they used."""

from collections.abc import Callable, Mapping
from typing import Final

from appliance.access.account_desk import AccountDesk
from appliance.access.approval_store import Approval
from appliance.access.approvals import Approvals, Deed
from appliance.access.errors import ApprovalRefused
from appliance.access.factors import Factors
from appliance.access.gate import LOCAL, Audit, Gate
from appliance.access.grants import (
    CreatedKey,
    Grant,
    KeyView,
    KeyWish,
    Session,
    UsageRow,
    UserView,
)
from appliance.access.ground import Ground
from appliance.access.key_desk import KeyDesk
from appliance.access.live import USER, LiveRights, Stores
from appliance.access.passwords import Argon2Passwords
from appliance.access.people import Passwords, People, SignIn
from appliance.access.refusals import UNKNOWN
from appliance.access.reports import Reports
from appliance.access.role_book import RoleBook
from appliance.access.role_desk import RoleDesk
from appliance.access.role_store import RoleStore
from appliance.access.rules import AccessRules
from appliance.access.sign_in_desk import SignInDesk
from appliance.access.two_person import (
    MAKE_ADMINISTRATOR,
    REMOVE_ADMINISTRATOR,
    RESET_PASSWORD,
    RESET_TOTP,
    REVOKE_EXPORT_KEY,
    TOTP_OFF,
    UNLOCK_ADMINISTRATOR,
)
from appliance.access.user_desk import UserDesk
from appliance.db.database import Db

_DAY_S: Final = 86_400.0


class AccessService(Gate):
    """Keys, sessions, roles, quotas and metering of one box.

    `authenticate`, `require`, `allow`, `admit`, `meter`, `alive` and `limits` are the hot path:
    they touch memory only. Everything else is synchronous, goes to the database and the audit log,
    and belongs in the thread pool. A change that cannot be audited is not made; a revocation is
    made first and audited after, so that a full disk keeps no stolen key alive.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        clock: Unix time in seconds.
        passwords: How passwords are hashed; argon2id when left out.
        rules: The rules of the box.

    Attributes:
        rules: The rules of the box.
        people: The desk of people.
        sign_ins: The desk of sessions and of what people do for themselves.
        api_keys: The desk of API keys.
        accounts: The desk of service accounts.
        roles: The desk of roles.
        approvals: Two-person actions.
        reports: What was used.
    """

    def __init__(
        self,
        db: Db,
        audit: Audit,
        clock: Callable[[], float],
        *,
        passwords: Passwords | None = None,
        rules: AccessRules | None = None,
    ) -> None:
        stores = Stores.of(db)
        super().__init__(stores.usage, audit, clock)
        self.rules = rules or AccessRules()
        book, factors = RoleBook(RoleStore(db)), Factors(stores.factors)
        live = LiveRights(self._index, stores, book, self.rules, clock)
        ground = Ground(stores, book, live, factors, self.rules, clock, self._record)
        known = People(stores.people, passwords or Argon2Passwords(), self.rules, factors, clock)
        self.people = UserDesk(ground, known)
        self.sign_ins = SignInDesk(ground, known, self._count_refusal)
        self.api_keys = KeyDesk(ground)
        self.accounts = AccountDesk(ground)
        self.roles = RoleDesk(ground)
        self.reports = Reports(ground, self.flush)
        self.approvals = Approvals(ground, self._deeds())
        self._sessions = stores.people
        self._live = live
        live.load()
        self._start()

    def watched(self, hear: Callable[[Callable[[str], bool]], object] | None) -> None:
        """Say who hears of every change of rights, on the thread that made it; None for nobody.

        It is told what tells of an actor ("user:<name>", "key:<id>") whether it is gone.
        """
        live = self._live
        live.hear = (lambda: None) if hear is None else (lambda: hear(live.gone()))

    def greeted(self, greet: Callable[[str], None]) -> None:
        """Say who hears of everybody new as "user:<name>", before they can do anything.

        What the box holds of somebody who had the name before is not theirs.
        """
        self._sessions.greet = lambda name: greet(USER + name)

    # People -------------------------------------------------------------------------------------

    def create_user(self, name: str, password: str, role: str, by: Grant = LOCAL) -> UserView:
        """Let a person in. Raises UserNameMalformed, RoleUnknown, WeakPassword or UserExists."""
        return self.people.create(name, password, role, by)

    def users(self) -> list[UserView]:
        """Return every person, by name."""
        return self.people.all()

    def sign_in(
        self, name: str, password: str, code: str | None = None, address: str | None = None
    ) -> Session:
        """Open a session. Raises AccessRefused or LockedOut, alike for known and unknown names.

        Args:
            name: The name.
            password: The password.
            code: A one-time or recovery code; TotpNeeded is raised when it is missing.
            address: Where the caller comes from, for the lockout by address.
        """
        return self.sign_ins.sign_in(SignIn(name, password, code, address))

    def sign_out(self, token: str) -> None:
        """End the session of a bearer value; unknown values are ignored."""
        credential = self._index.check(f"Bearer {token}", self._clock())
        if credential is not None:
            self.sign_ins.sign_out(token, credential.grant)

    def set_password(self, name: str, password: str, by: Grant = LOCAL) -> None:
        """Replace a person's password; every session of theirs ends at once."""
        self.people.set_password(name, password, by)

    def set_role(self, name: str, role: str, by: Grant = LOCAL) -> None:
        """Change a person's role; their sessions and their keys end at once."""
        self.people.set_role(name, role, by)

    def remove_user(self, name: str, by: Grant = LOCAL) -> None:
        """Remove a person; their sessions and their keys end at once."""
        self.people.remove(name, by)

    # People of an outside directory -------------------------------------------------------------

    def attempt(self, name: str, source: str, address: str | None = None) -> None:
        """Count a sign-in before the directory is asked, as for local names. Raises LockedOut."""
        self.sign_ins.attempt(name, source, address)

    def open_session_for(
        self,
        name: str,
        role: str,
        source: str,
        lasts_s: float | None = None,
        code: str | None = None,
    ) -> Session:
        """Open a session of a person whom the directory `source` has vouched for.

        A role that has changed ends the sessions and keys they had. People of "ldap" who have set
        up one-time codes need one here too.

        Raises:
            UserExists: A local account, or one of another directory, has this name.
            UserNameMalformed, RoleUnknown: The directory says what cannot be.
            TotpNeeded, AccessRefused: The code is missing or wrong, or the person is disabled.
        """
        return self.sign_ins.enter(name, role, source, lasts_s, code)

    def close_sessions_of(
        self, name: str, reason: str = "directory", *, keys: bool = False
    ) -> None:
        """End every session of a person at once, and with `keys` every key they made.

        The account stays; unknown names are ignored.
        """
        self.sign_ins.close_sessions_of(name, reason, keys=keys)

    # Keys and usage -----------------------------------------------------------------------------

    def create_key(self, wish: KeyWish, by: Grant = LOCAL) -> CreatedKey:
        """Make an API key. Raises KeyWishInvalid, AccessForbidden."""
        return self.api_keys.create(wish, by)

    def revoke_key(self, key_id: str, by: Grant = LOCAL) -> None:
        """Revoke a key; it is dead when this returns. Raises KeyUnknown."""
        self.api_keys.revoke(key_id, by)

    def keys(self) -> list[KeyView]:
        """Return every key ever made, oldest first, without secrets."""
        return self.api_keys.all()

    def usage(self, since: float, until: float) -> list[UsageRow]:
        """Return the metered use of the hours that start in [since, until), Unix seconds."""
        return self.reports.rows(since, until)

    def prune_usage(self, keep_s: float) -> None:
        """Delete metered use older than `keep_s` seconds, and sessions long expired."""
        now = self._clock()
        self._usage.prune(int(now - keep_s))
        self._sessions.forget_sessions(now - _DAY_S)
        self._index.forget(now - _DAY_S)

    # Inside -------------------------------------------------------------------------------------

    def _count_refusal(self) -> None:
        self._refusals.count(UNKNOWN)

    def _deeds(self) -> Mapping[str, Deed]:
        people, keys, roles = self.people, self.api_keys, self.roles

        def remove(what: Approval, by: Grant, _: str | None) -> None:
            if what.parameter:
                people.set_role(what.subject, what.parameter, by, approved=True)
            else:
                people.remove(what.subject, by, approved=True)

        def reset(what: Approval, by: Grant, secret: str | None) -> None:
            if secret is None:
                raise ApprovalRefused(
                    reason_zh="须给出新密码", reason_en="a new password is needed"
                )
            people.set_password(what.subject, secret, by, temporary=True, approved=True)

        return {
            REMOVE_ADMINISTRATOR: remove,
            RESET_PASSWORD: reset,
            UNLOCK_ADMINISTRATOR: lambda a, by, _: people.unlock(a.subject, by, approved=True),
            MAKE_ADMINISTRATOR: lambda a, by, _: people.set_role(
                a.subject, "administrator", by, approved=True
            ),
            RESET_TOTP: lambda a, by, _: people.reset_totp(a.subject, by, approved=True),
            TOTP_OFF: lambda a, by, _: _nothing(
                roles.demand_totp(a.subject, by, on=False, approved=True)
            ),
            REVOKE_EXPORT_KEY: lambda a, by, _: keys.revoke(a.subject, by, approved=True),
        }


def _nothing(_: object) -> None:
    """Drop what a deed returns."""
