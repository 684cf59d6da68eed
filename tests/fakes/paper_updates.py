"""The updates half of the box of paper: sticks, plans, jobs, what is installed and what happened."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.base import Text
from appliance.contract.job import Job, JobFault
from appliance.contract.update import (
    ChangeView,
    HealthCheckView,
    HindranceView,
    InstalledView,
    PaceView,
    PendingView,
    RateView,
    RollbackWish,
    StickView,
    TrustView,
    UpdateHealth,
    UpdateList,
    UpdatePlan,
    UpdateStatus,
    UpdateView,
    UpdateWish,
)
from tests.fakes.paper import API, NOON, Route, problem, refuse, say

MIB = 2**20
GONE = problem(
    422,
    "update.bundle-missing",
    "'/media/gone' 中没有更新包:无法打开该目录。",
    "There is no update bundle in '/media/gone': it cannot be opened.",
    way_out="请确认介质已挂载。 Make sure the stick is mounted.",
)


def change(kind: str, name: str, before: str | None, after: str, **more: Any) -> ChangeView:
    told = {"what": "newer" if before else "new", "size": 412 * MIB, "live": kind != "software"}
    told |= {"downtime_s": 0 if kind != "software" else 45, **more}
    title = Text(zh=name, en=name)
    return ChangeView(kind=kind, id=name, title=title, before=before, after=after, **told)


def seen(state: str, hours: float, subject: str, version: str, sentence: str) -> UpdateView:
    return UpdateView(
        id="9338300986e93e3a",
        kind="models",
        subject=subject,
        version=version,
        state=state,
        time=NOON - timedelta(hours=hours),
        sentence=sentence,
    )


class PaperUpdates:
    """What it holds are plain attributes."""

    def __init__(self, hostile: str = "") -> None:
        self.hostile = hostile
        self.trusted = True
        self.pending: PendingView | None = None
        self.hindrances: tuple[HindranceView, ...] = ()
        self.sticks = (
            StickView(directory="/media/usb" + hostile, bundle=True),
            StickView(directory="/media/photos", bundle=False),
        )
        self.changes = (
            change("software", "wardbox", "0.1.0", "0.2.0"),
            change("models", "cataract-note" + hostile, "1.4", "1.5"),
            change("evaluations", "ward-sums", None, "1.0", size=2 * MIB),
            change("baselines", "h20", "3", "3", what="same", size=MIB),
        )
        self.installed = [
            InstalledView(
                kind="models",
                id="cataract-note" + hostile,
                version="1.4",
                previous="1.3",
                bundle="9338300986e93e3a",
                time=NOON - timedelta(days=40),
            ),
            InstalledView(
                kind="baselines",
                id="h20",
                version="3",
                previous=None,
                bundle="9338300986e93e3a",
                time=NOON - timedelta(days=40),
            ),
        ]
        self.history = [
            seen("applied", 960, "cataract-note", "1.4", "更新已应用。 Applied." + hostile),
            seen("refused", 2000, "", "", "更新包已过期。 The bundle has expired."),
        ]
        self.jobs: dict[str, Job] = {}
        self.well = True

    def routes(self) -> list[Route]:
        here = f"{API}/updates"
        return [
            ("GET", here, self._list),
            ("GET", f"{here}/status", self._status),
            ("POST", f"{here}/plan", self._plan),
            ("POST", f"{here}/verify", self._verify),
            ("POST", f"{here}/apply", self._apply),
            ("POST", f"{here}/rollback", self._rollback),
            ("POST", f"{here}/health", self._health),
            ("GET", f"{API}/jobs/{{id}}", self._job),
        ]

    def at_work(self, state: str = "running", **more: Any) -> Job:
        """Have a job at work, or one that ended."""
        progress = {"phase": "copy", "package": "models/cataract-note/1.5", "fraction": 0.42}
        told = {
            "spec": {"what": "apply", "directory": "/media/usb"},
            "progress": progress,
            "result": None,
            "fault": None,
            **more,
        }
        job = Job(
            id=f"job_u{len(self.jobs)}",
            kind="update",
            state=state,
            actor="local:console",
            created=NOON,
            started=NOON,
            finished=None,
            **told,
        )
        self.jobs[job.id] = job
        return job

    def fail(self, job_id: str) -> None:
        fault = JobFault(
            code="update.stick-unreadable",
            sentence="读取更新介质时出错。 The stick could not be read.",
            way_out="请重新插入介质。 Insert the stick again.",
        )
        told = {"state": "failed", "fault": fault}
        self.jobs[job_id] = self.jobs[job_id].model_copy(update=told)

    async def _list(self, _: web.Request) -> web.Response:
        return say(UpdateList(updates=tuple(self.history)))

    async def _status(self, _: web.Request) -> web.Response:
        trust = TrustView(
            version=2,
            expires=NOON + timedelta(days=3000),
            threshold=2,
            keys=("a" * 64, "b" * 64, "c" * 64),
            fingerprint="5f3a9c11" * 8,
        )
        active = [job.id for job in self.jobs.values() if job.state == "running"]
        return say(
            UpdateStatus(
                release="0.1.0",
                trust=trust if self.trusted else None,
                sticks=self.sticks,
                installed=tuple(self.installed),
                pending=self.pending,
                job=active[0] if active else None,
            )
        )

    async def _job(self, request: web.Request) -> web.Response:
        return say(self.jobs[request.match_info["id"]])

    async def _plan(self, request: web.Request) -> web.Response:
        wish = UpdateWish.model_validate(await request.json())
        if wish.directory == "/media/gone":
            return refuse(GONE)
        return say(
            UpdatePlan(
                bundle="c41d0b77a2e95f18",
                signed_at=NOON - timedelta(days=6),
                changes=self.changes,
                copies=430 * MIB,
                needs=1240 * MIB,
                free=84 * 1024 * MIB,
                seconds=62,
                downtime_s=45,
                schema_after=31,
                overridden=False,
                hindrances=self.hindrances,
                left=430 * MIB,
                pace=PaceView(
                    copying=RateView(bytes_s=38 * MIB, known="stick"),
                    making=RateView(bytes_s=90 * MIB, known="earlier"),
                ),
                log_steps=("audit.003+stars.0f1e2d3c4b5a",),
            )
        )

    async def _verify(self, request: web.Request) -> web.Response:
        wish = UpdateWish.model_validate(await request.json())
        return say(self.at_work(spec={"what": "verify", "directory": wish.directory}))

    async def _apply(self, request: web.Request) -> web.Response:
        wish = UpdateWish.model_validate(await request.json())
        return say(self.at_work(spec={"what": "apply", "directory": wish.directory}))

    async def _rollback(self, request: web.Request) -> web.Response:
        wish = RollbackWish.model_validate(await request.json())
        at = next(place for place, one in enumerate(self.installed) if one.id == wish.id)
        one = self.installed[at]
        swapped = {"version": one.previous, "previous": one.version}
        self.installed[at] = one.model_copy(update=swapped)
        told = "已退回上一版本。 It is again what it was before."
        spec = {"what": "rollback", "kind": wish.kind, "id": wish.id}
        return say(self.at_work("done", spec=spec, result={"sentence": told}))

    async def _health(self, _: web.Request) -> web.Response:
        checks = tuple(
            HealthCheckView(name=name, ok=ok, told=Text(zh=zh, en=en), seconds=0.3)
            for name, ok, zh, en in (
                ("api", True, "接口有应答", "the API answers"),
                (
                    "golden",
                    self.well,
                    "默认模型写出 64 字",
                    "the default model wrote 64 characters",
                ),
            )
        )
        return say(UpdateHealth(ok=self.well, release="0.1.0", checks=checks))
