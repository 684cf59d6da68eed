"""One request to a model: who asks for what, and the record that is made of it."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from appliance.access.grants import Grant
from appliance.audit import events
from appliance.audit.event import Event, Leaf
from appliance.audit.identifiers import Salts, receipt_of
from appliance.bodies.shape import NOTHING, Seal, body_of
from appliance.errors import AuditUnavailable
from appliance.serving.errors import EngineBusy, ShareFull
from appliance.serving.upstream import Upstream

Headers = tuple[tuple[bytes, bytes], ...]
# A client can be refused so without end: such refusals are counted, not told one by one.
_CROWDED: Final = frozenset({EngineBusy.code, ShareFull.code})


class Log(Protocol):
    """The part of the audit log that the hot path needs."""

    def submit_nowait(self, event: Event, callback: Callable[[Leaf | Exception], None]) -> None:
        """Queue an event; the callback runs on this loop once it is durable or cannot be."""
        ...


class Notary:
    """Makes records durable.

    Args:
        log: the audit log.
        salt: the secret under which the salts of hashes are made.
        posture: tells the digest of the box's posture.
        policy: version of the policy in force.
        turned_away: counts who found no place: actor, code, route and model.
    """

    __slots__ = ("log", "policy", "posture", "salts", "turned_away")

    def __init__(
        self,
        log: Log,
        salt: bytes,
        posture: Callable[[], str],
        policy: str,
        turned_away: Callable[[str, str, str, str], object],
    ) -> None:
        self.log = log
        self.salts = Salts(salt)
        self.posture = posture
        self.policy = policy
        self.turned_away = turned_away

    def commit(
        self, event: Event, durable: Callable[[], object] | None = None
    ) -> asyncio.Future[Leaf]:
        """Queue an event; the future resolves once it is durable, or fails AuditUnavailable.

        `durable` is called once it is, even if nobody waits for it any more.
        """
        done: asyncio.Future[Leaf] = asyncio.get_running_loop().create_future()

        def settle(outcome: Leaf | Exception) -> None:
            if durable is not None and isinstance(outcome, Leaf):
                durable()
            if done.done():
                return
            if isinstance(outcome, Leaf):
                done.set_result(outcome)
            else:
                done.set_exception(outcome)
                # Looked at here, because a turn that failed for another reason awaits no record.
                done.exception()

        try:
            self.log.submit_nowait(event, settle)
        except AuditUnavailable as error:
            settle(error)
        return done

    def insist(self, event: Event) -> None:
        """Record what nobody waits for.

        A log that lost its writer refuses what was on its way and begins again: such an event is
        put once more, so that no request stays without an end on record.
        """

        def settle(outcome: Leaf | Exception) -> None:
            if not isinstance(outcome, Leaf):
                with suppress(AuditUnavailable):
                    self.log.submit_nowait(event, _heard)

        with suppress(AuditUnavailable):
            self.log.submit_nowait(event, settle)


def _heard(_: Leaf | Exception) -> None:
    """Whether it was recorded the second time changes nothing any more."""


def _always() -> bool:
    return True


class Turn:
    """A request that passed every gate.

    The hashes are salted by the receipt: equal prompts cannot be told from each other in the log,
    and the box can open one hash (by telling its salt) without opening any other.
    """

    __slots__ = (
        "accepted",
        "alive",
        "closed",
        "completion_tokens",
        "first_token",
        "grant",
        "limits",
        "notary",
        "prompt",
        "prompt_hash",
        "prompt_tokens",
        "receipt",
        "request_id",
        "route",
        "said",
        "said_bytes",
        "salt",
        "seal",
        "seed",
        "stream",
        "upstream",
    )

    def __init__(
        self, notary: Notary, grant: Grant, request_id: str, route: str, upstream: Upstream
    ) -> None:
        self.notary = notary
        self.grant = grant
        self.request_id = request_id
        self.route = route
        self.upstream = upstream
        self.receipt = receipt_of(request_id)
        self.salt = notary.salts.of(self.receipt)
        self.prompt = b""
        """What the prompt's hash is of, while the request is under way."""
        self.seal: Seal = NOTHING
        """What its body is sealed with."""
        self.said: list[bytes] = []
        """The answer as far as it is kept, in pieces."""
        self.said_bytes = 0
        self.prompt_hash = ""
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.first_token: float | None = None
        self.seed: int | None = None
        self.stream = False
        self.limits: Headers = ()
        self.alive: Callable[[], bool] = _always
        self.accepted = False
        """Whether it is on record that it went to the engine."""
        self.closed = False
        """Whether its end is on its way to the record."""

    def ask(self, body: bytes) -> bytes:
        """The body for the engine, with the box's own members; its salted hash goes on record."""
        self.prompt = body
        self.prompt_hash = hashlib.sha256(self.salt + body).hexdigest()
        upstream = self.upstream
        tail = upstream.tail
        if upstream.salt is not None:
            tail += upstream.salt(self.grant.actor)
        return body[:-1] + tail + b"}" if tail else body

    def answer_hash(self, text: bytes) -> str:
        """The salted hash of a whole answer."""
        return hashlib.sha256(self.salt + text).hexdigest()

    def take_down(self, said: bytes) -> None:
        """Gather a piece of the answer for the body of the record, as it is hashed."""
        seal = self.seal
        if seal.key:
            if self.said_bytes < seal.limit:
                self.said.append(said)
            self.said_bytes += len(said)

    def accept(self) -> asyncio.Future[Leaf]:
        """Record that the request goes to the engine."""
        self.accepted = True
        model = self.upstream.model
        return self.notary.commit(
            events.completion_accept(
                self.grant.actor, self.request_id, route=self.route, model=model
            )
        )

    def answer(
        self, answer_hash: str, status: str, durable: Callable[[], object] | None = None
    ) -> asyncio.Future[Leaf]:
        """Record the answer; it may leave once the future resolves. `durable`: see `commit`."""
        return self.notary.commit(self.entry(answer_hash, status), durable)

    def entry(self, answer_hash: str, status: str) -> Event:
        """What is recorded of the answer; whoever asks for it has it recorded."""
        # Every answer passes here, streamed or whole: the prompt is `self.prompt`.
        self.closed = True
        upstream = self.upstream
        completion = events.Completion(
            receipt=self.receipt,
            route=self.route,
            model=upstream.model,
            model_digest=upstream.digest,
            adapter_digest=upstream.adapter_digest,
            prompt_hash=self.prompt_hash,
            answer_hash=answer_hash,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            seed=self.seed,
            stream=self.stream,
            status=status,
            posture=self.notary.posture(),
            policy=self.notary.policy,
            patient=self.seal.patient,
            body=self.seal.state,
        )
        body = None
        if self.seal.key:
            texts = (self.prompt, b"".join(self.said) if self.said_bytes else None, None)
            sizes = (len(self.prompt), self.said_bytes, 0)
            body = body_of(self.seal, self.receipt, self.salt, texts, sizes)
        return events.completion_answer(self.grant.actor, self.request_id, completion, body)

    def fail(self, code: str) -> None:
        """Record that no answer came; nobody waits for this record, it holds nothing back."""
        self.closed = True
        model = self.upstream.model
        if code in _CROWDED and not self.accepted:
            self.notary.turned_away(self.grant.actor, code, self.route, model)
            return
        self.notary.insist(
            events.completion_fail(
                self.grant.actor, self.request_id, route=self.route, model=model, code=code
            )
        )
