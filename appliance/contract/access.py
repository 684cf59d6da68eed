"""Wire types of access: sessions, keys, users and the vault's lock."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Name, Secret, Wire
from appliance.contract.moment import Moment
from appliance.contract.system import VaultState

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""A built-in role (administrator, informatics, clinician, auditor, application) or one of the hospital's."""
Requests = Annotated[int | None, Field(default=None, ge=1, le=10_000_000_000)]
Tokens = Annotated[int | None, Field(default=None, ge=1, le=1_000_000_000_000)]


Typed = Annotated[str, Field(min_length=1, max_length=1024)]
"""A secret as it is typed; its field is never shown."""


class VaultWarning(Wire):
    """What people should know about the vault, and what to do."""

    sentence: str
    way_out: str


class VaultView(Wire):
    """The state of the vault, its back end, which slots hold its root key, and what is not right.

    While the vault is locked, `warnings` is filled for callers on the machine itself alone.
    """

    state: VaultState
    backend: str
    slots: tuple[str, ...]
    warnings: tuple[VaultWarning, ...] = ()


class Unlock(Wire):
    """The passphrase or the recovery key; or shares; or the content of a key file with its passphrase."""

    secret: Typed | None = Field(default=None, repr=False)
    shares: tuple[Typed, ...] = Field(default=(), max_length=16, repr=False)
    key_file: str | None = Field(default=None, max_length=4096, repr=False)


class SignIn(Wire):
    """A person's name and password, and a one-time or recovery code where one is needed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "admin", "password": "correct horse battery"}]}
    )

    name: Name
    password: Secret
    totp: str | None = Field(default=None, max_length=64, repr=False)


class SessionView(Wire):
    """A session: `token` goes into `Authorization: Bearer <token>` and is shown once.

    `must` is what is due before anything else: a new password, or setting up one-time codes.
    """

    token: str
    expires: datetime
    role: Role
    scopes: tuple[str, ...]
    must: Literal["password", "totp"] | None = None


class KeyLimits(Wire):
    """How much a key may use; null means no limit of that kind."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"requests_per_minute": 60, "tokens_per_month": 50_000_000}]
        }
    )

    requests_per_minute: Requests
    tokens_per_minute: Tokens
    requests_per_day: Requests
    tokens_per_day: Tokens
    requests_per_month: Requests
    tokens_per_month: Tokens


class KeyWish(KeyLimits):
    """A key to be made; `account` is the service account that shall own it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "emr",
                    "scopes": ["chat", "specialists"],
                    "models": ["wardbox-reference"],
                    "expires": None,
                    "requests_per_minute": 600,
                    "tokens_per_month": 50_000_000,
                    "account": "emr",
                }
            ]
        }
    )

    name: Name
    scopes: tuple[str, ...] = Field(min_length=1, max_length=32)
    models: tuple[Identifier, ...] | None = Field(default=None, max_length=64)
    expires: Moment | None = None
    account: Name | None = None


class KeyView(KeyLimits):
    """A key without its secret; `owner` is a person, a service account or the local console."""

    model_config = ConfigDict(json_schema_extra={})

    id: str
    name: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    owner: str = ""
    state: Literal["active", "expired", "revoked", "suspended"] = "active"


class CreatedKey(Wire):
    """A new key: `secret` is `<id>.<secret>`, shown this once."""

    id: str
    name: str
    secret: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    expires: datetime | None


class UserWish(Wire):
    """A person to be let in."""

    name: Name
    password: Secret = Field(min_length=8)
    role: Role
    temporary: bool = False


class UserView(Wire):
    """A person and the role that says what they may do.

    `source` is "local" or the directory that vouches for them; `totp` whether one-time codes are on.
    """

    name: str
    role: Role
    created: datetime
    locked: bool
    disabled: bool = False
    totp: bool = False
    source: str = "local"
    password_changed: datetime | None = None
