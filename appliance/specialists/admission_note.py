"""The admission-note specialist: facts in, a checked note out, identity never shown to the model."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.identifiers import receipt_id
from appliance.errors import ApplianceError, AuditUnavailable
from appliance.specialists.author import Ask, Author, Message, Written, anything
from appliance.specialists.draft import Draft, Flag, Repair, flags_of, repairs_of, sections_of
from appliance.specialists.errors import DraftCut, DraftEmpty
from appliance.specialists.recording import ROUTE, Material, Provenance, drafted
from appliance.specialists.restoring import StreamRestorer
from models.errors import ModelsError
from models.reference.checking import check_note
from models.reference.conflicts import Conflict, refuse_contradictions
from models.reference.facts import AdmissionFacts, schema
from models.reference.placeholders import Restoration, mask
from models.reference.prompting import messages

_MAX_CHARS: Final = 32_000
_GONE: Final = "client-gone"


class Audit(Protocol):
    """The part of the audit log that a specialist needs."""

    async def record(self, event: Event) -> Any:
        """Make an event durable."""
        ...


def _unmetered(_model: str, _prompt: int, _completion: int) -> None:
    """Counts nothing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for the record.

    Attributes:
        actor: Who.
        request_id: The request.
        meter: Counts what a draft used (model, tokens read, tokens written) once it is on record.
        patient: The patient as the caller calls them; by default the facts tell.
        allow: Refuses a model that they may not use.
    """

    actor: str
    request_id: str
    meter: Callable[[str, int, int], object] = _unmetered
    patient: str | None = None
    allow: Callable[[str], object] = anything


@dataclass(frozen=True, slots=True)
class Delta:
    """Unchecked text as it is written, identity put back; it may still change."""

    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The check is through: what was put right and what to look at."""

    repairs: tuple[Repair, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The draft that counts; its record is durable."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class _Order:
    facts: AdmissionFacts
    conflicts: tuple[Conflict, ...]
    prompt: Sequence[Message]
    restoration: Restoration
    tongue: str
    began: float


class AdmissionNoteWriter:
    """Drafts admission notes.

    Facts are read strictly, contradictions refused with both fields named, identity swapped for
    placeholders, the model asked, identity put back, every sentence held against the facts, and
    the draft recorded before it leaves. When the engine is down the refusal says so: a note that
    no model wrote is never passed off as one, although the check could assemble it.

    Args:
        author: The model.
        audit: The audit log.
        provenance: What receipts name.
    """

    def __init__(self, author: Author, audit: Audit, provenance: Provenance) -> None:
        self._author = author
        self._audit = audit
        self._provenance = provenance

    @staticmethod
    def schema() -> dict[str, Any]:
        """Return the JSON Schema of the facts."""
        return schema()

    async def draft(
        self,
        facts: Mapping[str, Any],
        caller: Caller,
        *,
        tongue: str = "zh",
        model: str | None = None,
    ) -> Draft:
        """Draft a note and return it checked and recorded.

        Raises:
            FactsUnreadable: The facts do not follow the schema.
            FactsContradictory: Two facts disagree; both are named.
            DraftEmpty: The model wrote nothing.
            DraftCut: The engine broke off.
        """
        async with aclosing(self.stream(facts, caller, tongue=tongue, model=model)) as told:
            async for event in told:
                if isinstance(event, Done):
                    return event.draft
        raise DraftCut

    async def stream(
        self,
        facts: Mapping[str, Any],
        caller: Caller,
        *,
        tongue: str = "zh",
        model: str | None = None,
    ) -> AsyncGenerator[Delta | Checked | Done, None]:
        """Draft a note and tell it as it is written; refuses like `draft`."""
        order = self._order(facts, tongue)
        receipt = receipt_id(self._provenance.clock)
        name = model or "default"
        patient = caller.patient or _patient_of(order.facts)
        seal = await asyncio.to_thread(self._provenance.seal, receipt, patient)
        await self._audit.record(
            events.completion_accept(caller.actor, caller.request_id, route=ROUTE, model=name)
        )
        try:
            # Between here and the record of the draft its reader may leave at any `yield`.
            restorer = StreamRestorer(order.restoration)
            pieces: list[str] = []
            written: Written | None = None
            async with aclosing(
                self._author.write(Ask(order.prompt, model, asker=caller.actor, allow=caller.allow))
            ) as writing:
                async for piece in writing:
                    if isinstance(piece, Written):
                        written = piece
                        break
                    pieces.append(piece)
                    if shown := restorer.feed(piece):
                        yield Delta(shown)
                    if sum(map(len, pieces)) > _MAX_CHARS:
                        raise DraftCut
            if shown := restorer.finish():
                yield Delta(shown)
            draft, material = self._finish(order, "".join(pieces), written, receipt)
            who = caller.actor, caller.request_id
            event, completion = drafted(who, draft, material, seal, self._provenance)
            await self._audit.record(event)
        except (ApplianceError, ModelsError) as error:
            await self._fail(caller, name, error.code)
            raise
        except (GeneratorExit, asyncio.CancelledError):
            # Whoever ends this may not wait; the record is made all the same.
            with suppress(ApplianceError):
                await asyncio.shield(self._fail(caller, name, _GONE))
            raise
        caller.meter(draft.model, completion.prompt_tokens, completion.completion_tokens)
        yield Checked(draft.repairs, draft.flags)
        yield Done(draft)

    async def _fail(self, caller: Caller, model: str, code: str) -> None:
        event = events.completion_fail(
            caller.actor, caller.request_id, route=ROUTE, model=model, code=code
        )
        try:
            await self._audit.record(event)
        except AuditUnavailable:
            # A log that lost its writer refuses what was on its way, and begins again.
            await self._audit.record(event)

    @staticmethod
    def _order(facts: Mapping[str, Any], tongue: str) -> _Order:
        began = time.monotonic()
        read = AdmissionFacts.from_json(facts)
        conflicts = refuse_contradictions(read)
        masked, restoration = mask(read, tongue)
        return _Order(read, conflicts, messages(masked), restoration, tongue, began)

    @staticmethod
    def _finish(
        order: _Order, raw: str, written: Written | None, receipt: str
    ) -> tuple[Draft, Material]:
        if written is None:
            raise DraftCut
        if not raw.strip():
            raise DraftEmpty
        checked = check_note(raw, order.facts, order.tongue)
        draft = Draft(
            sections=sections_of(checked),
            text=checked.text,
            repairs=repairs_of(checked),
            flags=flags_of(checked, order.conflicts),
            receipt=receipt,
            model=written.model,
            seconds=round(time.monotonic() - order.began, 3),
        )
        return draft, Material(order.prompt, order.facts.to_json(), written)


def _patient_of(facts: AdmissionFacts) -> str | None:
    """By which number the facts name their patient: the national one, else that of the admission."""
    patient = facts.patient
    return None if patient is None else patient.id_number or patient.admission_no
