"""A box of paper: a real aiohttp server on a Unix socket that answers the wire contract for the console.

Every answer is built from the contract's own types, so that what the console is tried against is
what a box may say. Its moods (`locked`, `silent`, `hostile`, ...) are plain attributes.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from appliance.contract.access import Unlock
from tests.fakes.paper import API, NASTY, Route, problem, refuse, say
from tests.fakes.paper_keys import PaperKeys
from tests.fakes.paper_overview import PaperOverview
from tests.fakes.paper_people import PaperPeople
from tests.fakes.paper_serving import PaperServing
from tests.fakes.paper_storage import PaperStorage
from tests.fakes.paper_updates import PaperUpdates
from tests.fakes.paper_watchers import PaperWatchers

LOCKED = problem(
    503, "vault.locked", "保险库已锁定。", "The vault is locked.", way_out="请先解锁。 Unlock it."
)


@dataclass
class FakeBox(PaperOverview, PaperPeople):
    """The whole of it: a socket, a door, and the rooms behind it."""

    expired: bool = False
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wb"))
        self.socket = self.folder / "s"
        self.serving = PaperServing(hostile=NASTY if self.hostile else "")
        self.storage = PaperStorage(hostile=NASTY if self.hostile else "")
        self.storage.jobs = self.jobs
        self.vault_keys = PaperKeys(hostile=NASTY if self.hostile else "")
        self.watchers = PaperWatchers(hostile=NASTY if self.hostile else "")
        self.updates = PaperUpdates(hostile=NASTY if self.hostile else "")
        self._runner: web.AppRunner | None = None

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

    def _routes(self) -> list[Route]:
        return [
            *self.overview_routes(),
            ("GET", f"{API}/vault", self._vault),
            ("POST", f"{API}/vault/unlock", self._unlock),
            ("POST", f"{API}/vault/lock", self._lock),
            *self.people_routes(),
            *self.note_routes(),
            *self.job_routes(),
            *self.record_routes(),
            *self.serving.routes(),
            *self.storage.routes(),
            *self.vault_keys.routes(),
            *self.watchers.routes(),
            *self.updates.routes(),
        ]

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        free = request.path.endswith(("/health", "/vault", "/unlock"))
        if self.locked and not free:
            return refuse(LOCKED)
        if self.expired and not free:
            return refuse(
                problem(401, "access.refused", "会话已过期。", "The session has expired.")
            )
        return await handler(request)

    async def _vault(self, _: web.Request) -> web.Response:
        return say(self.storage.view(locked=self.locked))

    async def _unlock(self, request: web.Request) -> web.Response:
        wrong = self.storage.judge(Unlock.model_validate(await request.json()))
        if wrong is not None:
            return refuse(wrong)
        self.locked = False
        return say(self.storage.view(locked=False))

    async def _lock(self, _: web.Request) -> web.Response:
        self.locked = True
        return say(self.storage.view(locked=True))
