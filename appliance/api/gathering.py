"""Gathers the facts that metrics and alerts are made from; every part that fails is simply not known."""

import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import psutil

from appliance.api.backup_views import backup_facts
from appliance.api.integrity import Integrity
from appliance.api.outside_views import forward_facts, witness_facts
from appliance.errors import ApplianceError
from appliance.services.open_box import Services
from appliance.settings.layout import StateLayout
from appliance.telemetry.facts import (
    AreaFacts,
    AuditFacts,
    EngineFacts,
    Facts,
    ProcessFacts,
    QuotaFacts,
    XidError,
)
from appliance.vault.tls import certificate_in_use
from models.hardware.facts import Accelerator
from secure_compute.errors import SecureComputeError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of a file system, and how many of them are free."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen on the event loop, before the slow part is gathered in a thread."""

    time: float
    vault: str
    clock_step_s: float
    engines: tuple[EngineFacts, ...] | None
    xids: tuple[XidError, ...] | None


def gather(seen: Seen, layout: StateLayout, box: Services | None, integrity: Integrity) -> Facts:
    """Read disk, certificate, accelerators, audit log and jobs; takes milliseconds, in a thread."""
    disk = disk_of(layout)
    posture = None if box is None else box.posture.last()
    told = {} if posture is None else posture.report["posture"]
    return Facts(
        time=seen.time,
        vault=seen.vault,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
        process=_process(),
        certificate_expires=_certificate(layout),
        clock_step_s=seen.clock_step_s,
        engines=seen.engines,
        cards=_cards(box),
        xids=seen.xids,
        audit=None if box is None else _try(lambda: _audit(box, integrity)),
        jobs={} if box is None else _try(box.jobs.counts) or {},
        quotas=None if box is None else _quotas(box),
        areas=None if box is None else _areas(box),
        witnesses=None if box is None else _try(lambda: witness_facts(box.outside.witnesses)),
        forward=None
        if box is None
        else _try(lambda: forward_facts(box.outside.forwarding, seen.time)),
        backups=None if box is None else _try(lambda: backup_facts(box.backups.service, seen.time)),
        posture_level=told.get("level"),
        posture_missing=tuple(told.get("missing", ())),
    )


def disk_of(layout: StateLayout) -> Disk:
    """Size and free space of where the box writes: a device of its own where the vault has one."""
    usage = shutil.disk_usage(layout.vault if layout.vault.exists() else layout.root)
    return Disk(usage.total, usage.free)


def _areas(box: Services) -> tuple[AreaFacts, ...]:
    areas = box.space.keeper.now.areas
    return tuple(AreaFacts(one.name, one.used, one.quota) for one in areas if one.quota)


def _process() -> ProcessFacts:
    me = psutil.Process()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ProcessFacts(me.memory_info().rss, me.num_fds(), soft)


def _certificate(layout: StateLayout) -> float | None:
    with suppress(OSError, ValueError, SecureComputeError):
        return certificate_in_use(layout).not_after.timestamp()
    return None


def _cards(box: Services | None) -> tuple[Accelerator, ...] | None:
    return None if box is None else box.hardware().accelerators


def _quotas(box: Services) -> tuple[QuotaFacts, ...]:
    return tuple(
        QuotaFacts(key_id, f"{kind}/{window}", used)
        for key_id, kind, window, used in box.access.spent()
    )


def _audit(box: Services, integrity: Integrity) -> AuditFacts:
    embodied = not box.disclosure.upkeep.stopped
    return AuditFacts(box.log.healthy, box.log.reader.size(), integrity.verdict(), embodied)


def _try(ask: Callable[[], _T]) -> _T | None:
    with suppress(ApplianceError):
        return ask()
    return None
