"""Puts the first screen of the console together from what every room tells."""

import os
from typing import Final

import psutil

from appliance.api.front import Front
from appliance.api.gathering import disk_of
from appliance.api.views import job_view
from appliance.contract.system import DeepHealth, Health, HostView, Info, JobsView
from appliance.services.open_box import Services
from appliance.services.version import VERSION
from appliance.settings.layout import StateLayout

_LATEST_JOBS: Final = 8


def health_of(front: Front, deep: DeepHealth | None = None) -> Health:
    """Whether the box can answer; cheap, and true even while the vault is locked."""
    services = front.services
    if services is None:
        vault = front.vault.status().state
        shut = "degraded" if front.baffled else "locked"
        return Health.model_validate(
            {
                "status": "starting" if vault == "unlocked" else shut,
                "vault": vault,
                "engine": "absent",
                "audit": "closed",
                "version": VERSION,
            }
        )
    engine = services.serving.default_state()
    audit = "ok" if services.log.healthy else "unavailable"
    sound = audit == "ok" and (deep is None or deep.ok)
    status = "ok" if engine == "ready" else "starting"
    if engine == "failed" or not sound:
        status = "degraded"
    return Health.model_validate(
        {
            "status": status,
            "vault": "unlocked",
            "engine": engine,
            "audit": audit,
            "version": VERSION,
            "deep": deep,
        }
    )


def info_of(front: Front, box: Services) -> Info:
    """Who the box is; `audit_key` is the note verifier key that auditors keep."""
    mine = front.settings.box
    return Info(
        id=mine.id,
        name=mine.name,
        hospital=mine.hospital,
        language=mine.language,
        version=VERSION,
        audit_origin=box.log.note_key.name,
        audit_key=box.log.note_key.vkey,
        started=front.started,
        default_model=box.serving.default,
    )


def host_of(layout: StateLayout, processor: str) -> HostView:
    """The machine as it is now; `processor` is the name of its model."""
    memory, disk = psutil.virtual_memory(), disk_of(layout)
    return HostView(
        processor=processor,
        cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg(),
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )


def jobs_of(box: Services) -> JobsView:
    """Jobs by state and the newest few."""
    counts = box.jobs.counts()
    return JobsView(
        queued=counts.get("queued", 0),
        running=counts.get("running", 0),
        failed=counts.get("failed", 0),
        latest=tuple(job_view(job) for job in box.jobs.list(_LATEST_JOBS)),
    )
