"""Wire types of the audit log: entries, proofs, receipts and exports."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Asked, Wire
from appliance.contract.moment import Moment

Format = Literal["cef", "dicom", "fhir", "html"]


class EntryQuery(Asked):
    """What to look for; conditions hold together. `tag` may end in `*`; times carry a zone.

    `patient` is a pseudonym as entries name it, `model` a model's id or its manifest's digest. `before`
    is the `next_before` of the page that came before.
    """

    tag: str | None = Field(default=None, max_length=100)
    actor: str | None = Field(default=None, max_length=200)
    since: Moment | None = None
    until: Moment | None = None
    request_id: str | None = Field(default=None, max_length=64)
    patient: str | None = Field(default=None, max_length=200)
    model: str | None = Field(default=None, max_length=200)
    limit: int = Field(default=100, ge=1, le=1000)
    before: int | None = Field(default=None, ge=0, le=2**62)


class Entry(Wire):
    """One record: `index` is its leaf, `hash` the leaf hash in hex, `time` UTC.

    `listed` is false where the catalogue of this version has no such tag, or not with these details.
    """

    index: int
    time: datetime
    tag: str
    actor: str
    subject: str | None
    request_id: str | None
    details: dict[str, Any]
    hash: str
    listed: bool = True


class EntryPage(Wire):
    """Entries, newest first; `next_before` asks for the page that follows.

    On the last page `archived` says which archives hold entries that may be meant too.
    """

    entries: tuple[Entry, ...]
    next_before: int | None
    archived: str | None = None


class CheckpointView(Wire):
    """The signed note over the whole log (C2SP tlog-checkpoint)."""

    checkpoint: str
    size: int
    root: str


class Proof(Wire):
    """An inclusion proof (RFC 6962) of one leaf in the tree of the checkpoint."""

    index: int
    size: int
    leaf_hash: str
    hashes: tuple[str, ...]
    checkpoint: str


class AuditVerified(Wire):
    """The log was recomputed from its first record."""

    ok: bool
    entries: int
    root: str
    sentence: str


class ExportWish(Wire):
    """What to export; `out` (a folder on the box) is heeded on the local socket only.

    `since` and `until` are days or moments (ISO 8601); without a zone they are in the box's own. `tag` may
    end in `*`, `model` is an id or a digest, `patient` a number of the hospital or the pseudonym of entries.
    `bodies` decrypts prompts and answers into the export and wants the permission `audit:bodies`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"since": "2026-03-01", "until": "2026-03-31", "formats": ["html", "fhir"]}
            ]
        }
    )

    out: str | None = Field(default=None, max_length=1024)
    first: int | None = Field(default=None, ge=0, le=2**62)
    last: int | None = Field(default=None, ge=0, le=2**62)
    since: str | None = Field(default=None, max_length=64)
    until: str | None = Field(default=None, max_length=64)
    actor: str | None = Field(default=None, max_length=200)
    model: str | None = Field(default=None, max_length=200)
    patient: str | None = Field(default=None, max_length=200)
    tag: str | None = Field(default=None, max_length=100)
    formats: tuple[Format, ...] = ("cef", "dicom", "fhir", "html")
    bodies: bool = False


class Exported(Wire):
    """Where the export lies, with `verify.py` beside it."""

    directory: str
    entries: int
    root: str


class ExportState(Wire):
    """How an export stands.

    `done` of `total` entries were looked at; `entries` and `root` are there once it is done, `sentence` and
    `way_out` when it failed or was cancelled. `since` and `until` are the times as they were understood,
    `kept_until` is when the box takes it away by itself.
    """

    id: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    directory: str
    asked: datetime
    actor: str
    since: datetime | None
    until: datetime | None
    done: int
    total: int
    entries: int | None
    root: str | None
    sentence: str | None
    way_out: str | None
    kept_until: datetime | None = None


class ExportList(Wire):
    """The exports since the box was opened and those that lie on it, newest first."""

    exports: tuple[ExportState, ...]


class Receipt(Wire):
    """From an answer to the weights that wrote it.

    `body` is "kept" while the texts behind it can be read, "forgotten" once their patient was, else why
    there are none; `patient` is a pseudonym.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "receipt": "rcp_mfrggzdfmztwq2lk",
                    "model": "wardbox-reference",
                    "model_digest": "0" * 64,
                    "adapter_digest": None,
                    "policy": "1",
                    "posture": "pass",
                    "patient": None,
                    "body": "kept",
                    "index": 41,
                    "hash": "0" * 64,
                    "proof": [],
                    "checkpoint": "wardbox/box-1\n42\n...",
                    "time": "2026-01-01T00:00:00Z",
                }
            ]
        }
    )

    receipt: str
    model: str
    model_digest: str
    adapter_digest: str | None
    policy: str
    posture: str
    patient: str | None
    body: str
    index: int
    hash: str
    proof: tuple[str, ...]
    checkpoint: str
    time: datetime
