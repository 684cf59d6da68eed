"""The part of a conversation with a box that is about people, rights and use."""

from collections.abc import AsyncIterator
from datetime import date
from urllib.parse import quote

from appliance.client.transport import Transport
from appliance.contract.access import KeyLimits, KeyView
from appliance.contract.people import (
    AccountView,
    AccountWish,
    ApprovalList,
    ApprovalView,
    ApprovalWish,
    Execution,
    Me,
    PasswordChange,
    PasswordReset,
    RecoveryCodes,
    RoleChange,
    RoleScopes,
    RoleView,
    SessionInfo,
    TotpBegun,
    TotpCode,
    TotpDemand,
)
from appliance.contract.usage import UsageBy, UsageReport

_ME = "/api/v1/users/me"


class Access:
    """People, sessions, roles, service accounts, quotas, approvals and use; errors of `Session`."""

    def __init__(self, transport: Transport) -> None:
        self._wire = transport

    # Oneself

    async def me(self) -> Me:
        """Who is signed in, and what is due."""
        return await self._wire.view(Me, "GET", _ME)

    async def change_password(self, old: str, new: str) -> None:
        """Change one's own password; every session of one's own ends."""
        await self._wire.json("PUT", f"{_ME}/password", PasswordChange(old=old, new=new))

    async def begin_totp(self) -> TotpBegun:
        """Begin to set up one-time codes."""
        return await self._wire.view(TotpBegun, "POST", f"{_ME}/totp")

    async def confirm_totp(self, code: str) -> RecoveryCodes:
        """Confirm by a first code."""
        return await self._wire.view(
            RecoveryCodes, "POST", f"{_ME}/totp/confirm", TotpCode(code=code)
        )

    async def remove_totp(self, code: str) -> None:
        """Give up one-time codes."""
        await self._wire.json("POST", f"{_ME}/totp/remove", TotpCode(code=code))

    # People

    async def sessions(self) -> tuple[SessionInfo, ...]:
        """Everybody's live sessions."""
        rows = await self._wire.json("GET", "/api/v1/sessions")
        return tuple(SessionInfo.model_validate(row) for row in rows)

    async def end_session(self, session_id: str) -> None:
        """End a session at once."""
        await self._wire.json("DELETE", f"/api/v1/sessions/{_part(session_id)}")

    async def remove_user(self, name: str) -> None:
        """Remove a person."""
        await self._wire.json("DELETE", f"/api/v1/users/{_part(name)}")

    async def reset_password(self, name: str, password: str, *, temporary: bool = True) -> None:
        """Give somebody a new password."""
        wish = PasswordReset(password=password, temporary=temporary)
        await self._wire.json("PUT", f"/api/v1/users/{_part(name)}/password", wish)

    async def set_role(self, name: str, role: str) -> None:
        """Give somebody another role."""
        await self._wire.json("PUT", f"/api/v1/users/{_part(name)}/role", RoleChange(role=role))

    async def user_does(self, name: str, what: str) -> None:
        """Have a person "disable"d, "enable"d or "unlock"ed."""
        await self._wire.json("POST", f"/api/v1/users/{_part(name)}/{_part(what)}")

    async def reset_totp(self, name: str) -> None:
        """Remove somebody's one-time codes."""
        await self._wire.json("DELETE", f"/api/v1/users/{_part(name)}/totp")

    # Roles and service accounts

    async def roles(self) -> tuple[RoleView, ...]:
        """Every role."""
        rows = await self._wire.json("GET", "/api/v1/roles")
        return tuple(RoleView.model_validate(row) for row in rows)

    async def define_role(self, name: str, scopes: tuple[str, ...]) -> RoleView:
        """Define a role of the hospital's own."""
        wish = RoleScopes(scopes=scopes)
        return await self._wire.view(RoleView, "PUT", f"/api/v1/roles/{_part(name)}", wish)

    async def remove_role(self, name: str) -> None:
        """Remove a role that nobody has."""
        await self._wire.json("DELETE", f"/api/v1/roles/{_part(name)}")

    async def demand_totp(self, role: str, *, demanded: bool) -> RoleView:
        """Say whether the people of a role need one-time codes."""
        wish = TotpDemand(demanded=demanded)
        return await self._wire.view(RoleView, "PUT", f"/api/v1/roles/{_part(role)}/totp", wish)

    async def accounts(self) -> tuple[AccountView, ...]:
        """Every service account."""
        rows = await self._wire.json("GET", "/api/v1/accounts")
        return tuple(AccountView.model_validate(row) for row in rows)

    async def create_account(self, wish: AccountWish) -> AccountView:
        """Make a service account."""
        return await self._wire.view(AccountView, "POST", "/api/v1/accounts", wish)

    async def account_does(self, name: str, what: str) -> AccountView:
        """Have a service account "disable"d or "enable"d."""
        path = f"/api/v1/accounts/{_part(name)}/{_part(what)}"
        return await self._wire.view(AccountView, "POST", path)

    async def set_account_role(self, name: str, role: str) -> AccountView:
        """Give a service account another role."""
        path = f"/api/v1/accounts/{_part(name)}/role"
        return await self._wire.view(AccountView, "PUT", path, RoleChange(role=role))

    async def remove_account(self, name: str) -> None:
        """Remove a service account."""
        await self._wire.json("DELETE", f"/api/v1/accounts/{_part(name)}")

    # Quotas and use

    async def set_limits(self, key_id: str, limits: KeyLimits) -> KeyView:
        """Set the limits of a key."""
        return await self._wire.view(KeyView, "PUT", f"/api/v1/keys/{_part(key_id)}/limits", limits)

    async def usage(
        self, by: UsageBy, since: date | None = None, until: date | None = None
    ) -> UsageReport:
        """Metered use added up."""
        query = {"by": by, **_span(since, until)}
        return await self._wire.view(UsageReport, "GET", "/api/v1/usage", query=query)

    async def export_usage(
        self, since: date | None = None, until: date | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the hourly rows as CSV."""
        async for piece in self._wire.pieces("/api/v1/usage/export", _span(since, until)):
            yield piece

    # Two-person actions

    async def approvals(self) -> ApprovalList:
        """The newest requests and the table of actions."""
        return await self._wire.view(ApprovalList, "GET", "/api/v1/approvals")

    async def request(self, wish: ApprovalWish) -> ApprovalView:
        """Ask for an action that takes two people."""
        return await self._wire.view(ApprovalView, "POST", "/api/v1/approvals", wish)

    async def approval_does(self, approval_id: str, what: str) -> ApprovalView:
        """Have a request "approve"d or "cancel"led."""
        path = f"/api/v1/approvals/{_part(approval_id)}/{_part(what)}"
        return await self._wire.view(ApprovalView, "POST", path)

    async def execute(self, approval_id: str, secret: str | None = None) -> ApprovalView:
        """Have an approved action done."""
        path = f"/api/v1/approvals/{_part(approval_id)}/execute"
        return await self._wire.view(ApprovalView, "POST", path, Execution(secret=secret))


def _span(since: date | None, until: date | None) -> dict[str, str]:
    span = {"from": since, "to": until}
    return {name: at.isoformat() for name, at in span.items() if at is not None}


def _part(value: str) -> str:
    return quote(value, safe="")
