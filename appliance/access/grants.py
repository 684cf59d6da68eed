"""What a verified caller may do: the grant, and the things handed out once."""

from dataclasses import dataclass, field

from appliance.access.limits import Limits


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one verified caller; made by `AccessService.authenticate` alone.

    Attributes:
        actor: Who acts, for the audit log: "user:<name>", "key:<id>" or "local:console".
        scopes: What the caller may do (see `roles.py`).
        models: The model ids the caller may use; None means every model.
        key_id: The id of the API key, or None for a session and the local console.
        role: The role behind the scopes.
        credential: The id under which the gate keeps it alive; empty for the local console.
        owner: Whom its use is counted for: "user:<name>", "account:<name>" or "local:console".
        label: The name of the key, for people; empty without a key.
        must: What the person has to do before anything else ("password" or "totp"), or None.
    """

    actor: str
    scopes: frozenset[str]
    models: frozenset[str] | None
    key_id: str | None
    role: str
    credential: str = field(default="", compare=False)
    owner: str = field(default="", compare=False)
    label: str = field(default="", compare=False)
    must: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person; the token is shown once and stored only as a hash.

    Attributes:
        token: The bearer value.
        expires: Unix time in seconds after which the token is refused whatever happens.
        role: The person's role.
        scopes: What the role may do; nothing while something is due.
        must: What is due before anything else: "password", "totp" or None.
    """

    token: str
    expires: float
    role: str
    scopes: frozenset[str]
    must: str | None = None


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a new API key shall be allowed to do.

    Attributes:
        name: A label for people, 1-64 characters.
        scopes: A non-empty part of the creator's own scopes.
        models: Allowed model ids; None means every model.
        expires: Unix time in seconds, or None for no expiry.
        rpm: Requests per minute, or None for no limit.
        tpm: Tokens (prompt + completion) per minute, or None for no limit.
        rpd: Requests per day.
        tpd: Tokens per day.
        rpmo: Requests per calendar month.
        tpmo: Tokens per calendar month.
        account: The service account that owns it; None for whoever makes it.
    """

    name: str
    scopes: frozenset[str]
    models: frozenset[str] | None = None
    expires: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    rpmo: int | None = None
    tpmo: int | None = None
    account: str | None = None

    @property
    def limits(self) -> Limits:
        """Its limits."""
        return Limits(
            rpm=self.rpm,
            tpm=self.tpm,
            rpd=self.rpd,
            tpd=self.tpd,
            rpmo=self.rpmo,
            tpmo=self.tpmo,
        )


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new API key; `secret` is the whole bearer value and is never shown again."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """One API key as an administrator sees it; the secret is not in the box at all.

    `state` is "active", "expired", "revoked" or "suspended" (its owner is disabled, or
    the key that made it has ended); times are Unix seconds.
    """

    id: str
    name: str
    owner: str
    scopes: frozenset[str]
    models: frozenset[str] | None
    created: float
    expires: float | None
    revoked: float | None
    limits: Limits
    state: str


@dataclass(frozen=True, slots=True)
class UserView:
    """One person as an administrator sees them; times are Unix seconds.

    `source` is "local" or the directory that vouches for them; `changed` is when the password was.
    """

    name: str
    role: str
    created: float
    locked: bool
    disabled: bool = False
    totp: bool = False
    source: str = "local"
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A live session without its token; times are Unix seconds.

    `source` is the address it was opened from, `method` how the person was recognised.
    """

    id: str
    name: str
    created: float
    seen: float
    expires: float
    source: str | None
    method: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """A service account: an owner that is no person. It has keys and certificates, no password."""

    name: str
    role: str
    note: str
    created: float
    disabled: float | None = None


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role; `totp` tells whether its people need a second factor."""

    name: str
    scopes: frozenset[str]
    builtin: bool
    totp: bool


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Metered use of one hour; it names owner, key and model by value and outlives them all.

    `hour` is the Unix time of the hour's start in seconds; `owner` is whom it is counted for.
    """

    hour: int
    actor: str
    key_id: str
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    owner: str = ""
    key_name: str = ""


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Metered use added up by key, owner, model or day; `label` is the name of a key."""

    name: str
    label: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
