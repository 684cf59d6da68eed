"""The roles of a box: the built-in ones and the hospital's own, and who needs a second factor."""

import re
from dataclasses import replace
from typing import Final

from appliance.access.errors import AccessForbidden, RoleInvalid, RoleUnknown
from appliance.access.grants import Grant, RoleView
from appliance.access.role_store import RoleStore, StoredRole
from appliance.access.roles import ADMIN_SCOPES, ROLES, SCOPES

MAX_ROLES: Final = 64
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


class RoleBook:
    """Roles by name, in memory and in step with the database: one process owns both."""

    def __init__(self, store: RoleStore) -> None:
        self._store = store
        self._own: dict[str, StoredRole] = {role.name: role for role in store.all()}

    def known(self, name: str) -> bool:
        """Tell whether there is such a role."""
        return name in ROLES or name in self._own

    def scopes(self, name: str) -> frozenset[str]:
        """Return what a role may do; nothing for a role that is not there."""
        if name in ROLES:
            return ROLES[name]
        own = self._own.get(name)
        return frozenset() if own is None or own.scopes is None else own.scopes

    def demands_totp(self, name: str) -> bool:
        """Tell whether the people of a role need a second factor."""
        own = self._own.get(name)
        return own is not None and own.totp

    def administrates(self, name: str) -> bool:
        """Tell whether a role may change people: what two-person actions are about."""
        return not ADMIN_SCOPES.isdisjoint(self.scopes(name))

    def all(self) -> list[RoleView]:
        """Return every role, the built-in ones first."""
        own = [name for name in self._own if name not in ROLES]
        return [
            RoleView(name, self.scopes(name), name in ROLES, self.demands_totp(name))
            for name in (*ROLES, *own)
        ]

    def judge(self, name: str) -> None:
        """Raise RoleUnknown unless there is such a role."""
        if not self.known(name):
            raise RoleUnknown(role=name[:64], roles=", ".join((*ROLES, *sorted(self._own))))

    def may_give(self, by: Grant, role: str) -> None:
        """Raise AccessForbidden when a role may do something that its giver may not."""
        lacking = sorted(self.scopes(role) - by.scopes)
        if lacking:
            raise AccessForbidden(scope=lacking[0])

    def define(self, name: str, scopes: frozenset[str], by: Grant) -> RoleView:
        """Define a role of the hospital's own, or other scopes for one.

        Raises:
            RoleInvalid: A name or scopes that cannot be.
            AccessForbidden: It, or what it was before, may do what its maker may not.
        """
        if name in ROLES or _NAME.fullmatch(name) is None:
            raise RoleInvalid(
                reason_zh="名称须为 1 至 32 个小写字母、数字或短横线,且不同于内置角色",
                reason_en="a name has 1-32 of a-z, 0-9 and - and is not that of a built-in role",
            )
        _judge_scopes(scopes)
        if len(self._own) >= MAX_ROLES and name not in self._own:
            raise RoleInvalid(reason_zh="角色已达 64 个", reason_en="there are 64 roles already")
        lacking = sorted((scopes | self.scopes(name)) - by.scopes)
        if lacking:
            raise AccessForbidden(scope=lacking[0])
        role = StoredRole(name, scopes, self.demands_totp(name))
        self._store.put(role)
        self._own[name] = role
        return RoleView(name, scopes, builtin=False, totp=role.totp)

    def remove(self, name: str) -> None:
        """Remove a role of the hospital's own. Raises RoleUnknown, RoleInvalid."""
        self.judge(name)
        if name in ROLES:
            raise RoleInvalid(reason_zh="内置角色不能删除", reason_en="a built-in role stays")
        self._store.remove(name)
        self._own.pop(name, None)

    def demand_totp(self, name: str, *, on: bool) -> RoleView:
        """Say whether the people of a role need a second factor. Raises RoleUnknown."""
        self.judge(name)
        role = replace(self._own.get(name) or StoredRole(name, None, totp=False), totp=on)
        self._store.put(role)
        self._own[name] = role
        return RoleView(name, self.scopes(name), name in ROLES, on)

    def reload(self) -> None:
        """Read the roles again, after a change that was undone."""
        self._own = {role.name: role for role in self._store.all()}


def _judge_scopes(scopes: frozenset[str]) -> None:
    unknown = sorted(scopes - SCOPES)
    if unknown or not scopes:
        name = unknown[0][:64] if unknown else "-"
        raise RoleInvalid(reason_zh=f"没有权限 {name}", reason_en=f"there is no scope {name}")
    if not ADMIN_SCOPES.isdisjoint(scopes):
        raise RoleInvalid(
            reason_zh="管理用户的权限只属于内置的 administrator 角色",
            reason_en="changing people belongs to the built-in role administrator alone",
        )
