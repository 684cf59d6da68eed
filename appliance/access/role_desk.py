"""The desk of roles: the hospital's own, and who needs a second factor."""

from typing import Literal

from appliance.access.errors import RoleInUse
from appliance.access.grants import Grant, RoleView
from appliance.access.ground import Ground
from appliance.access.two_person import TOTP_OFF
from appliance.audit.event import Event
from appliance.audit.events_access import role_change
from appliance.errors import ApplianceError


class RoleDesk:
    """Roles. A change counts from the next request on, for sessions and keys that live already."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def all(self) -> list[RoleView]:
        """Return every role, the built-in ones first."""
        return self._ground.roles.all()

    def define(self, name: str, scopes: frozenset[str], by: Grant) -> RoleView:
        """Define a role, or other scopes for one. Raises RoleInvalid, AccessForbidden."""
        ground = self._ground
        try:
            with ground.stores.people.change():
                role = ground.roles.define(name, scopes, by)
                ground.record(_changed("define", by, role))
        except ApplianceError:
            ground.roles.reload()
            raise
        ground.live.renew_role(name)
        return role

    def remove(self, name: str, by: Grant) -> None:
        """Remove a role of the hospital's own that nobody has.

        Raises:
            RoleInUse: Somebody has it.
            RoleUnknown, RoleInvalid: It cannot be removed.
        """
        ground = self._ground
        ground.roles.judge(name)
        ground.roles.may_give(by, name)
        try:
            with ground.stores.people.change():
                holders = ground.stores.people.holders(name)
                holders += [a.name for a in ground.stores.accounts.all() if a.role == name]
                if holders:
                    raise RoleInUse(role=name, holder=holders[0])
                role = RoleView(name, ground.roles.scopes(name), builtin=False, totp=False)
                ground.roles.remove(name)
                ground.record(_changed("remove", by, role))
        except ApplianceError:
            ground.roles.reload()
            raise

    def demand_totp(self, name: str, by: Grant, *, on: bool, approved: bool = False) -> RoleView:
        """Say whether the people of a role need a second factor; it counts at once.

        Raises:
            RoleUnknown: There is no such role.
            AccessForbidden: The role may do more than who asks.
            ApprovalNeeded: Turning it off, on a box where that takes two people.
        """
        ground = self._ground
        ground.roles.judge(name)
        ground.roles.may_give(by, name)
        if not on and ground.roles.demands_totp(name):
            ground.two_people(TOTP_OFF, name, approved=approved)
        try:
            with ground.stores.people.change():
                role = ground.roles.demand_totp(name, on=on)
                ground.record(_changed("demand", by, role))
        except ApplianceError:
            ground.roles.reload()
            raise
        ground.live.renew_role(name)
        return role


def _changed(action: Literal["define", "remove", "demand"], by: Grant, role: RoleView) -> Event:
    return role_change(action, by.actor, name=role.name, scopes=sorted(role.scopes), totp=role.totp)
