"""A request that is answered without a task: three calls, and nothing that waits between them.

A task, its coroutines and the futures between them cost as much as all that most requests do. Where
a model is ready, an engine has a free place, and the answer comes in one piece, the request is put
by the call that brought it, recorded by the call that brought the engine's answer, and answered by
the call that brought the record. Whatever needs to wait for anything else goes on as a task
(`HotRoutes.serve`), and nothing is done twice by that.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from appliance.api.hot.answer import (
    CANCELLED,
    GONE,
    Whole,
    head_of,
    meter,
    read_whole,
)
from appliance.api.hot.asking import SCOPE, HotServices, put_now, seal_now, who
from appliance.api.hot.caller import NearCaller
from appliance.api.hot.job import Job, turn_of
from appliance.audit.event import Leaf
from appliance.audit.identifiers import receipt_of
from appliance.serving.errors import EngineGone
from appliance.serving.exchange import Called  # noqa: TC001  # annotates an attribute
from appliance.serving.turn import Turn
from appliance.serving.upstream_client import UpstreamPool
from appliance.settings.log import REQUEST
from appliance.telemetry.observed import Observed
from models.errors import EngineDraining

Slow = Callable[[Job], Coroutine[Any, Any, Turn | None]]


class Swift:
    """One request on its way; it may stand among tasks, as something that can be cancelled.

    Args:
        job: the request.
        caller: who asks.
        observed: counts what was answered.
        slow: goes on with the request as a coroutine.
        loop: the loop.
    """

    __slots__ = (
        "_caller", "_exchange", "_job", "_loop", "_observed", "_over", "_services", "_slow",
        "_task", "_turn", "_whole",
    )  # fmt: skip

    def __init__(
        self,
        job: Job,
        caller: NearCaller,
        observed: Observed,
        slow: Slow,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._job = job
        self._caller = caller
        self._observed = observed
        self._slow = slow
        self._loop = loop
        self._over = False
        self._services: HotServices | None = None
        self._task: asyncio.Task[Turn | None] | None = None
        self._exchange: Called | None = None
        self._turn: Turn | None = None
        self._whole: Whole | None = None

    def begin(self, services: HotServices, limit: int) -> None:
        """Put the request to its engine; its whole body is here."""
        self._services = services
        try:
            put = self._put(services, limit)
        except Exception as error:  # noqa: BLE001  # the API's wall: no fault leaves as a traceback
            # In the next turn of the loop: what a hasty client sent after it would be read in here.
            self._loop.call_soon(self._refuse, error)
        else:
            if not put:
                self.slowly()

    def slowly(self) -> None:
        """Go on as a task."""
        self._task = self._loop.create_task(self._slow(self._job))

    def cancel(self, msg: object = None) -> None:
        """Give it up soon, as a task does that is cancelled."""
        del msg
        self._loop.call_soon(self.give_up)

    def give_up(self) -> None:
        """Give it up now: the client is gone, or the server ends."""
        if self._task is not None:
            self._task.cancel()
        elif not self._over:
            turn, exchange = self._job.turn, self._exchange
            if turn is not None and not turn.closed:
                turn.fail(GONE if self._caller.gone else CANCELLED)
            if exchange is not None:
                exchange.leave()
            self._end()

    def _put(self, services: HotServices, limit: int) -> bool:
        """Whether it went to an engine; if not, nothing was counted."""
        job, caller, access = self._job, self._caller, services.access
        grant = who(services, caller, limit)
        access.require(grant, SCOPE)
        question = put_now(services, grant, job.dialect, caller.at_hand())
        if question is None:
            return False
        job.grant, job.question = grant, question
        upstream, asked = question.upstream, question.asked
        pool = upstream.pool
        if asked.stream or question.keeps or not isinstance(pool, UpstreamPool) or not pool.ready:
            return False
        seal = seal_now(services, caller, question, receipt_of(job.ident))
        if seal is None:
            return False
        try:
            upstream.enter()
        except EngineDraining:
            job.question = None
            return False
        try:
            access.admit(grant)
            turn = turn_of(services, grant, job, question)
            turn.seal = seal
            self._exchange = pool.put(asked.path, turn.ask(asked.body), self._heard)
        except BaseException:
            upstream.leave()
            raise
        self._turn = turn
        return True

    def _heard(self) -> None:
        """The engine's answer is whole, or will never be."""
        try:
            self._record()
        except Exception as error:  # noqa: BLE001  # the API's wall
            self._refuse(error)

    def _record(self) -> None:
        turn, exchange, question = self._turn, self._exchange, self._job.question
        services = self._services
        if turn is None or exchange is None or question is None or services is None:
            return
        error = None if exchange.complete else exchange.error
        if error is not None:
            if exchange.status or not isinstance(error, EngineGone):
                raise error
            self.slowly()
            return
        whole = read_whole(turn, question, exchange.status, exchange.body())
        self._whole = whole
        # Here both bodies are at hand: `turn.prompt` and `whole.said`, as they are hashed for the record.
        event = turn.entry(turn.answer_hash(whole.said), whole.status)
        services.notary.log.submit_nowait(event, self._recorded)

    def _recorded(self, outcome: Leaf | Exception) -> None:
        """The record is durable, or cannot be made."""
        try:
            self._answer(outcome)
        except Exception as error:  # noqa: BLE001  # the API's wall
            self._refuse(error)

    def _answer(self, outcome: Leaf | Exception) -> None:
        turn, whole, services = self._turn, self._whole, self._services
        if turn is None or whole is None or services is None:
            return
        if isinstance(outcome, Leaf):
            meter(turn, services.access)
        elif not self._over:
            raise outcome
        if not self._over:
            body = whole.body
            self._caller.write(200, head_of(turn, len(body)), body)
            self._end()

    def _refuse(self, error: Exception) -> None:
        if self._over:
            return
        job = self._job
        token = REQUEST.set(job.ident)
        told = job.refuse(error, self._observed)
        REQUEST.reset(token)
        limits = () if job.turn is None else job.turn.limits
        head = [b"%b: %b\r\n" % field for field in (*told.headers, *limits)]
        self._caller.write(job.status, head, told.body)
        self._end()

    def _end(self) -> None:
        self._over = True
        if self._turn is not None:
            self._turn.upstream.leave()
        self._job.count(self._observed)
        self._caller.leave()
