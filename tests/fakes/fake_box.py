"""A box of paper: a real aiohttp server on a Unix socket that answers the wire contract for the console.

Every answer is built from the contract's own types, so that what the console is tried against is
what a box may say. Its moods (`locked`, `silent`, `hostile`, ...) are plain attributes.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from appliance.contract.access import SessionView, VaultView
from appliance.contract.audit import (
    AuditVerified,
    CheckpointView,
    Entry,
    EntryPage,
    Exported,
    Proof,
)
from appliance.contract.base import Text
from appliance.contract.job import Job, JobEvent, JobFault, JobList
from appliance.contract.posture import PostureSummary
from appliance.contract.problem import Problem
from appliance.contract.specialist import Draft, DraftEvent, Flag, Note, Repair, Section, Sentence
from appliance.contract.system import (
    AcceleratorView,
    EngineView,
    Health,
    HostView,
    Info,
    IntegrityView,
    JobsView,
    Overview,
    TrafficView,
)
from tests.fakes.paper_serving import PaperServing

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
RECOVERY = "ABCD-EFGH JKMN-PQRS"
NASTY = "\x1b[31m[bold red]恶意[/]\u202egnp.exe\x07\u2066\x9b2J"


def problem(status: int, code: str, zh: str, en: str, **more: Any) -> Problem:
    return Problem(
        type=f"urn:wardbox:problem:{code}",
        title=code,
        status=status,
        code=code,
        detail=f"{zh} {en}",
        way_out=more.pop("way_out", "请稍后再试。 Try again later."),
        request_id="req_0",
        **more,
    )


LOCKED = problem(
    503, "vault.locked", "保险库已锁定。", "The vault is locked.", way_out="请先解锁。 Unlock it."
)


def _schema() -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "number"}
    eye = {"enum": ["右眼", "左眼", "双眼"]}
    acuity = {"type": ["string", "number"]}
    words = {"type": "array", "items": text}

    def record(**properties: Any) -> dict[str, Any]:
        return {"type": "object", "properties": properties}

    finding = record(
        visual_acuity=acuity,
        corrected_acuity=acuity,
        intraocular_pressure=number,
        lens=text,
        locs=record(cortical=number, nuclear=number, posterior=number),
        fundus=text,
        cornea=text,
    )
    return record(
        patient=record(
            name=text,
            sex={"enum": ["男", "女"]},
            age={"type": "integer"},
            admission_no=text,
            bed=text,
        ),
        department=text,
        admission_date=text,
        chief_complaint=record(
            eye=eye,
            symptom=text,
            course=text,
            affects=words,
            duration=record(value=number, unit={"enum": ["天", "周", "个月", "年"]}),
        ),
        right_eye=finding,
        left_eye=finding,
        history=record(
            chronic={"type": "array", "items": record(disease=text, years=number, drugs=words)},
            surgery=words,
        ),
        allergies=record(
            status={"enum": ["无", "有"]},
            items={"type": "array", "items": record(drug=text, reaction=text)},
        ),
        vitals=record(systolic={"type": "integer"}, diastolic={"type": "integer"}, glucose=number),
        diagnoses={"type": "array", "items": record(eye=eye, name=text)},
        plan=record(
            eye=eye, procedure=text, date=text, anaesthesia=text, drugs=words, measures=words
        ),
    )


def draft_of(facts: dict[str, Any], *, nasty: bool = False) -> Draft:
    name = facts.get("patient", {}).get("name", "?")
    eye = facts.get("chief_complaint", {}).get("eye", "左眼")
    rows = (
        (
            "一般项目",
            f"姓名{name},性别女,年龄71岁。",
            ("patient.name", "patient.sex", "patient.age"),
        ),
        (
            "主诉",
            f"{eye}视物模糊3年。",
            ("chief_complaint.eye", "chief_complaint.symptom", "chief_complaint.duration"),
        ),
        (
            "现病史",
            f"患者{eye}视物模糊3年,逐渐加重,影响阅读、看电视。",
            ("chief_complaint.eye", "chief_complaint.course", "chief_complaint.affects"),
        ),
        (
            "既往史",
            "高血压病病史12年,用药:氨氯地平。",
            ("history.chronic.1.disease", "history.chronic.1.years"),
        ),
        ("过敏史", "对青霉素过敏,反应皮疹。", ("allergies.1.drug", "allergies.1.reaction")),
        (
            "专科检查",
            "左眼视力0.12,矫正视力0.2,眼压16mmHg。",
            (
                "left_eye.visual_acuity",
                "left_eye.corrected_acuity",
                "left_eye.intraocular_pressure",
            ),
        ),
        ("专科检查", "左眼晶状体混浊,分级C3N3P2。", ("left_eye.lens", "left_eye.grading")),
        ("辅助检查", "血压136/80mmHg,血糖5.4mmol/L。", ("vitals.blood_pressure", "vitals.glucose")),
        ("初步诊断", "1.左眼年龄相关性白内障。2.高血压病。", ("diagnoses.1", "diagnoses.2")),
        (
            "诊疗计划",
            "拟于2026-01-07在表面麻醉下行左眼白内障超声乳化摘除联合人工晶状体植入术。",
            ("plan.eye", "plan.procedure", "plan.date"),
        ),
    )
    sections: list[Section] = []
    for title, text, sources in rows:
        said = Sentence(text=NASTY + text if nasty else text, sources=sources)
        if sections and sections[-1].title == title:
            sections[-1] = Section(title=title, sentences=(*sections[-1].sentences, said))
        else:
            sections.append(Section(title=title, sentences=(said,)))
    return Draft(
        note=Note(sections=tuple(sections), text="\n".join(text for _, text, _ in rows)),
        repairs=(Repair(field="left_eye.intraocular_pressure", before="18mmHg", after="16mmHg"),),
        flags=(
            Flag(
                field="plan.drugs",
                sentence="术前用药未写入病历。 The drugs before surgery are not in the note.",
            ),
        ),
        receipt="rcp_mfrggzdfmztwq2lk",
        model="wardbox-reference",
        seconds=2.4,
    )


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


def entry_of(
    index: int, tag: str = "model:completion:answer", actor: str = "key:emr", **details: Any
) -> Entry:
    return Entry(
        index=index,
        time=NOON + timedelta(seconds=index),
        tag=tag,
        actor=actor,
        subject="wardbox-reference",
        request_id=f"req_{index:04x}",
        details=details or {"prompt_tokens": 229, "completion_tokens": 253},
        hash=f"{index:064x}",
    )


EVALUATED = {
    "abilities": [
        {"ability": "S9", "passed": {"share": 0.986, "low": 0.971, "high": 0.993}},
        {"ability": "B8", "passed": {"share": 0.94, "low": 0.91, "high": 0.96}},
    ]
}


@dataclass
class FakeBox:
    """Moods first, then what it holds."""

    locked: bool = False
    hostile: bool = False
    gpu: bool = False
    engine: str = "ready"
    integrity: str = "ok"
    break_draft: bool = False
    hang_draft: bool = False
    loading: int = 0
    contradictory: bool = False
    expired: bool = False
    abyss: bool = False
    pause_s: float = 0.0
    jobs: list[Job] = field(default_factory=list)
    events: dict[str, list[JobEvent]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wb"))
        self.socket = self.folder / "s"
        self.serving = PaperServing(hostile=NASTY if self.hostile else "")
        self._runner: web.AppRunner | None = None
        self._tails: list[asyncio.Queue[Entry]] = []
        self.jobs = self.jobs or [
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
        self.events.setdefault("job_0001", [self._progress("job_0001", n) for n in range(1, 41)])
        tags = (
            "box:audit:start",
            "vault:root:unlock",
            "access:session:open",
            "model:completion:accept",
            "model:completion:answer",
        )
        self.entries = self.entries or [entry_of(n, tags[n % 5]) for n in range(30)]

    def _progress(self, job_id: str, n: int) -> JobEvent:
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

    async def start(self) -> "FakeBox":
        app = web.Application(middlewares=[self._door])
        for method, path, answer in self._routes():
            app.router.add_route(method, path, answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()
        return self

    async def stop(self) -> None:
        """Go away as a killed daemon does: streams break, the socket is gone."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.socket.unlink(missing_ok=True)

    async def close(self) -> None:
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _routes(
        self,
    ) -> list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]]:
        api, note = "/api/v1", "/api/v1/specialists/admission-note"
        return [
            ("GET", f"{api}/system/health", self._health),
            ("GET", f"{api}/system/overview", self._overview),
            ("POST", f"{api}/vault/unlock", self._unlock),
            ("POST", f"{api}/vault/lock", self._lock),
            ("POST", f"{api}/sessions", self._sign_in),
            ("DELETE", f"{api}/sessions/current", self._sign_out),
            ("GET", f"{note}/schema", self._schema),
            ("POST", note, self._draft),
            ("GET", f"{api}/jobs", self._jobs),
            ("POST", f"{api}/jobs", self._submit),
            ("POST", f"{api}/evaluations", self._submit),
            ("POST", f"{api}/jobs/{{id}}/{{move}}", self._move),
            ("GET", f"{api}/jobs/{{id}}/events", self._job_events),
            ("GET", f"{api}/audit/entries", self._entries),
            ("GET", f"{api}/audit/checkpoint", self._checkpoint),
            ("GET", f"{api}/audit/proof/{{index}}", self._proof),
            ("POST", f"{api}/audit/verify", self._verify),
            ("POST", f"{api}/audit/export", self._export),
            ("GET", f"{api}/audit/live", self._live),
            *self.serving.routes(),
        ]

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        free = request.path.endswith(("/health", "/unlock"))
        if self.locked and not free:
            return _refuse(LOCKED)
        if self.expired and not free:
            return _refuse(
                problem(401, "access.refused", "会话已过期。", "The session has expired.")
            )
        return await handler(request)

    async def _health(self, _: web.Request) -> web.Response:
        vault = "locked" if self.locked else "unlocked"
        status = "locked" if self.locked else "ok" if self.engine == "ready" else "degraded"
        return _say(
            Health(status=status, vault=vault, engine=self.engine, audit="ok", version="0.1.0")
        )

    async def _overview(self, _: web.Request) -> web.Response:
        if self.abyss:
            return web.Response(text="[" * 100_000, content_type="application/json")
        nasty = NASTY if self.hostile else ""
        gib = 2**30
        engine = EngineView(
            model="wardbox-reference" + nasty,
            engine="llama.cpp",
            state=self.engine,
            since=NOON,
            progress=1.0 if self.engine == "ready" else 0.4,
            restarts=0,
            pid=4242,
            in_flight=3,
            reason=Text(zh="模型文件损坏。", en="The model file is damaged.")
            if self.engine == "failed"
            else None,
        )
        card = AcceleratorView(
            vendor="NVIDIA",
            index=0,
            name="NVIDIA H100 PCIe",
            memory_bytes=80 * gib,
            memory_free_bytes=49 * gib,
        )
        return _say(
            Overview(
                time=NOON,
                uptime_s=93_784,
                info=Info(
                    id="box-1",
                    name="眼科一号机" + nasty,
                    hospital="某市第一医院",
                    language="zh",
                    version="0.1.0",
                    audit_origin="wardbox/box-1",
                    audit_key="k",
                    started=NOON,
                    default_model="wardbox-reference",
                ),
                health=Health(
                    status="ok", vault="unlocked", engine=self.engine, audit="ok", version="0.1.0"
                ),
                posture=PostureSummary(
                    verdict="warn",
                    level=2,
                    digest="0" * 64,
                    checked=NOON,
                    passed=10,
                    failed=1,
                    unknown=1,
                    sentence=Text(zh="安全启动未开启。" + nasty, en="Secure Boot is off."),
                ),
                engines=(engine,),
                accelerators=(card,) if self.gpu else (),
                host=HostView(
                    processor="AMD EPYC 7763 64-Core Processor",
                    cores=2,
                    load=(0.8, 0.6, 0.5),
                    memory_bytes=24 * gib,
                    memory_available_bytes=15 * gib,
                    disk_bytes=200 * gib,
                    disk_free_bytes=120 * gib,
                ),
                traffic=TrafficView(
                    requests_per_minute=42,
                    tokens_per_minute=18_400,
                    in_flight=3,
                    refused=1,
                    requests_by_minute=tuple((n * 7) % 23 + n for n in range(40)),
                ),
                jobs=JobsView(queued=1, running=1, failed=1, latest=tuple(self.jobs[:3])),
                integrity=IntegrityView(
                    state=self.integrity,
                    entries=len(self.entries),
                    root="ab" * 32,
                    verified=NOON,
                    sentence="ok",
                ),
            )
        )

    async def _unlock(self, request: web.Request) -> web.Response:
        secret = (await request.json())["secret"]
        if secret not in {PASSPHRASE, RECOVERY}:
            return _refuse(
                problem(
                    403,
                    "vault.wrong-secret",
                    "口令或恢复密钥不对。",
                    "The passphrase or recovery key is wrong.",
                    way_out="请核对后再输。 Check it and try again.",
                )
            )
        self.locked = False
        return _say(
            VaultView(state="unlocked", backend="embedded", slots=("passphrase", "recovery"))
        )

    async def _lock(self, _: web.Request) -> web.Response:
        self.locked = True
        return _say(VaultView(state="locked", backend="embedded", slots=("passphrase", "recovery")))

    async def _sign_in(self, request: web.Request) -> web.Response:
        if (await request.json())["password"] != PASSPHRASE:
            return _refuse(
                problem(401, "access.refused", "姓名或密码不对。", "Name or password is wrong.")
            )
        return _say(SessionView(token="t", expires=NOON, role="clinician", scopes=("specialists",)))

    async def _sign_out(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _schema(self, _: web.Request) -> web.Response:
        return web.json_response(_schema())

    async def _draft(self, request: web.Request) -> web.StreamResponse:
        facts = (await request.json())["facts"]
        if self.loading > 0:
            self.loading -= 1
            return _refuse(
                problem(
                    503,
                    "serving.loading",
                    "模型加载中。",
                    "Loading.",
                    progress=0.5,
                    retry_after_s=0.2,
                )
            )
        if self.contradictory:
            return _refuse(
                problem(
                    422,
                    "model.facts-contradictory",
                    "病历要素互相矛盾:手术眼别(右眼)与主诉眼别(左眼)不一致。",
                    "The eye to operate is not the eye of the complaint.",
                    way_out="请核对这些字段后重新提交。 Check these fields and submit again.",
                    fields=("plan.eye", "chief_complaint.eye"),
                )
            )
        answer = await _stream(request)
        draft = draft_of(facts, nasty=self.hostile)
        for at in range(0, len(draft.note.text), 8):
            text = (NASTY if self.hostile and at == 0 else "") + draft.note.text[at : at + 8]
            await _event(answer, DraftEvent(event="delta", text=text))
            await asyncio.sleep(self.pause_s)
            if at > 40 and self.hang_draft:
                await asyncio.sleep(30)
            if at > 40 and self.break_draft:
                request.transport.close()
                return answer
        await _event(answer, DraftEvent(event="checked", repairs=draft.repairs, flags=draft.flags))
        await _event(answer, DraftEvent(event="done", draft=draft))
        return answer

    async def _jobs(self, _: web.Request) -> web.Response:
        return _say(JobList(jobs=tuple(self.jobs)))

    async def _submit(self, request: web.Request) -> web.Response:
        kind = "evaluation" if request.path.endswith("evaluations") else "training"
        job = job_of(9, kind, "queued")
        self.jobs.insert(0, job)
        return _say(job)

    async def _move(self, request: web.Request) -> web.Response:
        place = next(n for n, job in enumerate(self.jobs) if job.id == request.match_info["id"])
        state = {"cancel": "cancelled", "resume": "queued"}[request.match_info["move"]]
        self.jobs[place] = self.jobs[place].model_copy(update={"state": state})
        return _say(self.jobs[place])

    async def _job_events(self, request: web.Request) -> web.StreamResponse:
        answer = await _stream(request)
        after = int(request.headers.get("Last-Event-ID", "0"))
        for event in self.events.get(request.match_info["id"], []):
            if event.index > after:
                await _event(answer, event)
        job = next(one for one in self.jobs if one.id == request.match_info["id"])
        if job.state == "running":
            await asyncio.sleep(60)
        return answer

    async def _entries(self, request: web.Request) -> web.Response:
        tag, actor = request.query.get("tag", "*").removesuffix("*"), request.query.get("actor")
        found = [
            one
            for one in reversed(self.entries)
            if one.tag.startswith(tag) and actor in {None, one.actor}
        ]
        return _say(
            EntryPage(
                entries=tuple(found[: int(request.query.get("limit", "100"))]), next_before=None
            )
        )

    async def _checkpoint(self, _: web.Request) -> web.Response:
        return _say(
            CheckpointView(
                checkpoint="wardbox/box-1\n30\nq6urq6s=\n\n— wardbox/box-1 AAAA\n",
                size=len(self.entries),
                root="ab" * 32,
            )
        )

    async def _proof(self, request: web.Request) -> web.Response:
        index = int(request.match_info["index"])
        return _say(
            Proof(
                index=index,
                size=len(self.entries),
                leaf_hash=f"{index:064x}",
                hashes=("cd" * 32, "ef" * 32),
                checkpoint="wardbox/box-1\n30\nq6urq6s=\n",
            )
        )

    async def _verify(self, _: web.Request) -> web.Response:
        ok = self.integrity != "broken"
        sentence = "日志完整。 The log is intact." if ok else "第 7 条被改动。 Entry 7 was changed."
        return _say(
            AuditVerified(ok=ok, entries=len(self.entries), root="ab" * 32, sentence=sentence)
        )

    async def _export(self, request: web.Request) -> web.Response:
        out = (await request.json())["out"] or "/var/lib/wardbox/vault/files/exports/audit-1"
        return _say(Exported(directory=out, entries=len(self.entries), root="ab" * 32))

    async def _live(self, request: web.Request) -> web.StreamResponse:
        answer = await _stream(request)
        tail: asyncio.Queue[Entry] = asyncio.Queue()
        self._tails.append(tail)
        try:
            while True:
                await _event(answer, await tail.get())
        finally:
            self._tails.remove(tail)

    @property
    def listeners(self) -> int:
        return len(self._tails)

    def record(self, entry: Entry) -> None:
        """A new entry becomes durable."""
        self.entries.append(entry)
        for tail in self._tails:
            tail.put_nowait(entry)


def _say(view: BaseModel) -> web.Response:
    return web.json_response(text=view.model_dump_json())


def _refuse(said: Problem) -> web.Response:
    return web.Response(
        status=said.status, text=said.model_dump_json(), content_type="application/problem+json"
    )


async def _stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    return answer


async def _event(answer: web.StreamResponse, said: BaseModel) -> None:
    data = json.dumps(said.model_dump(mode="json"))
    await answer.write(f"data: {data}\n\n".encode())
