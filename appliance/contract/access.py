"""Wire types of access: sessions, keys, users and the vault's lock."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Name, Secret, Wire
from appliance.contract.system import VaultState

Role = Literal["administrator", "informatics", "clinician", "auditor", "application"]


class VaultView(Wire):
    """The state of the vault, its back end and which slots hold its root key."""

    state: VaultState
    backend: str
    slots: tuple[str, ...]


class Unlock(Wire):
    """The passphrase, or the recovery key."""

    secret: Secret


class SignIn(Wire):
    """A person's name and password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "admin", "password": "correct horse battery"}]}
    )

    name: Name
    password: Secret


class SessionView(Wire):
    """A session: `token` goes into `Authorization: Bearer <token>` and is shown once."""

    token: str
    expires: datetime
    role: Role
    scopes: tuple[str, ...]


class KeyWish(Wire):
    """A key to be made. Limits are per minute; null means no limit of its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "emr",
                    "scopes": ["chat", "specialists"],
                    "models": ["wardbox-reference"],
                    "expires": None,
                    "requests_per_minute": 600,
                    "tokens_per_minute": None,
                }
            ]
        }
    )

    name: Name
    scopes: tuple[str, ...] = Field(min_length=1, max_length=32)
    models: tuple[Identifier, ...] | None = Field(default=None, max_length=64)
    expires: datetime | None = None
    requests_per_minute: int | None = Field(default=None, ge=1, le=10_000_000)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=10_000_000_000)


class KeyView(Wire):
    """A key without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    requests_per_minute: int | None
    tokens_per_minute: int | None


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
    password: Secret = Field(min_length=10)
    role: Role


class UserView(Wire):
    """A person and the role that says what they may do."""

    name: str
    role: Role
    created: datetime
    locked: bool
