"""What the box of paper says of itself: health and overview, from the contract's own types."""

from dataclasses import dataclass

from aiohttp import web

from appliance.contract.base import Text
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
from tests.fakes.paper import API, NASTY, NOON, Route, say
from tests.fakes.paper_jobs import PaperJobs
from tests.fakes.paper_notes import PaperNotes
from tests.fakes.paper_posture import PaperPosture, posture_summary
from tests.fakes.paper_record import PaperRecord


@dataclass
class PaperOverview(PaperNotes, PaperJobs, PaperRecord, PaperPosture):
    """Sums up what its other rooms hold."""

    locked: bool = False
    gpu: bool = False
    engine: str = "ready"
    abyss: bool = False

    def overview_routes(self) -> list[Route]:
        return [
            ("GET", f"{API}/system/health", self._health),
            ("GET", f"{API}/system/overview", self._overview),
            *self.posture_routes(),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        vault = "locked" if self.locked else "unlocked"
        status = "locked" if self.locked else "ok" if self.engine == "ready" else "degraded"
        return say(
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
        return say(
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
                posture=posture_summary(nasty, self.consequence),
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
