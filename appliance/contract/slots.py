"""Wire types of the slots of the vault: the ways to open it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from appliance.contract.access import Typed, Unlock
from appliance.contract.base import Identifier, Name, Wire

SlotKind = Literal["passphrase", "recovery", "machine", "tpm", "shares", "keyfile", "network"]
NewKind = Literal["passphrase", "recovery", "tpm", "shares", "keyfile", "network"]
Pcr = Annotated[int, Field(ge=0, le=23)]


class SlotView(Wire):
    """One way to open the vault; `person` when somebody carries its secret, not a machine."""

    id: str
    kind: SlotKind
    label: str
    person: bool
    created: datetime | None
    created_by: str
    used: datetime | None
    tested: datetime | None
    needed: int | None = None
    holders: tuple[str, ...] = ()
    pcrs: tuple[int, ...] = ()
    url: str | None = None


class SlotList(Wire):
    """The slots, in the order in which they are tried."""

    slots: tuple[SlotView, ...]


class SlotWish(Wire):
    """A slot to be added, or put in the place of another; `present` is a secret that opens the vault now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "shares",
                    "label": "值班主任 officers on duty",
                    "present": {"secret": "the passphrase of the vault"},
                    "needed": 2,
                    "holders": ["李主任", "王主任", "陈主任"],
                }
            ]
        }
    )

    kind: NewKind
    present: Unlock
    label: str = Field(default="", max_length=64)
    instead_of: Identifier | None = None
    passphrase: Typed | None = Field(default=None, repr=False)
    needed: int = Field(default=2, ge=2, le=16)
    holders: tuple[Name, ...] = Field(default=(), max_length=16)
    pcrs: tuple[Pcr, ...] = Field(default=(7,), min_length=1, max_length=24)
    url: str = Field(default="", max_length=200)
    thumbprint: str = Field(default="", max_length=64)


class ShareView(Wire):
    """One share: whose it is, and its text, shown once."""

    holder: str
    text: str = Field(repr=False)


class SlotAdded(Wire):
    """A new slot; the secrets are shown this once."""

    slot: SlotView
    recovery_key: str | None = Field(default=None, repr=False)
    shares: tuple[ShareView, ...] = ()
    key_file: str | None = Field(default=None, repr=False)


class SlotTest(Wire):
    """What to try: a secret, or the id of a slot that opens by itself."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"slot": "0123456789abcdef"}]})

    present: Unlock | None = None
    slot: Identifier | None = None


class SlotChange(Wire):
    """A secret that opens the vault now, and the approval where revoking takes two people."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"present": {"secret": "the passphrase of the vault"}}]}
    )

    present: Unlock
    approval: Identifier | None = None
