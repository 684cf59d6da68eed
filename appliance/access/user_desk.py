"""The desk where administrators look after people: let in, change, disable, remove."""

from dataclasses import replace
from typing import Final

from appliance.access.attempts import NAME
from appliance.access.errors import LastAdministrator, TotpState
from appliance.access.grants import Grant, UserView
from appliance.access.ground import Ground
from appliance.access.live import LOCAL_ACTOR, USER
from appliance.access.people import LOCAL, People
from appliance.access.rules import counted_under
from appliance.access.store import StoredUser
from appliance.access.two_person import (
    MAKE_ADMINISTRATOR,
    REMOVE_ADMINISTRATOR,
    RESET_PASSWORD,
    RESET_TOTP,
    UNLOCK_ADMINISTRATOR,
)
from appliance.audit import events
from appliance.audit.events_access import totp_change, user_change

_TWO: Final = 2


class UserDesk:
    """People, as administrators see them.

    Nobody changes a person who may do more than they: a key or a role that manages users cannot be
    used to become an administrator.
    """

    def __init__(self, ground: Ground, people: People) -> None:
        self._ground = ground
        self._people = people

    def create(
        self, name: str, password: str, role: str, by: Grant, *, temporary: bool = False
    ) -> UserView:
        """Let a person in; a temporary password has to be changed at the first sign-in.

        Raises:
            UserNameMalformed, RoleUnknown, WeakPassword, UserExists: It cannot be.
            AccessForbidden: The role may do more than who gives it.
            ApprovalNeeded: An administrator, on a box where that takes two people.
        """
        ground = self._ground
        ground.roles.judge(role)
        ground.roles.may_give(by, role)
        if ground.roles.administrates(role):
            ground.two_people(MAKE_ADMINISTRATOR, name, approved=self._alone())
        with ground.stores.people.change():
            user = self._people.create(name, password, role, temporary=temporary)
            ground.record(events.user_create(by.actor, None, name=user.name, role=role))
        return UserView(user.name, role, user.created, locked=False, changed=user.changed)

    def all(self) -> list[UserView]:
        """Return every person, by name."""
        people = self._ground.stores.people.users(self._ground.clock())
        return [one if one.source == LOCAL else self._outside(one) for one in people]

    def set_password(
        self,
        name: str,
        password: str,
        by: Grant,
        *,
        temporary: bool = False,
        approved: bool = False,
    ) -> None:
        """Replace a person's password; every session of theirs ends at once."""
        user = self._subject(name, by)
        if self._other_administrator(user, by):
            self._ground.two_people(RESET_PASSWORD, name, approved=approved)
        self._people.set_password(name, password, temporary=temporary)
        self._ground.live.renew(USER + name)
        self._ground.record(user_change(by.actor, name=name, change="password"))

    def set_role(self, name: str, role: str, by: Grant, *, approved: bool = False) -> None:
        """Change a person's role; their sessions and their keys end at once."""
        ground = self._ground
        # Inside: two administrators who demote each other at once would leave none.
        with ground.stores.people.change():
            user = self._subject(name, by)
            ground.roles.judge(role)
            ground.roles.may_give(by, role)
            if ground.roles.administrates(role) and not ground.roles.administrates(user.role):
                ground.two_people(MAKE_ADMINISTRATOR, name, approved=approved)
            if not ground.roles.administrates(role):
                self._not_the_last(user, by)
                if self._other_administrator(user, by):
                    ground.two_people(REMOVE_ADMINISTRATOR, name, approved=approved)
            ground.live.kill_person(name)
            ground.stores.people.set_role(name, role, ground.clock())
        ground.live.renew(USER + name)
        ground.record(user_change(by.actor, name=name, change=role))

    def remove(self, name: str, by: Grant, *, approved: bool = False) -> None:
        """Remove a person; their sessions and their keys end at once, what they used stays."""
        ground = self._ground
        with ground.stores.people.change():
            user = self._subject(name, by)
            self._not_the_last(user, by)
            if ground.roles.administrates(user.role):
                ground.two_people(REMOVE_ADMINISTRATOR, name, approved=approved)
            ground.live.kill_person(name)
            ground.stores.people.remove_user(name, ground.clock())
        ground.live.renew(USER + name)
        ground.record(user_change(by.actor, name=name, change="removed"))

    def disable(self, name: str, by: Grant) -> None:
        """Disable a person: sessions end, keys rest, and one administrator is enough to do it."""
        ground = self._ground
        with ground.stores.people.change():
            self._not_the_last(self._subject(name, by), by)
            ground.live.kill_person(name)
            ground.stores.people.set_disabled(name, ground.clock(), ground.clock())
        ground.live.renew(USER + name)
        ground.record(user_change(by.actor, name=name, change="disabled"))

    def enable(self, name: str, by: Grant) -> None:
        """Let a disabled person in again; their keys work again."""
        ground = self._ground
        self._subject(name, by)
        with ground.stores.people.change():
            ground.stores.people.set_disabled(name, None, ground.clock())
            ground.record(user_change(by.actor, name=name, change="enabled"))
        ground.live.renew(USER + name)

    def unlock(self, name: str, by: Grant, *, approved: bool = False) -> None:
        """Lift a person's lockout."""
        ground = self._ground
        user = self._subject(name, by)
        if ground.roles.administrates(user.role):
            ground.two_people(UNLOCK_ADMINISTRATOR, name, approved=approved)
        with ground.stores.people.change():
            ground.stores.people.clear_failures(NAME, name)
            ground.stores.people.clear_failures(NAME, counted_under(name, user.source))
            ground.record(user_change(by.actor, name=name, change="unlocked"))

    def reset_totp(self, name: str, by: Grant, *, approved: bool = False) -> None:
        """Remove the second factor of somebody who lost it; their sessions end."""
        ground = self._ground
        user = self._subject(name, by)
        if self._other_administrator(user, by) or ground.roles.demands_totp(user.role):
            ground.two_people(RESET_TOTP, name, approved=approved)
        if not ground.factors.remove(name):
            raise TotpState(reason_zh="没有绑定动态口令", reason_en="none are set up")
        ground.stores.people.drop_others(name, "")
        ground.live.renew(USER + name)
        ground.record(totp_change("remove", by.actor, name=name))

    def _outside(self, one: UserView) -> UserView:
        # Their passwords are counted under a name of their directory, their codes under that of the box.
        counted = counted_under(one.name, one.source)
        locked = one.locked or self._people.attempts.locked(counted, self._ground.clock())
        return replace(one, locked=locked)

    def _subject(self, name: str, by: Grant) -> StoredUser:
        user = self._people.known(name)
        self._ground.roles.may_give(by, user.role)
        return user

    def _other_administrator(self, user: StoredUser, by: Grant) -> bool:
        return self._ground.roles.administrates(user.role) and by.actor != USER + user.name

    def _alone(self) -> bool:
        """Whether the first administrators are still being made: two people need two people.

        Disabled ones count: nobody disables a colleague to be alone again.
        """
        roles = self._ground.roles
        return sum(roles.administrates(user.role) for user in self.all()) < _TWO

    def _administrators(self) -> list[str]:
        roles = self._ground.roles
        return [u.name for u in self.all() if roles.administrates(u.role) and not u.disabled]

    def _not_the_last(self, user: StoredUser, by: Grant) -> None:
        # The local console is an administrator itself and may start over.
        if by.actor != LOCAL_ACTOR and self._administrators() == [user.name]:
            raise LastAdministrator(name=user.name)
