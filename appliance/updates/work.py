"""Updates as jobs: read, applied and taken back while people watch, taken up again after a stop."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from appliance.jobs.errors import JobSpecInvalid
from appliance.jobs.job import Job, JobKind, Json, Tell
from appliance.updates.applying import Told
from appliance.updates.errors import UpdateInterrupted
from appliance.updates.expiry import PEOPLE, Override
from appliance.updates.service import UpdateService
from appliance.updates.store import Seen

if TYPE_CHECKING:
    from concurrent.futures import Future

UPDATE: Final = "update"
_EVERY_S: Final = 0.5
_KEYS: Final = {
    "verify": frozenset({"what", "directory"}),
    "apply": frozenset({"what", "directory"}),
    "rollback": frozenset({"what", "kind", "id"}),
}
_MAX_PATH: Final = 1024

T = TypeVar("T")


class UpdateJobs:
    """Makes jobs of what is asked of updates.

    Args:
        service: Does the work, in the thread pool.
    """

    def __init__(self, service: UpdateService) -> None:
        self.service = service

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`.

        It runs inside the box, so a training of ten hours does not keep an update waiting; one
        update runs at a time.
        """
        return JobKind(
            name=UPDATE,
            argv=_no_argv,
            resumable=True,
            check=_check,
            resource=UPDATE,
            priority=10,
            task=self._task,
        )

    async def _task(self, job: Job, directory: Path, tell: Tell) -> Json:
        del directory
        reporter = _Reporter(tell)
        work = self._work(job, reporter)
        seen = await reporter.carry_out(work)
        return {
            "bundle": seen.id,
            "kind": seen.kind,
            "subject": seen.subject,
            "version": seen.version,
            "state": seen.state,
            "sentence": seen.sentence,
        }

    def _work(self, job: Job, reporter: "_Reporter") -> Callable[[], Seen]:
        spec, service, told = job.spec, self.service, reporter.told
        if spec["what"] == "rollback":
            return partial(service.rollback, spec["kind"], spec["id"], job.actor)
        place = Path(spec["directory"])
        if spec["what"] == "verify":
            return partial(service.verify, place, job.actor, told)
        people = spec.get("override")
        override = None if people is None else Override(by=(people[0], people[1]))
        return partial(service.apply, place, job.actor, told, override)


class _Reporter:
    """Carries what a thread tells to the loop, not too often, and a wish to stop to the thread."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._told_at = 0.0
        self._last: tuple[str, str] = ("", "")
        self._sending: Future[None] | None = None

    @property
    def told(self) -> Told:
        """What the work calls."""
        return self._take

    async def carry_out(self, work: Callable[[], T]) -> T:
        """Do the work in a thread; when this task is cancelled, have it stop and wait for it."""
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._stop.set()
            # What it does last is to take back or to keep what it has: that is waited for.
            await asyncio.wait({running})
            if not running.cancelled() and running.exception() is None:
                return running.result()
            raise

    def _take(self, step: str, name: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise UpdateInterrupted
        now = time.monotonic()
        new = (step, name) != self._last
        if not new and done < total and now - self._told_at < _EVERY_S:
            return
        self._last, self._told_at = (step, name), now
        if self._sending is not None and not self._sending.done() and not new:
            return
        report: dict[str, Any] = {"phase": step, "package": name, "step": done, "steps": total}
        if total:
            report["fraction"] = round(done / total, 4)
        self._sending = asyncio.run_coroutine_threadsafe(_sent(self._tell, report), self._loop)


async def _sent(tell: Tell, report: Json) -> None:
    await tell(report)


def _check(spec: Json) -> Json:
    """Judge a spec; only the box's own routes make one."""
    what = spec.get("what")
    keys = _KEYS.get(what) if isinstance(what, str) else None
    if keys is None:
        raise _invalid("what")
    given = set(spec) - {"override"} if what == "apply" else set(spec)
    for key in sorted(given ^ keys):
        raise _invalid(key)
    for key in sorted(keys):
        value = spec[key]
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_PATH or "\0" in value:
            raise _invalid(key)
    people = spec.get("override")
    if people is not None and (not isinstance(people, list) or len(people) != PEOPLE):
        raise _invalid("override")
    return dict(spec)


def _no_argv(job: Job, directory: Path) -> tuple[str, ...]:
    del job, directory
    return ()


def _invalid(field: str) -> JobSpecInvalid:
    return JobSpecInvalid(
        field=ascii(field[:64]).strip("'"), reason_zh="不可用", reason_en="is wrong"
    )
