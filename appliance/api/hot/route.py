"""The hot path: every model route behind one wall, on the connection itself or as an ASGI application.

FastAPI's routing, dependencies and response classes cost more than everything this route does:
key, scope, allow-list, quota, typed judgement of the body, engine, metering and durable record.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from starlette.types import Receive, Scope, Send

from appliance.api.dialects.table import DIALECTS
from appliance.api.hot.answer import CANCELLED, GONE, answer_stream, answer_whole
from appliance.api.hot.asking import SCOPE, HotServices, Question, put, seal_for, who
from appliance.api.hot.caller import AsgiCaller, Caller, NearCaller
from appliance.api.hot.departure import Departures
from appliance.api.hot.job import Job, turn_of
from appliance.api.hot.swift import Swift
from appliance.audit.identifiers import RequestNumbers
from appliance.errors import VaultLocked
from appliance.serving.turn import Turn
from appliance.settings.log import REQUEST
from appliance.telemetry.observed import Observed
from models.errors import EngineDraining


class HotRoutes:
    """Answers POST on the paths of `DIALECTS`.

    Args:
        services: tells what is open now; None while the vault is locked.
        limit: longest body in bytes.
        clock: UTC.
        observed: counts what was answered.
    """

    def __init__(
        self,
        services: Callable[[], HotServices | None],
        limit: int,
        clock: Callable[[], datetime],
        observed: Observed,
    ) -> None:
        self._services = services
        self._limit = limit
        self._numbers = RequestNumbers(clock)
        self._observed = observed
        self._departures = Departures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of an ASGI server."""
        await self.serve(AsgiCaller(scope, receive, send, self._departures))

    async def serve(self, caller: Caller) -> Turn | None:
        """Answer one request; every refusal and fault leaves as a problem.

        Returns:
            What is on record of it; None when it passed no gate.
        """
        return await self._serve(self._job(caller))

    def begin(self, caller: NearCaller, loop: asyncio.AbstractEventLoop) -> Swift:
        """Begin to answer one request whose caller is near; refusals leave as of `serve`.

        What can be answered without waiting for anything but engine and record takes no task.
        """
        swift = Swift(self._job(caller), caller, self._observed, self._serve, loop)
        services = self._services()
        if services is None or caller.missing > 0:
            swift.slowly()
        else:
            swift.begin(services, self._limit)
        return swift

    def _job(self, caller: Caller) -> Job:
        begun = time.perf_counter()
        return Job(caller, DIALECTS[caller.path], self._numbers.draw(begun), begun)

    async def _serve(self, job: Job) -> Turn | None:
        caller = job.caller
        REQUEST.set(job.ident)
        try:
            await self._answer(self._services(), job)
        except asyncio.CancelledError:
            if job.turn is not None and not job.turn.closed:
                job.turn.fail(GONE if caller.gone else CANCELLED)
            if not caller.gone:
                raise
        except Exception as error:  # noqa: BLE001  # the API's wall: no fault leaves as a traceback
            told = job.refuse(error, self._observed)
            limits = () if job.turn is None else job.turn.limits
            await caller.whole(job.status, (*told.headers, *limits), told.body)
        finally:
            job.count(self._observed)
            caller.leave()
        return job.turn

    async def _answer(self, services: HotServices | None, job: Job) -> None:
        if job.turn is not None and job.question is not None:
            await self._afresh(services, job.turn, job.question, job.caller)
            return
        if services is None:
            raise VaultLocked
        caller, access = job.caller, services.access
        question, grant = job.question, job.grant
        if question is None or grant is None:
            grant = who(services, caller, self._limit)
            access.require(grant, SCOPE)
            body = await caller.body(self._limit)
            question = await put(services, grant, job.dialect, body)
        access.admit(grant)
        try:
            question.upstream.enter()
        except EngineDraining:
            # It was taken away between two lines; whatever takes its place is asked instead.
            body = await caller.body(self._limit)
            question = await put(services, grant, job.dialect, body)
            question.upstream.enter()
        try:
            turn = turn_of(services, grant, job, question)
            turn.seal = await seal_for(services, caller, question, turn.receipt)
            answer = answer_stream if turn.stream else answer_whole
            await answer(turn, access, question, turn.ask(question.asked.body), caller)
        finally:
            question.upstream.leave()

    @staticmethod
    async def _afresh(
        services: HotServices | None, turn: Turn, question: Question, caller: Caller
    ) -> None:
        """Go on where a used connection was closed before the engine said a word."""
        try:
            if services is None:
                raise VaultLocked
            body = turn.ask(question.asked.body)
            await answer_whole(turn, services.access, question, body, caller, fresh=True)
        finally:
            question.upstream.leave()
