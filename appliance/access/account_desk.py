"""The desk of service accounts: owners that are no people, such as the hospital's HIS or EMR."""

from dataclasses import replace

from appliance.access.errors import AccountExists, AccountUnknown, RoleInvalid
from appliance.access.grants import AccountView, Grant
from appliance.access.ground import Ground
from appliance.access.live import ACCOUNT
from appliance.access.rules import judge_name
from appliance.audit.events_access import account_change


class AccountDesk:
    """Service accounts. They own keys, and certificates that stand for these keys; no password."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def create(self, name: str, role: str, note: str, by: Grant) -> AccountView:
        """Make a service account.

        Raises:
            UserNameMalformed, RoleUnknown, AccountExists: It cannot be.
            RoleInvalid: The role administrates; a program never does.
            AccessForbidden: The role may do more than who gives it.
        """
        ground = self._ground
        judge_name(name)
        self._judge_role(role, by)
        account = AccountView(name, role, note, ground.clock())
        with ground.stores.people.change():
            if not ground.stores.accounts.add(account):
                raise AccountExists(name=name)
            ground.record(account_change("create", by.actor, name=name, role=role))
        return account

    def all(self) -> list[AccountView]:
        """Return every service account, by name."""
        return self._ground.stores.accounts.all()

    def set_role(self, name: str, role: str, by: Grant) -> AccountView:
        """Change what an account's keys may do, at once."""
        self._judge_role(role, by)
        account = replace(self._known(name, by), role=role)
        ground = self._ground
        with ground.stores.people.change():
            ground.stores.accounts.put(account)
            ground.record(account_change("change", by.actor, name=name, role=role))
        ground.live.renew(ACCOUNT + name)
        return account

    def disable(self, name: str, by: Grant) -> AccountView:
        """Let an account's keys and certificates rest, at once."""
        ground = self._ground
        account = replace(self._known(name, by), disabled=ground.clock())
        ground.stores.accounts.put(account)
        ground.live.renew(ACCOUNT + name)
        ground.record(account_change("disable", by.actor, name=name, role=account.role))
        return account

    def enable(self, name: str, by: Grant) -> AccountView:
        """Let an account's keys and certificates work again."""
        account = replace(self._known(name, by), disabled=None)
        ground = self._ground
        with ground.stores.people.change():
            ground.stores.accounts.put(account)
            ground.record(account_change("enable", by.actor, name=name, role=account.role))
        ground.live.renew(ACCOUNT + name)
        return account

    def remove(self, name: str, by: Grant) -> None:
        """Remove an account; its keys are revoked, what they used stays."""
        account, ground = self._known(name, by), self._ground
        ground.stores.accounts.remove(name, ground.clock())
        ground.live.renew(ACCOUNT + name)
        ground.record(account_change("remove", by.actor, name=name, role=account.role))

    def _judge_role(self, role: str, by: Grant) -> None:
        self._ground.roles.judge(role)
        self._ground.roles.may_give(by, role)
        if self._ground.roles.administrates(role):
            raise RoleInvalid(
                reason_zh="服务账号不能有管理用户的角色",
                reason_en="a service account never administrates",
            )

    def _known(self, name: str, by: Grant) -> AccountView:
        account = self._ground.stores.accounts.get(name)
        if account is None:
            raise AccountUnknown(name=name[:64])
        self._ground.roles.may_give(by, account.role)
        return account
