"""Drafts pass the allow-list of their key, as every other question to a model does."""

import json
from pathlib import Path

import aiohttp
import pytest

from appliance.services.author import EngineAuthor
from appliance.specialists.admission_note import AdmissionNoteWriter
from appliance.specialists.recording import Provenance
from tests.appliance.api.box import now
from tests.appliance.api.stand_ins import MODEL

FACTS = json.loads(Path("docs/examples/cataract.json").read_text())
PATH = "/api/v1/specialists/admission-note"


@pytest.fixture
def writing(shared_box):
    """The box with a specialist, which the tests of routes go without."""
    services = shared_box.services
    provenance = Provenance(b"s" * 32, lambda: "p" * 64, "1", now)
    author = EngineAuthor(services.serving)
    object.__setattr__(
        services, "specialist", AdmissionNoteWriter(author, shared_box.log, provenance)
    )
    yield shared_box
    object.__setattr__(services, "specialist", None)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_drafts_with_its_models_alone(writing, stream):
    box, told = writing, {}
    async with aiohttp.ClientSession() as http:
        for model in (MODEL, "another"):
            bearer = box.make_key("specialists", models=frozenset({model}))
            wish = {"facts": FACTS, "stream": stream}
            async with http.post(box.url + PATH, json=wish, headers=bearer) as answer:
                told[model] = (answer.status, (await answer.json(content_type=None))["code"])
    # The stub writes nothing; who may ask it gets as far as that.
    assert told == {MODEL: (503, "model.loading"), "another": (403, "access.model-forbidden")}
    assert box.entries("model:completion:fail")[0].details["code"] == "access.model-forbidden"
