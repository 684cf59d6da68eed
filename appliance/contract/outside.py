"""Wire types of those outside who watch the record: witnesses that cosign it, and the hospital's SIEM."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.contract.base import Asked, Identifier, Text, Wire

MOST_NOTES = 64
NOTE_BYTES = 131_072


class CheckpointQuery(Asked):
    """Which cosigned checkpoints: of fewer entries than `before`, at most `limit`."""

    before: int | None = Field(default=None, ge=0, le=2**62)
    limit: int = Field(default=20, ge=1, le=200)


class CosignedBy(Wire):
    """A cosigner's verifier key (C2SP signed-note), and when it says that it signed."""

    key: str
    time: datetime


class CosignedCheckpoint(Wire):
    """A checkpoint with every cosignature over it; `note` is the whole signed note."""

    size: int
    note: str
    by: tuple[CosignedBy, ...]


class CheckpointPage(Wire):
    """Cosigned checkpoints, largest first; `next_before` asks for the page that follows."""

    checkpoints: tuple[CosignedCheckpoint, ...]
    next_before: int | None


class SecondKeyView(Wire):
    """The box's second key: where it is held, how far it cosigned, and why not further.

    `trouble` is "rolled-back", "replaced", "unavailable" or "rewritten"; `counter` is what the TPM's
    counter said last.
    """

    kind: Literal["tpm", "software"] | None
    key: str | None
    made: datetime | None
    size: int | None
    time: datetime | None
    counter: int | None
    trouble: str | None
    sentence: Text | None


class WitnessView(Wire):
    """A witness: how many entries it cosigned last, when, and whether that is too long ago."""

    name: str
    key: str
    added: datetime
    size: int | None
    time: datetime | None
    age_s: float
    stale: bool


class WitnessList(Wire):
    """Who cosigns; `size` is how many entries the log has now."""

    second: SecondKeyView
    witnesses: tuple[WitnessView, ...]
    size: int


class WitnessWish(Wire):
    """A witness to register: what to call it, and its verifier key (C2SP, cosignature/v1)."""

    name: Identifier
    key: str = Field(min_length=1, max_length=512)


class OfferView(Wire):
    """What a witness is handed: a file on a stick, below `path`; `since` is where the witness stood."""

    path: str = Field(pattern=r"^wardbox-witness/[a-z0-9._-]+/[a-z0-9._-]+\.txt$")
    text: str
    size: int
    since: int


class OfferList(Wire):
    """The offers; `key` is the box's own verifier key, to be compared with its screen."""

    offers: tuple[OfferView, ...]
    key: str


class BroughtNote(Wire):
    """A cosigned checkpoint that came back: the name of its file, and its content."""

    name: str = Field(min_length=1, max_length=200)
    note: str = Field(max_length=NOTE_BYTES)


class BroughtNotes(Wire):
    """What came back."""

    notes: tuple[BroughtNote, ...] = Field(max_length=MOST_NOTES)


class TakenView(Wire):
    """What became of one of them: who cosigned how many entries, or why it is not accepted."""

    name: str
    ok: bool
    witnesses: tuple[str, ...]
    size: int | None
    sentence: Text


class TakenList(Wire):
    """What became of all of them."""

    taken: tuple[TakenView, ...]


class ForwardView(Wire):
    """How forwarding stands.

    `position` is the first entry that is not known to have been read, `sent` the first that was not
    handed to the present connection, `behind` how many wait, `lag_s` the age of the oldest of them.
    """

    state: Literal["off", "misconfigured", "running", "failing"]
    target: str
    format: Literal["json", "cef", "dicom"]
    connected: bool
    peer: str
    position: int
    sent: int
    size: int
    behind: int
    lag_s: float
    late: bool
    messages: int
    confirmed: datetime | None
    failing_since: datetime | None
    reason: Text | None


class ForwardTested(Wire):
    """A test message was delivered; `peer` is the receiver's TLS version, subject and end."""

    target: str
    peer: str
