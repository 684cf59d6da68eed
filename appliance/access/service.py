"""Access: who calls, what they may do, how much, and what they used."""

from collections.abc import Callable

from appliance.access.credentials import KEY_PREFIX, mint, token_id
from appliance.access.errors import AccessForbidden, AccessRefused, KeyUnknown, LockedOut
from appliance.access.external import ExternalPeople, folded
from appliance.access.gate import ANONYMOUS, LOCAL, Audit, Gate
from appliance.access.grants import (
    CreatedKey,
    Grant,
    KeyView,
    KeyWish,
    Session,
    UsageRow,
    UserView,
)
from appliance.access.index import Credential
from appliance.access.keys import credential_of, judge_wish
from appliance.access.passwords import Argon2Passwords
from appliance.access.people import Passwords, People, SignInRules
from appliance.access.quota import Quota
from appliance.access.roles import ROLES
from appliance.access.store import AccessStore, StoredKey, StoredSession
from appliance.access.usage_store import UsageStore
from appliance.access.windows import Calendar
from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db


class AccessService(Gate):
    """Keys, sessions, roles, quotas and metering of one box.

    `authenticate`, `require`, `allow`, `admit` and `meter` are the hot path: they touch memory
    only. Everything else is synchronous, goes to the database and the audit log, and belongs in
    the thread pool. A change that cannot be audited is not made; a revocation is made first and
    audited after, so that a full disk keeps no stolen key alive.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        clock: Unix time in seconds.
        passwords: How passwords are hashed; argon2id when left out.
        rules: Limits on signing in.
    """

    def __init__(
        self,
        db: Db,
        audit: Audit,
        clock: Callable[[], float],
        *,
        passwords: Passwords | None = None,
        rules: SignInRules | None = None,
    ) -> None:
        super().__init__(UsageStore(db), audit, clock)
        self._store = AccessStore(db)
        self._calendar = Calendar()
        self._rules = rules or SignInRules()
        self._people = People(self._store, passwords or Argon2Passwords(), self._rules, clock)
        self._external = ExternalPeople(self._store, self._people, clock)
        self._load()
        self._start()

    # People -------------------------------------------------------------------------------------

    def create_user(self, name: str, password: str, role: str, by: Grant = LOCAL) -> UserView:
        """Let a person in. Raises UserNameMalformed, RoleUnknown, WeakPassword or UserExists."""
        self._may_give(by, role)
        with self._store.change():
            self._people.create(name, password, role)
            self._record(events.user_create(by.actor, None, name=name, role=role))
        return UserView(name, role, self._clock(), locked=False)

    def users(self) -> list[UserView]:
        """Return every person, by name."""
        return self._store.users(self._clock())

    def sign_in(self, name: str, password: str) -> Session:
        """Open a session. Raises AccessRefused or LockedOut, alike for known and unknown names."""
        try:
            opened = self._people.sign_in(name, password)
        except LockedOut:
            self._refused += (
                1  # told once a second with the refused keys: these cost nothing to send
            )
            raise
        except AccessRefused as refusal:
            self._record(events.session_refuse(ANONYMOUS, None, reason=refusal.code))
            raise
        session = opened.session
        self._record(events.session_open(f"user:{name}", None, role=opened.role))
        self._open(session, opened.role)
        return Session(opened.token, session.expires, opened.role, ROLES[opened.role])

    def sign_out(self, token: str) -> None:
        """End the session of a bearer value; unknown values are ignored."""
        identity = token_id(token)
        credential = self._index.check(f"Bearer {token}", self._clock())
        if identity is None or credential is None or credential.grant.key_id is not None:
            return
        self._index.drop(identity)
        self._store.drop_session(identity)
        self._record(events.session_close(credential.grant.actor, None, reason="sign-out"))

    def set_password(self, name: str, password: str, by: Grant = LOCAL) -> None:
        """Replace a person's password; every session of theirs ends at once."""
        self._people.set_password(name, password)
        self._index.drop_actor(f"user:{name}")
        self._record(_user_change(by.actor, name, "password"))

    def set_role(self, name: str, role: str, by: Grant = LOCAL) -> None:
        """Change a person's role; their sessions and their keys end at once."""
        self._may_give(by, role)
        self._forget(name, self._people.set_role(name, role))
        self._record(_user_change(by.actor, name, role))

    def remove_user(self, name: str, by: Grant = LOCAL) -> None:
        """Remove a person; their sessions and their keys end at once."""
        self._forget(name, self._people.remove(name))
        self._record(_user_change(by.actor, name, "removed"))

    # People of an outside directory -------------------------------------------------------------

    def attempt(self, name: str, source: str) -> None:
        """Count a sign-in before the directory is asked, as for local names. Raises LockedOut."""
        self._people.count(f"{source}:{folded(name[:256])}")

    def open_session_for(
        self, name: str, role: str, source: str, lasts_s: float | None = None
    ) -> Session:
        """Open a session of a person whom the directory `source` has vouched for.

        A role that has changed ends the sessions and keys they had.

        Raises:
            UserExists: A local account, or one of another directory, has this name.
            UserNameMalformed, RoleUnknown: The directory says what cannot be.
        """
        known = self._store.user(name)
        if known is not None and known[0] != role and self._external.known(name, source):
            self._forget(name, self._people.set_role(name, role))
        opened = self._external.enter(name, role, source, lasts_s)
        self._store.clear_failures(f"{source}:{folded(name)}")
        self._record(events.session_open(f"user:{name}", None, role=role))
        self._open(opened.session, role)
        return Session(opened.token, opened.session.expires, role, ROLES[role])

    def close_sessions_of(
        self, name: str, reason: str = "directory", *, keys: bool = False
    ) -> None:
        """End every session of a person at once, and with `keys` every key they made.

        The account stays; unknown names are ignored.
        """
        known = self._store.user(name)
        if known is None:
            return
        if keys:
            self._forget(name, self._people.set_role(name, known[0]))
        else:
            self._index.drop_actor(f"user:{name}")
            self._store.drop_sessions_of(name)
        self._record(events.session_close(f"user:{name}", None, reason=reason))

    # Keys ---------------------------------------------------------------------------------------

    def create_key(self, wish: KeyWish, by: Grant = LOCAL) -> CreatedKey:
        """Make an API key; its secret is in the answer and nowhere else.

        Raises:
            KeyWishInvalid: Something in the wish cannot be.
            AccessForbidden: The wish holds a scope its maker lacks.
        """
        now = self._clock()
        judge_wish(wish, by, now)
        minted = mint(KEY_PREFIX)
        view = KeyView(
            id=minted.id,
            name=wish.name.strip(),
            owner=by.actor,
            scopes=wish.scopes,
            models=wish.models,
            created=now,
            expires=wish.expires,
            revoked=None,
            limits=wish.limits,
            state="active",
        )
        key = StoredKey(view, minted.salt, minted.digest)
        with self._store.change():
            self._store.add_key(key)
            scopes = sorted(view.scopes)
            self._record(events.key_create(by.actor, None, key_id=view.id, scopes=scopes))
        self._index.put(view.id, self._credential(key))
        return CreatedKey(minted.id, minted.token)

    def revoke_key(self, key_id: str, by: Grant = LOCAL) -> None:
        """Revoke a key; it is dead when this returns. Raises KeyUnknown."""
        self._index.drop(key_id)
        if not self._store.revoke_key(key_id, self._clock()):
            raise KeyUnknown(key_id=key_id[:64])
        self._record(events.key_revoke(by.actor, None, key_id=key_id))

    def keys(self) -> list[KeyView]:
        """Return every key ever made, oldest first, without secrets."""
        return [key.view for key in self._store.keys(self._clock())]

    # Usage --------------------------------------------------------------------------------------

    def usage(self, since: float, until: float) -> list[UsageRow]:
        """Return the metered use of the hours that start in [since, until), Unix seconds."""
        self.flush()
        return self._usage.usage(int(since), int(until))

    def prune_usage(self, keep_s: float) -> None:
        """Delete metered use older than `keep_s` seconds."""
        self._usage.prune(int(self._clock() - keep_s))

    # Inside -------------------------------------------------------------------------------------

    def _load(self) -> None:
        now = self._clock()
        for key in self._store.keys(now):
            if key.view.state == "active":
                self._index.put(key.view.id, self._credential(key))
        for session, role in self._store.sessions(now):
            self._open(session, role)

    def _credential(self, key: StoredKey) -> Credential:
        limits, now = key.view.limits, self._clock()
        counts = self._usage.counts(key.view.id, self._calendar.month(now)[0])
        quota = None if limits.none() else Quota(limits, self._calendar, now, counts)
        return credential_of(key, key.view.scopes, quota)

    def _open(self, session: StoredSession, role: str) -> None:
        actor = f"user:{session.name}"
        grant = Grant(actor, ROLES[role], None, None, role, credential=session.id, owner=actor)
        self._index.put(
            session.id,
            Credential(
                session.salt,
                session.digest,
                grant,
                session.expires,
                self._rules.idle_s,
                session.seen,
            ),
        )

    def _forget(self, name: str, keys: list[str]) -> None:
        self._index.drop_actor(f"user:{name}")
        for key_id in keys:
            self._index.drop(key_id)

    @staticmethod
    def _may_give(by: Grant, role: str) -> None:
        lacking = sorted(ROLES.get(role, frozenset()) - by.scopes)
        if lacking:
            raise AccessForbidden(scope=lacking[0])


def _user_change(actor: str, name: str, change: str) -> Event:
    return Event("access:user:change", actor, name, None, {"change": change})
