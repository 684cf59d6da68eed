"""Asks the engine and hands its answer over, whole or as a stream, with the record made first."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Final

from appliance.access.errors import AccessRefused
from appliance.access.gate import Gate
from appliance.api.dialects.chat import ChatTranslation
from appliance.api.dialects.dialect import Mark
from appliance.api.hot.asking import Question
from appliance.api.hot.caller import Caller
from appliance.api.hot.pump import Pump
from appliance.api.hot.reply import plain, read_fault, read_reply
from appliance.api.problems import problem_of
from appliance.audit.event import Leaf
from appliance.serving.errors import EngineFaulty, EngineGone, EngineRefused, ModelLoading
from appliance.serving.exchange import Exchange
from appliance.serving.turn import Headers, Turn
from appliance.serving.upstream import Pool
from appliance.serving.upstream_client import UpstreamPool

_SAFE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_JSON: Final = ((b"content-type", b"application/json"), *_SAFE)
_EVENTS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
    *_SAFE,
)
_BEFORE_LENGTH: Final = b"".join([b"%b: %b\r\n" % field for field in _JSON]) + b"content-length: "
_OK: Final = 200
_STATUS: Final = {"stop": "complete", "tool_calls": "complete", "length": "length"}
GONE: Final = "client-gone"
CANCELLED: Final = "cancelled"
VECTORS: Final = "/v1/embeddings"


async def answer_whole(
    turn: Turn,
    access: Gate,
    question: Question,
    body: bytes,
    caller: Caller,
    fresh: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Answer in one piece, once its record is durable; `fresh`: over a connection never used.

    An answer that breaks off half way is asked for elsewhere, once: its caller has seen nothing of it.

    Raises:
        ApplianceError: the engine gave no answer, or no record could be made.
    """
    pool, path, patient = _pool_of(turn), question.asked.path, caller.known is not None
    if fresh and isinstance(pool, UpstreamPool):
        exchange = await pool.ask(path, body, turn.grant.actor, patient=patient, fresh=True)
    else:
        exchange = await pool.ask(path, body, turn.grant.actor, patient=patient)
    raw: bytes | None = None
    while raw is None:
        try:
            raw = await exchange.whole()
        except EngineGone as error:
            exchange = await _elsewhere(turn, pool, error, path, body, patient=patient)
    reply = read_whole(turn, question, exchange.status, raw)
    # Here both bodies are at hand: `turn.prompt` and `reply.said`, as they are hashed for the record.
    answer_hash = turn.answer_hash(reply.said)
    await turn.answer(answer_hash, reply.status, partial(meter, turn, access))
    if question.keeps:
        await question.keep(reply.body)
    headers = (*_JSON, (b"content-length", b"%d" % len(reply.body)), *names(turn))
    await caller.whole(200, headers, reply.body)


async def _elsewhere(
    turn: Turn, pool: Pool, error: EngineGone, path: str, body: bytes, *, patient: bool
) -> Exchange:
    """Ask again where no answer broke off yet; where the request may go no further, raise `error`."""
    if not pool.moves_on(error):
        raise error
    if not turn.alive():
        raise AccessRefused
    return await pool.ask(path, body, turn.grant.actor, patient=patient)


class Whole:
    """A whole answer.

    Args:
        said: what its hash on record is of.
        status: how it ended.
        body: the answer in the caller's dialect.
    """

    __slots__ = ("body", "said", "status")

    def __init__(self, said: bytes, status: str, body: bytes) -> None:
        self.said = said
        self.status = status
        self.body = body


def read_whole(turn: Turn, question: Question, status: int, raw: bytes) -> Whole:
    """Judge what an engine answered; what it used is taken down.

    Raises:
        ApplianceError: it refused, or it is no answer.
        AccessRefused: what allowed the request was revoked meanwhile.
    """
    turn.upstream.heard()
    if status != _OK:
        raise refusal_of(status, raw, turn)
    reply = read_reply(raw)
    usage, ended, said = reply.usage, "complete", raw
    if reply.choices:
        choice = reply.choices[0]
        # Of an answer that calls tools, or has no words, all is hashed.
        calls = choice.message is not None and choice.message.calls
        said = raw if calls else choice.said.encode() or raw
        ended = _STATUS.get(choice.finish_reason or "", "stopped")
    if usage is not None:
        turn.prompt_tokens = usage.prompt_tokens
        turn.completion_tokens = usage.completion_tokens
    translation = question.translation
    if reply.choices and raw.endswith(b"}") and isinstance(translation, ChatTranslation):
        # As its `answer` does, for an object that is known to have members.
        whole = b'%b,"receipt":"%b"}' % (raw[:-1], turn.receipt.encode())
    else:
        whole = translation.answer(raw, mark_of(turn))
    if not turn.alive():
        raise AccessRefused
    if turn.route != VECTORS:
        # Vectors are not kept behind the record: they can be made again from the prompt.
        turn.take_down(said)
    return Whole(said, ended, whole)


def head_of(turn: Turn, length: int) -> list[bytes]:
    """The header lines of a whole answer of so many bytes, in pieces."""
    number = turn.request_id.encode()
    pieces = [
        _BEFORE_LENGTH,
        b"%d" % length,
        b"\r\nx-request-id: ",
        number,
        b"\r\nrequest-id: ",
        number,
        b"\r\nx-wardbox-receipt: ",
        turn.receipt.encode(),
        b"\r\n",
    ]
    for name, value in turn.limits:
        pieces.append(name)
        pieces.append(b": ")
        pieces.append(value)
        pieces.append(b"\r\n")
    return pieces


def _pool_of(turn: Turn) -> Pool:
    """Whom to ask; a line is joined by nobody whose key was revoked while the request came in."""
    pool = turn.upstream.pool
    if pool.full and not turn.alive():
        raise AccessRefused
    return pool


async def answer_stream(
    turn: Turn, access: Gate, question: Question, body: bytes, caller: Caller
) -> None:
    """Answer as server-sent events.

    That the request was accepted is durable before the first byte, the answer before the last.
    A failure after the first byte ends the stream with an error event, not with its proper end.

    Raises:
        ApplianceError: the engine gave no answer, or no record could be made, before any byte.
    """
    pool = _pool_of(turn)
    # Who has to wait for a place, or finds none, does not go to the engine yet.
    accepted = None if pool.full else turn.accept()
    exchange = await pool.ask(
        question.asked.path, body, turn.grant.actor, patient=caller.known is not None
    )
    try:
        if exchange.status != _OK:
            raise refusal_of(exchange.status, await exchange.whole(), turn)
        await (accepted or turn.accept())
        await caller.begin((*_EVENTS, *names(turn)))
        pump = Pump(turn, exchange, question.translation.stream(mark_of(turn)))
        await caller.end(await _run(turn, access, pump, question, caller))
    finally:
        exchange.abort()


async def _run(turn: Turn, access: Gate, pump: Pump, question: Question, caller: Caller) -> bytes:
    """Pass the stream on and return its last piece."""
    status = GONE
    try:
        await pump.run(caller)
        status = pump.status
        await turn.answer(pump.answer_hash, status, partial(meter, turn, access))
        last = pump.ending()
        if question.keeps:
            await question.keep(last)
    except asyncio.CancelledError:
        # What was written until the client hung up was used, and is on record.
        if status == GONE:
            left = turn.answer(pump.answer_hash, GONE, partial(meter, turn, access))
            left.add_done_callback(partial(_insist, turn))
        raise
    except Exception as error:  # noqa: BLE001  # the API's wall, on the far side of the headers
        problem = problem_of(error, turn.request_id, openai=question.speech == "openai")
        turn.fail(problem.code)
        last = pump.failure(problem)
    return last


def _insist(turn: Turn, left: asyncio.Future[Leaf]) -> None:
    """Nobody waits for the record of an answer that was left; where there is none, it failed."""
    if left.exception() is not None:
        turn.fail(GONE)


def mark_of(turn: Turn) -> Mark:
    """By what an answer is found again; the time of a request stands in its id."""
    number = turn.request_id[4:]
    return Mark(number, int(number[:12], 16) // 1000, turn.receipt)


def meter(turn: Turn, access: Gate) -> None:
    """Count what an answer used, once that is on record: the log and the meter agree to the token."""
    access.meter(turn.grant, turn.upstream.model, turn.prompt_tokens, turn.completion_tokens)
    turn.upstream.count(turn.prompt_tokens + turn.completion_tokens)


def names(turn: Turn) -> Headers:
    """The headers by which an answer is found again, and what is left of the caller's limits."""
    number = turn.request_id.encode()
    return (
        # Anthropic's clients look for the second name.
        (b"x-request-id", number),
        (b"request-id", number),
        (b"x-wardbox-receipt", turn.receipt.encode()),
        *turn.limits,
    )


def refusal_of(status: int, body: bytes, turn: Turn) -> Exception:
    """What an engine's own refusal means to the caller."""
    fault = read_fault(body)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ModelLoading(model=turn.upstream.model, percent=0, progress=0.0, retry_after_s=2)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return EngineRefused(reason=plain(fault.message) or str(status))
    return EngineFaulty(reason=f"HTTP {status}")
