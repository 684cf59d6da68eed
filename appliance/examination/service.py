"""Examination: evaluations as jobs over the box's own API, and the list of their reports."""

import asyncio
import hashlib
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.examination.store import ReportStore, StoredReport, report_text
from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import Job, JobKind, Json
from eval.abilities.register import MODULES
from models.registry.shelf import ShelvedModel

EVALUATION: Final = "evaluation"
FILES: Final = "files"
_KEYS: Final = frozenset({"abilities", "model", "limit", "seed"})
_MOST_ABILITIES: Final = 64
_MOST_CASES: Final = 1_000_000
_MOST_SEED: Final = 2**31 - 1
_AUDIT_TIMEOUT_S: Final = 30.0


class Catalogue(Protocol):
    """The shelf; `CatalogueService`."""

    def default(self) -> str:
        """The id of the default model."""
        ...

    def get(self, model_id: str) -> ShelvedModel:
        """A model; raises ModelUnknown."""
        ...


class Audit(Protocol):
    """The part of the audit log that examination needs."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class ExaminationService:
    """Makes evaluation jobs and keeps their reports.

    The worker asks the model through the box's local socket, so an examination passes the same
    gates and leaves the same records as any other caller.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        catalogue: Where models stand.
        socket: The local socket of the box.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        db: Db,
        audit: Audit,
        catalogue: Catalogue,
        socket: Path,
        clock: Callable[[], float],
    ) -> None:
        self._store = ReportStore(db)
        self._audit = audit
        self._catalogue = catalogue
        self._socket = socket
        self._clock = clock
        self._sets: Callable[[], Mapping[str, Path]] = dict

    def look_for_sets(self, sets: Callable[[], Mapping[str, Path]]) -> None:
        """From now on examine also by evaluation sets: id -> the folder of the version in use."""
        self._sets = sets

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`."""
        return JobKind(
            name=EVALUATION,
            argv=_argv,
            resumable=True,
            check=self._check,
            spec=self._worker_spec,
            finish=self._finish,
            resource="serving",
            priority=40,
        )

    def reports(self, limit: int = 100) -> list[StoredReport]:
        """Return reports, newest first."""
        return self._store.newest(max(1, min(limit, 1000)))

    def _check(self, spec: Json) -> Json:
        """Judge a spec: abilities (none: all), model (none: the default), limit, seed."""
        unknown = sorted(set(spec) - _KEYS)
        if unknown:
            raise _invalid(unknown[0], "未知的键", "unknown key")
        abilities, sets = spec.get("abilities") or list(MODULES), self._sets()
        if not isinstance(abilities, list | tuple) or len(abilities) > _MOST_ABILITIES:
            raise _invalid("abilities", "须为列表", "must be a list")
        for one in abilities:
            if not isinstance(one, str) or (one not in MODULES and one not in sets):
                known = ", ".join((*MODULES, *sets))
                raise _invalid("abilities", f"可用 {known}", f"the abilities are {known}")
        seed = _whole(spec.get("seed", 1), "seed", 0, _MOST_SEED)
        limit = spec.get("limit")
        if limit is not None:
            limit = _whole(limit, "limit", 1, _MOST_CASES)
        model = spec.get("model") or self._catalogue.default()
        if not isinstance(model, str):
            raise _invalid("model", "须为模型标识", "must be a model id")
        self._catalogue.get(model)
        return {
            "abilities": list(dict.fromkeys(abilities)),
            "model": model,
            "limit": limit,
            "seed": seed,
        }

    def _worker_spec(self, job: Job, directory: Path) -> Json:
        given = {key: value for key, value in job.spec.items() if value is not None}
        here = self._sets()
        wanted = {name: str(here[name] / FILES) for name in job.spec["abilities"] if name in here}
        # A set that went meanwhile is unknown to the worker, which says so.
        sets = {"sets": wanted} if wanted else {}
        return {**given, **sets, "socket": str(self._socket), "out": str(directory)}

    async def _finish(self, job: Job, directory: Path, result: Json) -> Json:
        del directory
        return await asyncio.to_thread(self._keep, job, result)

    def _keep(self, job: Job, result: Json) -> Json:
        model = str(job.spec["model"])
        model_digest = self._catalogue.get(model).manifest.digest
        digest = hashlib.sha256(report_text(result).encode("utf-8", "replace")).hexdigest()
        event = events.evaluation_finish(
            job.actor, job_id=job.id, model=model_digest, report=digest
        )
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
        self._store.add(StoredReport(job.id, model, model_digest, digest, self._clock(), result))
        return {"report_digest": digest, "model_digest": model_digest, "report": result}


def _argv(job: Job, directory: Path) -> tuple[str, ...]:
    del job, directory
    return (sys.executable, "-P", "-m", "eval.worker")


def _whole(given: Any, field: str, low: int, high: int) -> int:
    if type(given) is not int or not low <= given <= high:
        raise _invalid(field, f"须在 {low} 至 {high} 之间", f"must lie in {low}..{high}")
    return given


def _invalid(field: str, zh: str, en: str) -> JobSpecInvalid:
    return JobSpecInvalid(field=ascii(field[:64]).strip("'"), reason_zh=zh, reason_en=en)
