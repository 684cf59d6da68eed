"""The note writer: identity stays here, facts win, records come first, a dead engine is told."""

import asyncio
import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import ApplianceError, AuditUnavailable
from appliance.specialists.admission_note import (
    AdmissionNoteWriter,
    Caller,
    Checked,
    Delta,
    Done,
)
from appliance.specialists.author import Written
from appliance.specialists.errors import DraftCut, DraftEmpty
from appliance.specialists.recording import Provenance
from appliance.specialists.restoring import StreamRestorer
from models.errors import FactsContradictory, ModelsError
from models.reference.cataract.sampling import sample_facts
from models.reference.example import example_facts
from models.reference.placeholders import mask
from models.reference.prompting import reference_note
from tests.appliance.access.doubles import RememberingAudit

CALLER = Caller("user:li", "req_1")
ACCOUNT = Written("small", "d" * 64, None, 100, 200)


class EngineDown(ApplianceError):
    code = "engine.down"
    zh = "引擎不可用。"
    en = "The engine is down."


class FakeAuthor:
    """Writes a given text in pieces, and remembers what it was asked."""

    def __init__(self, text="", piece=3, *, account=ACCOUNT, error=None):
        self.text, self.piece, self.account, self.error = text, piece, account, error
        self.asked = []
        self.closed = False

    async def write(self, ask):
        self.asked.append(ask)
        try:
            for at in range(0, len(self.text), self.piece):
                yield self.text[at : at + self.piece]
            if self.error is not None:
                raise self.error
            if self.account is not None:
                yield self.account
        finally:
            self.closed = True


@pytest.fixture
def audit():
    return RememberingAudit()


@pytest.fixture
def facts():
    return example_facts()


def perfect(facts):
    masked, _ = mask(facts)
    return reference_note(masked).text


def writer(author, audit):
    clock = lambda: datetime(2027, 1, 1, tzinfo=UTC)  # noqa: E731
    return AdmissionNoteWriter(author, audit, Provenance(b"s" * 32, lambda: "p" * 64, "1", clock))


async def test_a_perfect_model_needs_no_repair(audit, facts):
    draft = await writer(FakeAuthor(perfect(facts)), audit).draft(facts.to_json(), CALLER)
    assert draft.repairs == ()
    assert facts.patient.name in draft.text
    assert "⟦" not in draft.text
    assert draft.model == "small"
    assert all(sentence.text for section in draft.sections for sentence in section.sentences)
    assert any(sentence.sources for section in draft.sections for sentence in section.sentences)
    assert audit.tags() == ["model:completion:accept", "specialist:admission-note:draft"]
    details = audit.events[1].details
    assert details["receipt"] == draft.receipt
    assert details["model_digest"] == "d" * 64
    assert details["posture"] == "p" * 64


@pytest.mark.parametrize("seed", range(12))
async def test_identity_reaches_neither_model_nor_log(audit, seed):
    facts = sample_facts(random.Random(seed), "odd" if seed % 2 else "ordinary", "unseen")
    author = FakeAuthor(perfect(facts))
    draft = await writer(author, audit).draft(facts.to_json(), CALLER)
    patient = facts.patient
    identity = [patient.name, patient.admission_no, patient.id_number, patient.phone]
    asked = json.dumps([list(ask.messages) for ask in author.asked], ensure_ascii=False)
    logged = repr(audit.events)
    for value in filter(None, identity):
        assert value not in asked
        assert value not in logged
    assert patient.name in draft.text


async def test_a_wrong_model_is_repaired_and_flagged(audit, facts):
    text = perfect(facts).replace("右", "\0").replace("左", "右").replace("\0", "左")
    draft = await writer(FakeAuthor(text + "患者有糖尿病病史二十年。"), audit).draft(
        facts.to_json(), CALLER
    )
    good = await writer(FakeAuthor(perfect(facts)), audit).draft(facts.to_json(), CALLER)
    assert draft.text == good.text
    assert draft.repairs
    assert audit.events[1].details["repairs"] == len(draft.repairs)


async def test_nonsense_is_replaced_and_says_so(audit, facts):
    draft = await writer(FakeAuthor("啊" * 500), audit).draft(facts.to_json(), CALLER)
    assert any("大部分" in flag.sentence for flag in draft.flags)
    assert "啊啊" not in draft.text


async def test_a_stream_tells_deltas_then_the_checked_note(audit, facts):
    events = [
        event
        async for event in writer(FakeAuthor(perfect(facts), 1), audit).stream(
            facts.to_json(), CALLER
        )
    ]
    assert isinstance(events[-1], Done)
    assert isinstance(events[-2], Checked)
    deltas = events[:-2]
    assert all(isinstance(event, Delta) for event in deltas)
    shown = "".join(event.text for event in deltas)
    assert "⟦" not in shown
    assert facts.patient.name in shown
    assert shown == events[-1].draft.text


async def test_contradictions_are_refused_before_the_model(audit, facts):
    value = facts.to_json()
    refused = 0
    for seed in range(40):
        changed = json.loads(json.dumps(value))
        _spoil(changed, random.Random(seed))
        author = FakeAuthor(perfect(facts))
        try:
            await writer(author, audit).draft(changed, CALLER)
        except FactsContradictory as refusal:
            assert author.asked == []
            named = refusal.facts["conflicts"]
            refused += bool(named)
        except ModelsError:
            assert author.asked == []
    assert refused


def _spoil(value, rng):
    """Turn a side around somewhere below the top."""
    text = json.dumps(value, ensure_ascii=False)
    for one, other in (
        ('"right"', '"left"'),
        ('"右"', '"左"'),
        ('"OD"', '"OS"'),
        ('"右眼"', '"左眼"'),
    ):
        places = [at for at in range(len(text)) if text.startswith(one, at)]
        if places:
            at = rng.choice(places)
            text = text[:at] + other + text[at + len(one) :]
            break
    fresh = json.loads(text)
    value.clear()
    value.update(fresh)


@pytest.mark.parametrize("bad", [{}, {"x": 1}, {"patient": 5}, {"patient": {"name": None}}])
async def test_unreadable_facts_are_refused(audit, bad):
    author = FakeAuthor("x")
    with pytest.raises(ModelsError):
        await writer(author, audit).draft(bad, CALLER)
    assert author.asked == []


async def test_a_dead_engine_is_told_and_no_note_is_made_up(audit, facts):
    for author in (FakeAuthor(error=EngineDown()), FakeAuthor(perfect(facts), error=EngineDown())):
        audit.events.clear()
        with pytest.raises(EngineDown):
            await writer(author, audit).draft(facts.to_json(), CALLER)
        assert audit.tags() == ["model:completion:accept", "model:completion:fail"]
        assert author.closed


async def test_broken_off_and_empty_answers(audit, facts):
    with pytest.raises(DraftCut):
        await writer(FakeAuthor(perfect(facts), account=None), audit).draft(facts.to_json(), CALLER)
    with pytest.raises(DraftEmpty):
        await writer(FakeAuthor(" \n "), audit).draft(facts.to_json(), CALLER)


async def test_an_endless_answer_is_cut(audit, facts):
    author = FakeAuthor("眼" * 100_000, 500)
    with pytest.raises(DraftCut):
        await writer(author, audit).draft(facts.to_json(), CALLER)
    assert author.closed


async def test_nothing_is_asked_or_told_without_a_record(audit, facts):
    author = FakeAuthor(perfect(facts))
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        await writer(author, audit).draft(facts.to_json(), CALLER)
    assert author.asked == []
    audit.broken = False
    told = []

    async def listen():
        async for event in writer(FakeAuthor(perfect(facts)), audit).stream(
            facts.to_json(), CALLER
        ):
            told.append(event)
            audit.broken = True

    with pytest.raises(AuditUnavailable):
        await listen()
    assert not any(isinstance(event, Done | Checked) for event in told)


async def test_a_client_that_leaves_stops_the_model_and_is_on_record(audit, facts):
    author = FakeAuthor(perfect(facts), 1)
    stream = writer(author, audit).stream(facts.to_json(), CALLER)
    await anext(stream)
    await stream.aclose()
    assert author.closed
    assert audit.tags() == ["model:completion:accept", "model:completion:fail"]
    assert audit.events[1].details["code"] == "client-gone"
    audit.events.clear()
    stream = writer(author, audit).stream(facts.to_json(), CALLER)
    await anext(stream)
    audit.broken = True
    await stream.aclose()


async def test_a_draft_that_is_cancelled_while_the_model_writes_is_on_record(audit, facts):
    asked = asyncio.Event()

    class SilentAuthor(FakeAuthor):
        async def write(self, _):
            asked.set()
            yield "主"
            await asyncio.Event().wait()

    author = SilentAuthor()
    drafting = asyncio.create_task(writer(author, audit).draft(facts.to_json(), CALLER))
    await asked.wait()
    drafting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drafting
    assert audit.tags() == ["model:completion:accept", "model:completion:fail"]


async def test_a_draft_is_metered_once_it_is_on_record_and_a_failed_one_is_not(audit, facts):
    metered = []
    caller = Caller("user:li", "req_1", lambda *used: metered.append((*used, audit.tags()[-1])))
    await writer(FakeAuthor(perfect(facts)), audit).draft(facts.to_json(), caller)
    assert metered == [("small", 100, 200, "specialist:admission-note:draft")]
    with pytest.raises(EngineDown):
        await writer(FakeAuthor(error=EngineDown()), audit).draft(facts.to_json(), caller)
    assert len(metered) == 1


@settings(max_examples=200, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_no_placeholder_is_ever_shown_whole_or_half(data):
    facts = example_facts()
    masked, restoration = mask(facts)
    tokens = [*restoration.originals, "⟦不存在⟧", "⟦", "⟧", "正常文字", "⟦⟦姓名⟧", "⟦" + "长" * 40]
    text = "".join(data.draw(st.lists(st.sampled_from(tokens), max_size=12)))
    restorer = StreamRestorer(restoration)
    shown, at = "", 0
    while at < len(text):
        step = data.draw(st.integers(1, 9))
        shown += restorer.feed(text[at : at + step])
        at += step
    shown += restorer.finish()
    assert "⟦" not in shown
    assert "⟧" not in shown
    assert masked is not None


def test_the_schema_is_an_object(audit):
    assert AdmissionNoteWriter.schema()["type"] == "object"
