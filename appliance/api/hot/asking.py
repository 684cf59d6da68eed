"""Who asks what of which model: from the bytes of a body to a question that an engine can be asked."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from appliance.access.gate import Gate
from appliance.access.grants import Grant
from appliance.api.dialects.chat import ChatTranslation
from appliance.api.dialects.dialect import Dialect, Target, Translation
from appliance.api.dialects.plain import PlainChat
from appliance.api.dialects.plainly import ask_plainly
from appliance.api.dialects.responses import RESPONSES, ResponsesTranslation, begin_responses
from appliance.api.dialects.wish import read
from appliance.api.hot.caller import Caller
from appliance.api.hot.remembering import Json, Responses, history_of, keep
from appliance.bodies.shape import Seal
from appliance.serving.errors import ModelCannot
from appliance.serving.turn import Notary
from appliance.serving.upstream import Upstream

SCOPE: Final = "chat"


class Models(Protocol):
    """The part of the serving room that the hot path needs."""

    def ready(self, model: str | None) -> Upstream | None:
        """A model that can be asked right now; None asks for the default one."""
        ...

    async def upstream(self, model: str | None) -> Upstream:
        """The same, after starting its engine if need be; raises why not."""
        ...


class Certificates(Protocol):
    """The part of signing in that the hot path needs."""

    def grant_of_certificate(self, peer: bytes) -> Grant | None:
        """What a verified client certificate may do, by its SHA-256; None when nothing."""
        ...


class Seals(Protocol):
    """The part of the keys of bodies that the hot path needs."""

    def ready(self, receipt: str, patient: str | None) -> Seal | None:
        """What is decided already; None when `seal` has to look."""
        ...

    def seal(self, receipt: str, patient: str | None) -> Seal:
        """What the body of a receipt is sealed with; may wait for the disk."""
        ...


class HotServices(Protocol):
    """What the hot path works with while the vault is open."""

    @property
    def access(self) -> Gate:
        """Who calls and what they may do."""
        ...

    @property
    def signin(self) -> Certificates:
        """Whose certificates are known."""
        ...

    @property
    def serving(self) -> Models:
        """The models."""
        ...

    @property
    def notary(self) -> Notary:
        """The record."""
        ...

    @property
    def seals(self) -> Seals:
        """What bodies of the record are sealed with."""
        ...

    @property
    def responses(self) -> Responses:
        """Responses that were kept."""
        ...


def who(services: HotServices, caller: Caller, limit: int) -> Grant:
    """Who calls, by key, session, certificate or the local socket.

    Raises:
        AccessRefused, and what is wrong with the head.
    """
    if caller.known is not None:
        return caller.known
    access, authorization = services.access, caller.authorization(limit)
    if authorization is None and caller.local:
        return access.local_grant()
    if authorization is None and caller.peer is not None:
        grant = services.signin.grant_of_certificate(caller.peer)
        if grant is not None:
            return grant
    return access.authenticate(authorization)


def alive_of(services: HotServices, caller: Caller, grant: Grant) -> Callable[[], bool]:
    """Whether what allowed a request allows it still, for asking while it is under way."""
    access, peer = services.access, caller.peer
    if peer is None or services.signin.grant_of_certificate(peer) is not grant:
        return partial(access.alive, grant)

    def alive() -> bool:
        return access.alive(grant) and services.signin.grant_of_certificate(peer) is not None

    return alive


class Question:
    """One question: judged, put into its engine's form, and with the model that answers it.

    Args:
        services: the open box.
        grant: who asks.
        dialect: the route.
        upstream: the model that answers.
        translation: the request in its dialect.
    """

    __slots__ = (
        "_grant",
        "_services",
        "asked",
        "keeps",
        "patient",
        "speech",
        "translation",
        "upstream",
    )

    def __init__(
        self,
        services: HotServices,
        grant: Grant,
        dialect: Dialect,
        upstream: Upstream,
        translation: Translation,
    ) -> None:
        self._services = services
        self._grant = grant
        self.upstream = upstream
        self.translation = translation
        self.asked = translation.asked
        self.speech = dialect.speech
        self.patient: str | None = None
        """Whom it is about, as the hospital calls them."""
        self.keeps = isinstance(translation, ResponsesTranslation) and bool(translation.wish.store)
        """Whether the response asked to be kept."""

    async def keep(self, whole: bytes) -> None:
        """Keep the response before its answer leaves; only for one that `keeps`."""
        if isinstance(self.translation, ResponsesTranslation):
            responses = self._services.responses
            await asyncio.to_thread(
                keep, responses, self._grant, self.translation, whole, self.patient
            )


def seal_now(
    services: HotServices, caller: Caller, question: Question, receipt: str
) -> Seal | None:
    """What the body of a request is sealed with; None when `seal_for` has to look.

    The patient is the one of the header, else the one that the body's metadata names.

    Raises:
        PatientInvalid: the header is no text, or stands there twice.
    """
    named = caller.patient()
    if named is not None:
        question.patient = named
    return services.seals.ready(receipt, question.patient)


async def seal_for(services: HotServices, caller: Caller, question: Question, receipt: str) -> Seal:
    """The same, after looking it up if need be. Raises PatientInvalid."""
    seal = seal_now(services, caller, question, receipt)
    if seal is None:
        seal = await asyncio.to_thread(services.seals.seal, receipt, question.patient)
    return seal


def judge(dialect: Dialect, body: bytes) -> Any:
    """Decode a body by the type of its dialect. Raises BodyMalformed, FieldRefused."""
    if dialect.plain is not None:
        try:
            return dialect.plain.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # What is not plain is judged once more, by the type that can say what is wrong.
            return read(dialect.decoder, body)
    return read(dialect.decoder, body)


async def put(services: HotServices, grant: Grant, dialect: Dialect, body: bytes) -> Question:
    """Judge a body and put it to a model.

    Raises:
        ApplianceError: it is malformed, out of bounds, forbidden, or no model can answer it.
    """
    wish = _wish(services, grant, dialect, body)
    models, name = services.serving, wish.model
    upstream = models.ready(name) or await models.upstream(name)
    if dialect is not RESPONSES or wish.previous_response_id is None:
        return _question(services, grant, dialect, wish, upstream)
    before = wish.previous_response_id
    history = await asyncio.to_thread(history_of, services.responses, grant, before)
    return _question(services, grant, dialect, wish, upstream, history)


def put_now(services: HotServices, grant: Grant, dialect: Dialect, body: bytes) -> Question | None:
    """The same, where nothing has to be waited for; else None, and nothing was done."""
    wish = _wish(services, grant, dialect, body)
    if dialect is RESPONSES and wish.previous_response_id is not None:
        return None
    upstream = services.serving.ready(wish.model)
    return None if upstream is None else _question(services, grant, dialect, wish, upstream)


def _wish(services: HotServices, grant: Grant, dialect: Dialect, body: bytes) -> Any:
    wish = judge(dialect, body)
    if wish.model is not None:
        services.access.allow(grant, wish.model)
    return wish


def _question(
    services: HotServices,
    grant: Grant,
    dialect: Dialect,
    wish: Any,
    upstream: Upstream,
    history: Sequence[Json] | None = None,
) -> Question:
    name, asked_for = wish.model, upstream.called or upstream.model
    if name is None:
        services.access.allow(grant, upstream.model)
    if name != asked_for:
        # A served name, or none: the engine is asked by the name that it knows.
        wish = msgspec.structs.replace(wish, model=asked_for)
    if isinstance(wish, PlainChat):
        # As the dialect does that tells them from others, written out: nearly all are like that.
        translation: Translation = ChatTranslation(ask_plainly(wish, asked_for))
    else:
        target = Target(upstream.model, upstream.engine, upstream.context, upstream.called)
        if history is None:
            translation = dialect.begin(wish, target)
        else:
            translation = begin_responses(wish, target, history)
    _require(upstream, dialect.ability)
    for ability in translation.asked.needs:
        _require(upstream, ability)
    question = Question(services, grant, dialect, upstream, translation)
    metadata = getattr(wish, "metadata", None)
    if isinstance(metadata, dict):
        # Lines of a batch have no headers.
        question.patient = metadata.get("patient")
    return question


def _require(upstream: Upstream, ability: str) -> None:
    if ability not in upstream.abilities:
        raise ModelCannot(model=upstream.model, ability=ability)
