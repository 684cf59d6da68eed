"""What somebody wants exported, and how that stands."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from appliance.audit.export_order import ExportReport
from appliance.audit.export_times import Span
from appliance.audit.rendering.files import FORMATS
from appliance.errors import ApplianceError

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants exported.

    Args:
        since: first day or moment, as people write it.
        until: last day or moment.
        first: first entry.
        last: last entry.
        actor: who did it.
        model: id or digest of a model.
        patient: pseudonym of a patient.
        tag: a tag, or its beginning and "*".
        formats: renderings beside the entries.
        bodies: whether bodies are decrypted into it.
    """

    since: str | None = None
    until: str | None = None
    first: int | None = None
    last: int | None = None
    actor: str | None = None
    model: str | None = None
    patient: str | None = None
    tag: str | None = None
    formats: tuple[str, ...] = FORMATS
    bodies: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """One export, as it stands.

    Args:
        id: its id.
        state: how it stands.
        directory: where it lies, or will.
        span: the times that were understood.
        asked: when.
        actor: who.
        done: entries that were looked at.
        total: entries to look at.
        report: what came of it.
        error: why it failed.
        kept_until: when the box takes it away; None where it does not.
    """

    id: str
    state: State
    directory: Path
    span: Span
    asked: datetime
    actor: str
    done: int = 0
    total: int = 0
    report: ExportReport | None = None
    error: ApplianceError | None = None
    kept_until: datetime | None = None
