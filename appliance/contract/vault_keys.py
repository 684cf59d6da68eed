"""Wire types of the vault's keys: how each lies, replacing one, erasing by destroying one."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from appliance.contract.base import Identifier, Text, Wire

KeyName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
Subject = Annotated[str, Field(min_length=1, max_length=200)]


class KeyRow(Wire):
    """One version of a key. `wraps` counts the keys under it, where it has any."""

    use: str
    version: int
    state: Literal["current", "old", "next"]
    algorithm: str
    made: datetime | None
    replaced: Literal["opening", "now", "root"]
    meaning: Text
    wraps: int | None = None


class KeyMemory(Wire):
    """Where keys lie in the memory of this process; `locked` says that none of it can be swapped."""

    locked: bool
    pages: int
    dumpable: bool


class KeyList(Wire):
    """Every key, the root key above them, and the suite that new ones are wrapped with."""

    root: str
    wraps: int
    suite: Literal["international", "sm"]
    suite_meaning: Text
    module: str
    memory: KeyMemory
    keys: tuple[KeyRow, ...]


class KeyRotation(Wire):
    """What to replace: one use, or the root key when it is left out."""

    use: KeyName | None = None


class KeyRotated(Wire):
    """What was replaced; `when` says whether it is in use now or from the next opening on."""

    use: str
    when: Literal["now", "opening"]
    version: int | None
    rewrapped: int


class Erasure(Wire):
    """What to destroy for good. `confirm` repeats the subject; for a whole box, its id."""

    kind: Literal["dataset", "patient", "box"]
    subject: Subject
    confirm: Subject
    approval: Identifier | None = None


class DestructionCertificate(Wire):
    """A signed note; `wardbox vault certificate` verifies it anywhere."""

    certificate: str
    digest: str


class DatasetRow(Wire):
    """One caller's file or data set. `key` is the public name of its key, as certificates tell it."""

    id: str
    name: str
    owner: str
    purpose: str
    bytes: int
    created: datetime
    expires: datetime | None
    state: Literal["sealed", "plain", "erased"]
    algorithm: str | None
    key: str


class DatasetList(Wire):
    """Files and data sets of all callers, newest first."""

    datasets: tuple[DatasetRow, ...]
