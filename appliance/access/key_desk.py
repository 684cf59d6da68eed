"""The desk of API keys: made, listed, limited, revoked."""

from dataclasses import asdict, replace

from appliance.access.credentials import KEY_PREFIX, mint
from appliance.access.errors import AccessForbidden, AccountUnknown, KeyUnknown
from appliance.access.grants import CreatedKey, Grant, KeyView, KeyWish
from appliance.access.ground import Ground
from appliance.access.key_store import StoredKey
from appliance.access.keys import judge_limits, judge_maker, judge_wish
from appliance.access.limits import Limits
from appliance.access.live import ACCOUNT, KEY
from appliance.access.two_person import REVOKE_EXPORT_KEY
from appliance.audit import events
from appliance.audit.events_access import key_change

EXPORT_SCOPE = "audit:export"


class KeyDesk:
    """API keys. A key belongs to who made it, or to a service account, and dies with its owner."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def create(self, wish: KeyWish, by: Grant) -> CreatedKey:
        """Make an API key; its secret is in the answer and nowhere else.

        Raises:
            KeyWishInvalid: Something in the wish cannot be, or its maker is a key that makes none.
            AccessForbidden: The wish holds a scope its maker, or the service account, lacks.
            AccountUnknown: There is no such service account.
        """
        ground, now = self._ground, self._ground.clock()
        judge_wish(wish, by, now)
        self.judge_maker(by)
        owner = by.actor if wish.account is None else self._account(wish)
        minted = mint(KEY_PREFIX)
        view = KeyView(
            id=minted.id,
            name=wish.name.strip(),
            owner=owner,
            scopes=wish.scopes,
            models=wish.models,
            created=now,
            expires=wish.expires,
            revoked=None,
            limits=wish.limits,
            state="active",
        )
        with ground.stores.people.change():
            ground.stores.keys.add(StoredKey(view, minted.salt, minted.digest))
            scopes = sorted(view.scopes)
            ground.record(events.key_create(by.actor, None, key_id=view.id, scopes=scopes))
        ground.live.renew(owner)
        return CreatedKey(minted.id, minted.token)

    def judge_maker(self, by: Grant) -> None:
        """Check that a caller may hand rights on. Raises KeyWishInvalid for a key that may not."""
        if by.key_id is None:
            return
        maker = self._ground.stores.keys.get(by.key_id, self._ground.clock())
        if maker is not None:
            judge_maker(maker.view, len(self._ground.live.lineage(by.key_id)))

    def revoke(self, key_id: str, by: Grant, *, approved: bool = False) -> None:
        """Revoke a key, and the keys it made; they are dead when this returns.

        Raises:
            KeyUnknown: There is no live key of this id.
            AccessForbidden: It may do more than who revokes it, and is not theirs.
            ApprovalNeeded: It exports the audit record, on a box where that takes two people.
        """
        ground = self._ground
        key = self._manageable(key_id, by)
        if EXPORT_SCOPE in key.view.scopes:
            ground.two_people(REVOKE_EXPORT_KEY, key_id, approved=approved)
        ground.live.kill(key_id)
        if not ground.stores.keys.revoke(key_id, ground.clock()):
            raise KeyUnknown(key_id=key_id[:64])
        ground.live.renew(KEY + key_id)
        ground.record(events.key_revoke(by.actor, None, key_id=key_id))

    def set_limits(self, key_id: str, limits: Limits, by: Grant) -> KeyView:
        """Set other limits for a key, from the next request on; what was used stays used."""
        ground = self._ground
        judge_limits(limits)
        key = self._manageable(key_id, by)
        if by.key_id is not None and key_id in self._ground.live.lineage(by.key_id):
            raise AccessForbidden(scope="keys:write")
        told = [f"{name}={most}" for name, most in asdict(limits).items() if most is not None]
        with ground.stores.people.change():
            if not ground.stores.keys.set_limits(key_id, limits):
                raise KeyUnknown(key_id=key_id[:64])
            ground.record(key_change(by.actor, key_id=key_id, limits=told))
        ground.live.renew(key.view.owner)
        return self._view(replace(key.view, limits=limits))

    def all(self) -> list[KeyView]:
        """Return every key ever made, oldest first, without secrets."""
        keys = self._ground.stores.keys.all(self._ground.clock())
        return [self._view(key.view) for key in keys]

    def _view(self, view: KeyView) -> KeyView:
        rests = view.state == "active" and not self._ground.live.live(view.id)
        return replace(view, state="suspended") if rests else view

    def _manageable(self, key_id: str, by: Grant) -> StoredKey:
        key = self._ground.stores.keys.get(key_id, self._ground.clock())
        if key is None or key.view.revoked is not None:
            raise KeyUnknown(key_id=key_id[:64])
        lacking = sorted(key.view.scopes - by.scopes)
        if lacking and key.view.owner != by.actor:
            raise AccessForbidden(scope=lacking[0])
        return key

    def _account(self, wish: KeyWish) -> str:
        account = self._ground.stores.accounts.get(wish.account or "")
        if account is None:
            raise AccountUnknown(name=(wish.account or "")[:64])
        lacking = sorted(wish.scopes - self._ground.roles.scopes(account.role))
        if lacking:
            raise AccessForbidden(scope=lacking[0])
        return ACCOUNT + account.name
