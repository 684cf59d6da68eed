"""The jobs of the box of paper: one running, one done, one interrupted, one failed."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.job import Job, JobEvent, JobFault, JobList
from tests.fakes.paper import API, NOON, Route, event, open_stream, say

EVALUATED = {
    "abilities": [
        {"ability": "S9", "passed": {"share": 0.986, "low": 0.971, "high": 0.993}},
        {"ability": "B8", "passed": {"share": 0.94, "low": 0.91, "high": 0.96}},
    ]
}


def job_of(number: int, kind: str, state: str, **more: Any) -> Job:
    started = NOON - timedelta(minutes=10 * number)
    return Job(
        id=f"job_{number:04d}",
        kind=kind,
        state=state,
        actor="local:console",
        created=started,
        started=started,
        finished=None,
        spec={"recipe": "reference"},
        progress=more.get("progress"),
        result=more.get("result"),
        fault=more.get("fault"),
    )


def some_jobs() -> list[Job]:
    return [
        job_of(1, "training", "running", progress={"step": 40, "steps": 60, "loss": 2.1}),
        job_of(2, "evaluation", "done", result=EVALUATED),
        job_of(3, "training", "interrupted", progress={"step": 12, "steps": 60}),
        job_of(
            4,
            "training",
            "failed",
            fault=JobFault(
                code="training.disk-full",
                sentence="磁盘已满。 The disk is full.",
                way_out="请清理磁盘后续跑。 Free some space, then resume.",
            ),
        ),
    ]


def progress_of(job_id: str, n: int) -> JobEvent:
    loss = 1.2 + 6.0 / (1 + n / 6) + (0.12 if n % 2 else -0.12)
    return JobEvent(
        index=n,
        job=job_id,
        event="progress",
        time=NOON,
        data={
            "step": n,
            "steps": 60,
            "loss": loss,
            "smooth_loss": 1.2 + 6.0 / (1 + n / 6),
            "tokens_per_s": 5120.0,
            "seconds": n * 1.5,
        },
    )


@dataclass
class PaperJobs:
    """Jobs and what was told of them."""

    jobs: list[Job] = field(default_factory=some_jobs)
    events: dict[str, list[JobEvent]] = field(
        default_factory=lambda: {"job_0001": [progress_of("job_0001", n) for n in range(1, 41)]}
    )

    def job_routes(self) -> list[Route]:
        return [
            ("GET", f"{API}/jobs", self._jobs),
            ("POST", f"{API}/jobs", self._submit),
            ("POST", f"{API}/evaluations", self._submit),
            ("POST", f"{API}/jobs/{{id}}/{{move}}", self._move),
            ("GET", f"{API}/jobs/{{id}}/events", self._job_events),
        ]

    async def _jobs(self, _: web.Request) -> web.Response:
        return say(JobList(jobs=tuple(self.jobs)))

    async def _submit(self, request: web.Request) -> web.Response:
        kind = "evaluation" if request.path.endswith("evaluations") else "training"
        job = job_of(9, kind, "queued")
        self.jobs.insert(0, job)
        return say(job)

    async def _move(self, request: web.Request) -> web.Response:
        place = next(n for n, job in enumerate(self.jobs) if job.id == request.match_info["id"])
        state = {"cancel": "cancelled", "resume": "queued"}[request.match_info["move"]]
        self.jobs[place] = self.jobs[place].model_copy(update={"state": state})
        return say(self.jobs[place])

    async def _job_events(self, request: web.Request) -> web.StreamResponse:
        answer = await open_stream(request)
        after = int(request.headers.get("Last-Event-ID", "0"))
        for told in self.events.get(request.match_info["id"], []):
            if told.index > after:
                await event(answer, told)
        job = next(one for one in self.jobs if one.id == request.match_info["id"])
        if job.state == "running":
            await asyncio.sleep(60)
        return answer
