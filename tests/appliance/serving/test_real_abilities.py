"""What the box says a model can do, asked of the real llama-server behind a live box."""

from dataclasses import replace

import pytest

from models.planning.reservations import HOST, Reservations
from tests.appliance.api.box import live_box
from tests.appliance.serving.folder_catalogue import Catalogue
from tests.models.engines.tiny_model import write_tiny_model

SAYS = [{"role": "user", "content": "abc"}]


@pytest.fixture
async def box(rooms, tmp_path, real_maker):
    folder = tmp_path / "live"
    folder.mkdir()
    rooms.shelf.folder = tmp_path
    rooms.office.reserved = Reservations({HOST: 1 << 33, "cores": 4})
    write_tiny_model(tmp_path / "a.gguf")
    residency = rooms.serving.residency
    residency._maker = residency._room._maker = real_maker
    async with live_box(folder) as live:
        front = live.front
        front.services = replace(
            front.services, serving=rooms.serving, catalogue=Catalogue(rooms.shelf)
        )
        await residency.ready("a", None)
        yield live


async def told(box, path, expect=200, **body):
    asked = {"model": "a", **body}
    async with box.http.post(box.url + path, json=asked, headers=box.bearer) as answer:
        document = await answer.json()
        assert answer.status == expect, document
        return document


@pytest.mark.slow
async def test_what_is_promised_is_done_and_the_rest_is_refused(box, rooms):
    upstream = rooms.serving.ready("a")
    assert (upstream.engine, upstream.context, upstream.asked_for) == ("llama.cpp", 256, "a")
    assert {"chat", "json_schema", "tokenize", "detokenize"} <= upstream.abilities
    assert not upstream.abilities & {"embeddings", "rerank", "vision", "moderation", "dimensions"}
    text = "abc 病人 é"
    cut = await told(box, "/v1/tokenize", prompt=text, add_special_tokens=False)
    assert cut["count"] == len(cut["tokens"]) > 0
    assert cut["max_model_len"] == 256
    whole = await told(box, "/v1/detokenize", tokens=cut["tokens"])
    assert whole["prompt"].strip() == text
    short = await told(box, "/v1/messages/count_tokens", messages=SAYS)
    longer = await told(box, "/v1/messages/count_tokens", messages=[*SAYS, *SAYS])
    assert 0 < short["input_tokens"] < longer["input_tokens"]
    said = await told(box, "/v1/chat/completions", messages=SAYS, max_tokens=4, temperature=0)
    assert said["usage"]["prompt_tokens"] == short["input_tokens"]
    for path, body in (
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/rerank", {"query": "x", "documents": ["y"]}),
        ("/v1/moderations", {"input": "x"}),
    ):
        refused = await told(box, path, 400, **body)
        assert refused["error"]["code"] == "model.cannot"
