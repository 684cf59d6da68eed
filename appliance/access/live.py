"""Live rights: the index of credentials kept equal to what the database says, at each change."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Self

from appliance.access.approval_store import ApprovalStore
from appliance.access.factor_store import FactorStore
from appliance.access.grants import Grant
from appliance.access.index import Credential, CredentialIndex
from appliance.access.key_store import KeyStore, StoredKey
from appliance.access.keys import credential_of
from appliance.access.quota import Count, Quota
from appliance.access.role_book import RoleBook
from appliance.access.role_store import AccountStore
from appliance.access.roles import SCOPES
from appliance.access.rules import AccessRules
from appliance.access.store import AccessStore, StoredSession, StoredUser
from appliance.access.usage_store import UsageStore
from appliance.db.database import Db

LOCAL_ACTOR = "local:console"
USER, ACCOUNT, KEY = "user:", "account:", "key:"
# Ways of signing in that a second factor of the box's own follows.
_WITH_TOTP = frozenset({"password", "ldap"})
_NOTHING: frozenset[str] = frozenset()
_Reach = tuple[frozenset[str], float]


@dataclass(frozen=True, slots=True)
class Stores:
    """The tables of this room."""

    people: AccessStore
    keys: KeyStore
    usage: UsageStore
    factors: FactorStore
    accounts: AccountStore
    approvals: ApprovalStore

    @classmethod
    def of(cls, db: Db) -> Self:
        """Open them all."""
        return cls(
            AccessStore(db),
            KeyStore(db),
            UsageStore(db),
            FactorStore(db),
            AccountStore(db),
            ApprovalStore(db),
        )


class LiveRights:
    """Makes credentials live and dead.

    What a caller may do is worked out anew from the database by `renew`, under the lock that every
    change holds too: whatever order changes end in, the index says what the database says.
    """

    def __init__(
        self,
        index: CredentialIndex,
        stores: Stores,
        roles: RoleBook,
        rules: AccessRules,
        clock: Callable[[], float],
    ) -> None:
        self._index = index
        self._stores = stores
        self._roles = roles
        self._rules = rules
        self._clock = clock
        self.hear: Callable[[], object] = _nobody_hears
        """Called after every change of what is live, on the thread that made it."""

    def load(self) -> None:
        """Make everything live that may be, at the start."""
        now = self._clock()
        self._stores.people.forget_sessions(now)
        for session in self._stores.people.sessions(now):
            self._place_session(session, now)
        makers = {key.view.owner for key in self._stores.keys.all(now)}
        for owner in makers:
            if not owner.startswith(KEY):
                self._renew_keys(owner, now)

    def renew(self, owner: str) -> None:
        """Bring what belongs to "user:<name>", "account:<name>" or "key:<id>" up to date."""
        with self._stores.people.change():
            self._renew(owner)
        self.hear()

    def renew_role(self, role: str) -> None:
        """Bring up to date whatever belongs to the holders of a role."""
        with self._stores.people.change():
            for name in self._stores.people.holders(role):
                self._renew(USER + name)
            for account in self._stores.accounts.all():
                if account.role == role:
                    self._renew(ACCOUNT + account.name)
        self.hear()

    def kill(self, identity: str) -> None:
        """Make one credential dead now; the database follows."""
        self._index.drop(identity)
        self.hear()

    def kill_person(self, name: str) -> None:
        """Make the sessions of a person dead now; the database follows."""
        self._index.drop_actor(USER + name)
        self.hear()

    def live(self, identity: str) -> bool:
        """Tell whether a credential is live."""
        credential = self._index.get(identity)
        return credential is not None and self._clock() < credential.expires

    def gone(self) -> Callable[[str], bool]:
        """Return what tells of an actor whether nothing live acts as it now; people and keys alone."""
        live = self._index.actors()
        return lambda actor: actor.startswith((USER, KEY)) and actor not in live

    def rights(self, owner: str) -> frozenset[str]:
        """Return what an owner of keys may do now; nothing when disabled or gone."""
        return self._reach(owner)[0]

    def lineage(self, key_id: str) -> list[str]:
        """Return the ids of a key, of the key that made it, and so on."""
        found, owner, now = list[str](), KEY + key_id, self._clock()
        while owner.startswith(KEY):
            found.append(owner.removeprefix(KEY))
            maker = self._stores.keys.get(found[-1], now)
            owner = "" if maker is None else maker.view.owner
        return found

    def due(self, user: StoredUser, method: str, now: float) -> str | None:
        """Return what a person has to do before anything else: "password", "totp" or None."""
        age = self._rules.password.max_age_s
        if method == "password" and (user.temporary or (age and now - user.changed >= age)):
            return "password"
        if method in _WITH_TOTP and self._roles.demands_totp(user.role):
            factor = self._stores.factors.get(user.name)
            return None if factor is not None and factor.confirmed is not None else "totp"
        return None

    def _reach(self, owner: str) -> _Reach:
        """What an owner of keys may do now, and until when, Unix seconds: a key ends with its maker."""
        reach, now = (SCOPES, inf), self._clock()
        while owner.startswith(KEY):
            maker = self._stores.keys.get(owner.removeprefix(KEY), now)
            if maker is None:
                return _NOTHING, inf
            reach, owner = _handed_on(maker, reach), maker.view.owner
        return reach[0] & self._own(owner), reach[1]

    def _own(self, owner: str) -> frozenset[str]:
        kind, _, name = owner.partition(":")
        if owner == LOCAL_ACTOR:
            return SCOPES
        who = self._stores.people.user(name) if kind == "user" else self._stores.accounts.get(name)
        gone = who is None or who.disabled is not None
        return _NOTHING if who is None or gone else self._roles.scopes(who.role)

    def _renew(self, owner: str) -> None:
        now = self._clock()
        if owner.startswith(USER):
            self._renew_sessions(owner, now)
        self._renew_keys(owner, now)

    def _renew_keys(self, owner: str, now: float) -> None:
        makers = [(owner, self._reach(owner))]
        while makers:
            maker, reach = makers.pop()
            for key in self._stores.keys.of_owner(maker, now):
                self._place_key(key, reach)
                # What a key has made dies with it.
                makers.append((KEY + key.view.id, _handed_on(key, reach)))

    def _renew_sessions(self, actor: str, now: float) -> None:
        sessions = self._stores.people.sessions(now, actor.removeprefix(USER))
        kept = {session.id for session in sessions}
        for identity in self._index.of_actor(actor):
            if identity not in kept:
                self._index.drop(identity)
        for session in sessions:
            self._place_session(session, now)

    def _place_session(self, session: StoredSession, now: float) -> None:
        user = self._stores.people.user(session.name)
        if user is None or user.disabled is not None:
            self._index.drop(session.id)
            return
        actor, must = USER + user.name, self.due(user, session.method, now)
        scopes = _NOTHING if must else self._roles.scopes(user.role)
        grant = Grant(
            actor, scopes, None, None, user.role, credential=session.id, owner=actor, must=must
        )
        old = self._index.get(session.id)
        if old is not None and (old.grant, old.grant.must) == (grant, must):
            return
        idle, seen = self._rules.idle_s, session.seen if old is None else old.seen
        self._index.put(
            session.id,
            Credential(session.salt, session.digest, grant, session.expires, idle, seen),
        )

    def _place_key(self, key: StoredKey, reach: _Reach) -> None:
        scopes, until = key.view.scopes & reach[0], reach[1]
        if key.view.state != "active" or not scopes:
            self._index.drop(key.view.id)
            return
        old = self._index.get(key.view.id)
        if old is not None:
            quota = old.quota
            if quota is not None and quota.limits != key.view.limits:
                quota.change(key.view.limits, self._clock(), self._counts(key))
            elif quota is None and not key.view.limits.none():
                quota = self._quota(key)
        else:
            quota = None if key.view.limits.none() else self._quota(key)
        fresh = credential_of(key, scopes, quota, until)
        if old is None or (old.grant, old.expires) != (fresh.grant, fresh.expires):
            self._index.put(key.view.id, fresh)
        else:
            old.quota = quota

    def _quota(self, key: StoredKey) -> Quota:
        return Quota(key.view.limits, self._rules.calendar, self._clock(), self._counts(key))

    def _counts(self, key: StoredKey) -> list[Count]:
        """What a key used in this day and month: as counted, else as metered."""
        usage, calendar, now = self._stores.usage, self._rules.calendar, self._clock()
        month, day = calendar.month(now)[0], calendar.day(now)[0]
        metered = [*usage.metered(key.view.id, "month", month)]
        metered += usage.metered(key.view.id, "day", day)
        counted = usage.counts(key.view.id, min(month, day))
        known = {(count.limit, count.window, count.start) for count in counted}
        return counted + [c for c in metered if (c.limit, c.window, c.start) not in known]


def _handed_on(key: StoredKey, reach: _Reach) -> _Reach:
    """What the keys that a key has made may do at most, and until when."""
    ends = inf if key.view.expires is None else key.view.expires
    scopes = key.view.scopes & reach[0] if key.view.state == "active" else _NOTHING
    return scopes, min(ends, reach[1])


def _nobody_hears() -> None:
    """Nobody waits for changes."""
