"""The hot path: every model route behind one wall, on the connection itself or as an ASGI application.

FastAPI's routing, dependencies and response classes cost more than everything this route does:
key, scope, allow-list, quota, typed judgement of the body, engine, metering and durable record.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from starlette.types import Receive, Scope, Send

from appliance.api.dialects.dialect import Dialect
from appliance.api.dialects.table import DIALECTS
from appliance.api.hot.answer import CANCELLED, GONE, answer_stream, answer_whole
from appliance.api.hot.asking import SCOPE, HotServices, alive_of, put, seal_for, who
from appliance.api.hot.caller import AsgiCaller, Caller
from appliance.api.hot.departure import Departures
from appliance.api.refusing import refused
from appliance.audit.identifiers import request_id
from appliance.errors import VaultLocked
from appliance.serving.turn import Turn
from appliance.settings.log import REQUEST
from appliance.telemetry.observed import Observed
from models.errors import EngineDraining

_LOG: Final = logging.getLogger("wardbox.api.hot")


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
        self._clock = clock
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
        begun = time.perf_counter()
        job = _Job(caller, DIALECTS[caller.path], request_id(self._clock))
        REQUEST.set(job.ident)
        try:
            await self._answer(self._services(), job)
        except asyncio.CancelledError:
            if job.turn is not None and not job.turn.closed:
                job.turn.fail(GONE if caller.gone else CANCELLED)
            if not caller.gone:
                raise
        except Exception as error:  # noqa: BLE001  # the API's wall: no fault leaves as a traceback
            await self._refuse(job, error)
        finally:
            self._count(job, begun)
            caller.leave()
        return job.turn

    async def _answer(self, services: HotServices | None, job: "_Job") -> None:
        if services is None:
            raise VaultLocked
        caller, access = job.caller, services.access
        grant = who(services, caller, self._limit)
        access.require(grant, SCOPE)
        body = await caller.body(self._limit)
        question = await put(services, grant, job.dialect, body)
        access.admit(grant)
        try:
            question.upstream.enter()
        except EngineDraining:
            # It was taken away between two lines; whatever takes its place is asked instead.
            question = await put(services, grant, job.dialect, body)
            question.upstream.enter()
        upstream = question.upstream
        try:
            turn = Turn(services.notary, grant, job.ident, job.dialect.path, upstream)
            job.turn = turn
            turn.seed, turn.stream = question.asked.seed, question.asked.stream
            turn.limits = access.limits(grant)
            turn.alive = alive_of(services, caller, grant)
            turn.seal = await seal_for(services, caller, turn.receipt)
            answer = answer_stream if turn.stream else answer_whole
            await answer(turn, access, question, turn.ask(question.asked.body), caller)
        finally:
            upstream.leave()

    async def _refuse(self, job: "_Job", error: Exception) -> None:
        told = refused(error, job.ident, job.dialect.path)
        problem = told.problem
        if problem.code == "box.internal":
            _LOG.error("fault", exc_info=error, extra={"request_id": job.ident})
        if job.turn is not None:
            job.turn.fail(problem.code)
        job.status = problem.status
        self._observed.refused(job.dialect.path, problem.code)
        limits = () if job.turn is None else job.turn.limits
        await job.caller.whole(problem.status, (*told.headers, *limits), told.body)

    def _count(self, job: "_Job", begun: float) -> None:
        turn = job.turn
        seconds = time.perf_counter() - begun
        if turn is None:
            self._observed.answered(job.dialect.path, "", job.status, seconds, None, 0, 0)
            return
        first = None if turn.first_token is None else turn.first_token - begun
        self._observed.answered(
            job.dialect.path,
            turn.upstream.model,
            job.status,
            seconds,
            first,
            turn.prompt_tokens,
            turn.completion_tokens,
        )


class _Job:
    """What the wall needs to know when something ends a request."""

    __slots__ = ("caller", "dialect", "ident", "status", "turn")

    def __init__(self, caller: Caller, dialect: Dialect, ident: str) -> None:
        self.caller = caller
        self.dialect = dialect
        self.ident = ident
        self.turn: Turn | None = None
        self.status = 200
