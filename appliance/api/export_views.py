"""Between the wire and the desk of exports: what is asked for, judged; how one stands, told."""

import re
from datetime import datetime
from typing import Final

from appliance.access.grants import Grant
from appliance.api.errors import LocalOnly
from appliance.audit.export_asked import Asked, Export
from appliance.contract.audit import ExportState, ExportWish
from appliance.services.open_box import Services
from appliance.vault.body_keys import judge_patient
from appliance.vault.subjects import PATIENT

_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def asked_of(wish: ExportWish, box: Services, who: Grant, *, local: bool) -> Asked:
    """What the desk is asked for.

    Raises:
        LocalOnly: a folder was named from elsewhere.
        AccessForbidden: bodies are wanted without the permission to read them.
        PatientInvalid: the patient's number is none.
    """
    if wish.out is not None and not local:
        raise LocalOnly(what="out")
    if wish.bodies:
        box.access.require(who, "audit:bodies")
    patient = wish.patient
    if patient is not None and not _PSEUDONYM.fullmatch(patient):
        patient = box.disclosure.subjects.name(PATIENT, judge_patient(patient))
    return Asked(
        since=wish.since,
        until=wish.until,
        first=wish.first,
        last=wish.last,
        actor=wish.actor,
        model=wish.model,
        patient=patient,
        tag=wish.tag,
        formats=wish.formats,
        bodies=wish.bodies,
    )


def export_view(export: Export) -> ExportState:
    """How an export stands; times are told in the box's own zone."""
    report, error = export.report, export.error
    return ExportState(
        id=export.id,
        state=export.state,
        directory=str(export.directory),
        asked=export.asked,
        actor=export.actor,
        since=_here(export.span.since),
        until=_here(export.span.until),
        done=export.done,
        total=export.total,
        entries=None if report is None else report.entries,
        root=None if report is None else report.root,
        sentence=None if error is None else error.sentence,
        way_out=None if error is None else error.way_out,
        kept_until=export.kept_until,
    )


def _here(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone()
