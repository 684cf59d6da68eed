"""One request under way: what its wall needs to know when something ends it, and how that is told."""

import logging
import time
from typing import Final

from appliance.access.grants import Grant
from appliance.api.dialects.dialect import Dialect
from appliance.api.hot.asking import HotServices, Question, alive_of
from appliance.api.hot.caller import Caller
from appliance.api.refusing import Refused, refused
from appliance.serving.turn import Turn
from appliance.telemetry.observed import Observed

_LOG: Final = logging.getLogger("wardbox.api.hot")


class Job:
    """One request.

    Args:
        caller: who asks.
        dialect: the route.
        ident: the request's id.
        begun: when it began, in seconds of `time.perf_counter`.
    """

    __slots__ = (
        "begun", "caller", "dialect", "grant", "ident", "question", "status",
        "turn",
    )  # fmt: skip

    def __init__(self, caller: Caller, dialect: Dialect, ident: str, begun: float) -> None:
        self.caller = caller
        self.dialect = dialect
        self.ident = ident
        self.begun = begun
        self.grant: Grant | None = None
        self.question: Question | None = None
        """What was made of its body already."""
        self.turn: Turn | None = None
        self.status = 200

    def refuse(self, error: Exception, observed: Observed) -> Refused:
        """Take down that something ended it; what its caller is told."""
        told = refused(error, self.ident, self.dialect.path)
        problem = told.problem
        if problem.code == "box.internal":
            _LOG.error("fault", exc_info=error, extra={"request_id": self.ident})
        if self.turn is not None:
            self.turn.fail(problem.code)
        self.status = problem.status
        observed.refused(self.dialect.path, problem.code)
        return told

    def count(self, observed: Observed) -> None:
        """Count it, however it went."""
        turn, seconds = self.turn, time.perf_counter() - self.begun
        if turn is None:
            observed.answered(self.dialect.path, "", self.status, seconds, None, 0, 0)
            return
        observed.answered(
            self.dialect.path,
            turn.upstream.model,
            self.status,
            seconds,
            None if turn.first_token is None else turn.first_token - self.begun,
            turn.prompt_tokens,
            turn.completion_tokens,
        )


def turn_of(services: HotServices, grant: Grant, job: Job, question: Question) -> Turn:
    """The turn of a request that passed every gate; it is the job's from now on."""
    turn = Turn(services.notary, grant, job.ident, job.dialect.path, question.upstream)
    job.turn = turn
    asked = question.asked
    turn.seed, turn.stream = asked.seed, asked.stream
    turn.limits = services.access.limits(grant)
    turn.alive = alive_of(services, job.caller, grant)
    return turn
