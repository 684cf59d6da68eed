"""Backups as jobs: made, checked and rehearsed by a worker, at night without anybody asking."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from appliance.audit.events import BOX
from appliance.backup.process import run_worker
from appliance.backup.rules import BACKUP
from appliance.backup.service import BackupService
from appliance.backup.store import What
from appliance.errors import ApplianceError
from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import Job, JobKind, Json, Tell
from appliance.jobs.schedule import Schedules
from appliance.jobs.service import JobService

_LOG: Final = logging.getLogger(__name__)
_MOST: Final = 1 << 31
Run = Callable[[Json, Path, Tell], Awaitable[Json]]


class BackupJobs:
    """Makes jobs of requests.

    Args:
        service: knows targets and keys.
        run: runs a worker.
    """

    def __init__(self, service: BackupService, run: Run = run_worker) -> None:
        self.service = service
        self._run = run

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`.

        It runs inside the box, so a training of ten hours does not keep the night's backup waiting.
        """
        return JobKind(
            name=BACKUP,
            argv=_no_argv,
            resumable=True,
            check=self._check,
            resource=BACKUP,
            priority=30,
            task=self._task,
        )

    def attend(self, schedules: Schedules, jobs: JobService) -> None:
        """Put the night's backup, the week's check and the month's drill on the schedule."""
        rules = self.service.rules
        hour, _, minute = rules.times.at.partition(":")
        clock = f"{int(minute)} {int(hour)}"
        # The check and the drill wait in the queue until that night's backup is through.
        cron = {
            "create": f"{clock} * * *",
            "verify": f"{clock} * * {rules.times.verify_day}",
            "drill": f"{clock} {rules.times.drill_day} * *",
        }
        for what, when in cron.items():
            schedules.cron(f"backup {what}", when, partial(self._submit, jobs, what))

    async def _submit(self, jobs: JobService, what: str) -> None:
        for name in await asyncio.to_thread(self.service.names):
            try:
                await jobs.submit(BACKUP, {"what": what, "target": name}, BOX)
            except ApplianceError as error:
                _LOG.warning("backup not queued", extra={"target": name, "code": error.code})

    def _check(self, spec: Json) -> Json:
        unknown = sorted(set(spec) - {"what", "target", "snapshot", "deep"})
        if unknown:
            raise _invalid(unknown[0])
        what, number, deep = spec.get("what"), spec.get("snapshot"), spec.get("deep", True)
        if what not in get_args(What):
            raise _invalid("what")
        target = spec.get("target")
        if not isinstance(target, str) or target not in self.service.names():
            raise _invalid("target")
        if number is not None and (type(number) is not int or not 0 < number < _MOST):
            raise _invalid("snapshot")
        if not isinstance(deep, bool):
            raise _invalid("deep")
        return {"what": what, "target": target, "snapshot": number, "deep": deep}

    async def _task(self, job: Job, directory: Path, tell: Tell) -> Json:
        what, name = job.spec["what"], job.spec["target"]
        wishes: dict[str, Any] = {"snapshot": job.spec["snapshot"], "deep": job.spec["deep"]}
        try:
            request = await asyncio.to_thread(self.service.request, what, name, **wishes)
            result = await self._run(request, directory, tell)
        except ApplianceError as error:
            await asyncio.to_thread(
                self.service.fail, what, name, job.actor, error.code, error.sentence
            )
            raise
        return await asyncio.to_thread(
            self.service.keep, what, name, job.actor, result, request["since"]
        )


def _no_argv(job: Job, directory: Path) -> tuple[str, ...]:
    del job, directory
    return ()


def _invalid(field: str) -> JobSpecInvalid:
    return JobSpecInvalid(field=field[:64], reason_zh="不可用", reason_en="is wrong")
