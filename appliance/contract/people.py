"""Wire types of people and their rights: sessions, second factors, roles, accounts, approvals."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from appliance.contract.access import Role
from appliance.contract.base import Name, Secret, Wire


def _visible(text: str) -> str:
    if not text.isprintable():
        message = "only visible characters"
        raise ValueError(message)
    return text


Line = Annotated[str, AfterValidator(_visible)]
Code = Annotated[str, Field(min_length=6, max_length=64, repr=False)]
Scopes = Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]


class Me(Wire):
    """Who is signed in, and what is due."""

    actor: str
    role: Role
    scopes: tuple[str, ...]
    must: Literal["password", "totp"] | None = None


class SessionInfo(Wire):
    """A live session, without its token."""

    id: str
    name: str
    created: datetime
    seen: datetime
    expires: datetime
    source: str | None
    method: str


class PasswordChange(Wire):
    """One's own password: the old one and a new one."""

    old: Secret
    new: Secret


class PasswordReset(Wire):
    """A new password for somebody; a temporary one has to be changed at the first sign-in."""

    password: Secret
    temporary: bool = True


class RoleChange(Wire):
    """Another role."""

    role: Role


class TotpBegun(Wire):
    """What an authenticator app needs: `uri` as a QR code, or the secret typed in. Shown once."""

    uri: str = Field(repr=False)
    secret: str = Field(repr=False)


class TotpCode(Wire):
    """A one-time code of 6 digits, or a recovery code where one is taken."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "123456"}]})

    code: Code


class RecoveryCodes(Wire):
    """Each opens one sign-in when the authenticator is lost. Shown once."""

    codes: tuple[str, ...] = Field(repr=False)


class RoleView(Wire):
    """A role; `totp` tells whether its people need one-time codes."""

    name: Role
    scopes: tuple[str, ...]
    builtin: bool
    totp: bool


class RoleScopes(Wire):
    """What a role of the hospital's own may do."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"scopes": ["chat", "models:read", "usage:read"]}]}
    )

    scopes: Scopes


class TotpDemand(Wire):
    """Whether the people of a role need one-time codes."""

    demanded: bool


class AccountWish(Wire):
    """A service account to be made: an owner of keys that is no person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "emr", "role": "application", "note": "电子病历 EMR, 信息科"}]
        }
    )

    name: Name
    role: Role
    note: Line = Field(default="", max_length=200)


class AccountView(Wire):
    """A service account."""

    name: str
    role: Role
    note: str
    created: datetime
    disabled: datetime | None


class ApprovalWish(Wire):
    """A two-person action to be asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "user.remove-administrator", "subject": "zhang", "reason": "离职"}
            ]
        }
    )

    action: Line = Field(max_length=64)
    subject: Name
    parameter: str | None = Field(default=None, max_length=64)
    reason: Line = Field(default="", max_length=200)


class ApprovalView(Wire):
    """A two-person action and where it stands."""

    id: str
    action: str
    subject: str
    parameter: str | None
    reason: str
    state: Literal["waiting", "approved", "cancelled", "executed", "failed", "expired"]
    requested_by: str
    requested: datetime
    expires: datetime
    decided_by: str | None
    decided: datetime | None
    executed_by: str | None
    executed: datetime | None


class ActionView(Wire):
    """One kind of two-person action."""

    name: str
    scope: str
    zh: str
    en: str
    parameter: str


class ApprovalList(Wire):
    """The newest requests, the kinds of actions, and whether this box asks for two people."""

    on: bool
    actions: tuple[ActionView, ...]
    approvals: tuple[ApprovalView, ...]


class Execution(Wire):
    """The secret that an action needs at the last moment (a new password), or null."""

    secret: str | None = Field(default=None, min_length=1, max_length=1024, repr=False)
