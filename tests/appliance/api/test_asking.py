"""A question to an engine: asked by the name that the engine knows, whatever the caller said."""

import json
from types import SimpleNamespace

import pytest

from appliance.access.gate import LOCAL
from appliance.api.dialects.table import DIALECTS
from appliance.api.hot.asking import put
from appliance.serving.errors import ModelCannot
from appliance.serving.upstream import Upstream

ASKED = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "问"}]},
    "/v1/completions": {"prompt": "问"},
    "/v1/embeddings": {"input": "问"},
    "/v1/messages": {"messages": [{"role": "user", "content": "问"}], "max_tokens": 8},
    "/v1/responses": {"input": "问"},
    "/v1/rerank": {"query": "问", "documents": ["答"]},
}


def services(**upstream):
    known = {"abilities": frozenset({"chat", "completions", "embeddings", "rerank"}), "pool": None}
    one = Upstream("qwen3-32b", "0" * 64, None, **{**known, **upstream})
    allowed = []
    access = SimpleNamespace(allow=lambda _, name: allowed.append(name))
    return SimpleNamespace(
        access=access, serving=SimpleNamespace(ready=lambda _: one), allowed=allowed
    )


@pytest.mark.parametrize("path", sorted(ASKED))
@pytest.mark.parametrize("named", [None, "note-writer", "qwen3-32b", "inner"])
@pytest.mark.parametrize("called", ["", "inner"])
async def test_the_engine_is_asked_by_its_own_name(path, named, called):
    box = services(called=called)
    wish = {**ASKED[path], **({"model": named} if named else {})}
    if path == "/v1/messages" and named is None:
        wish["model"] = named = "note-writer"
    question = await put(box, LOCAL, DIALECTS[path], json.dumps(wish).encode())
    assert json.loads(question.asked.body)["model"] == (called or "qwen3-32b")
    assert box.allowed == [named or "qwen3-32b"]


async def test_what_a_model_cannot_is_refused():
    box = services(abilities=frozenset({"embeddings"}))
    with pytest.raises(ModelCannot):
        await put(
            box,
            LOCAL,
            DIALECTS["/v1/chat/completions"],
            json.dumps(ASKED["/v1/chat/completions"]).encode(),
        )
