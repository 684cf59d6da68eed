"""Calls of tools through a whole box: they reach the official clients, and stand on record as they came."""

import json
from dataclasses import replace

import anthropic
import openai
import pytest

from appliance.api.dialects.dialect import ENCODE
from appliance.api.hot.reply import read_reply
from tests.appliance.api.stand_ins import MODEL
from tests.fakes.stub_engine import _STREAM, StubProtocol, _chunk, _json

ASK = [{"role": "user", "content": "右眼如何?"}]
SCHEMA = {"type": "object", "properties": {"eye": {"type": "string"}}}
FUNCTION = {"name": "look", "parameters": SCHEMA}
CALLS = [
    {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"eye":"右"}'}},
    {"id": "call_b", "type": "function", "function": {"name": "look", "arguments": '{"eye":"左"}'}},
]
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


def answered(words: str | None) -> bytes:
    message = {"role": "assistant", "content": words, "tool_calls": CALLS}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return _json(200, {"object": "chat.completion", "id": "c", "created": 1, "model": MODEL,
                       "choices": [choice], "usage": USAGE})  # fmt: skip


def event(delta: dict, finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    told = {"object": "chat.completion.chunk", "id": "c", "created": 1, "model": MODEL,
            "choices": [choice], **more}  # fmt: skip
    return _chunk(b"data: " + json.dumps(told).encode() + b"\n\n")


def streamed(words: str | None) -> bytes:
    events = [event({"role": "assistant", "content": None, "tool_calls": None})]
    if words:
        # vLLM tells with every piece that there are no calls in it.
        events.append(event({"content": words, "tool_calls": []}))
    for index, call in enumerate(CALLS):
        said = call["function"]["arguments"]
        head = {**call, "index": index, "function": {"name": "look", "arguments": ""}}
        events.append(event({"tool_calls": [head]}))
        for piece in (said[:4], said[4:]):
            part = {"index": index, "function": {"arguments": piece}}
            events.append(event({"tool_calls": [part]}))
    events.append(event({}, "tool_calls", usage=USAGE))
    return _STREAM + b"".join(events) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


@pytest.fixture(params=[None, "我看一下。"], ids=["silent", "spoken"])
def words(request, monkeypatch, box):
    """What the engine says beside its two calls."""
    said = request.param

    def generate(protocol: StubProtocol, _: bytes) -> None:
        wants = json.loads(protocol._body).get("stream")
        protocol._end(streamed(said) if wants else answered(said))

    monkeypatch.setattr(StubProtocol, "_generate", generate)
    one = box.serving.one
    box.serving.one = replace(one, abilities=one.abilities | {"tools"})
    return said


@pytest.fixture
async def client(box):
    async with openai.AsyncOpenAI(base_url=f"{box.url}/v1", api_key=box.key, max_retries=0) as one:
        yield one


def called(calls) -> list[tuple[str, str]]:
    return [(one.id, one.function.arguments) for one in calls]


EXPECTED = [(one["id"], one["function"]["arguments"]) for one in CALLS]


async def test_a_chat_calls_tools(box, words, client):
    tools = [{"type": "function", "function": FUNCTION}]
    whole = await client.chat.completions.create(model=MODEL, messages=ASK, tools=tools)
    assert called(whole.choices[0].message.tool_calls) == EXPECTED
    assert whole.choices[0].message.content == words
    async with client.chat.completions.stream(model=MODEL, messages=ASK, tools=tools) as stream:
        final = (await stream.get_final_completion()).choices[0]
    assert called(final.message.tool_calls) == EXPECTED
    assert (final.message.content, final.finish_reason) == (words, "tool_calls")
    records = box.entries("model:completion:answer")
    assert [one.details["status"] for one in records] == ["complete", "complete"]
    assert {one.details["completion_tokens"] for one in records} == {5}


async def test_a_response_calls_tools(words, client):
    tools = [{"type": "function", **FUNCTION}]
    whole = await client.responses.create(model=MODEL, input="x", tools=tools)
    told = [(one.call_id, one.arguments) for one in whole.output if one.type == "function_call"]
    assert told == EXPECTED
    stream = await client.responses.create(model=MODEL, input="x", tools=tools, stream=True)
    output = [one async for one in stream][-1].response.output
    assert [(o.call_id, o.arguments) for o in output if o.type == "function_call"] == EXPECTED
    assert (output[0].type == "message") == bool(words)


async def test_a_message_calls_tools(box, words):
    tools = [{"name": "look", "input_schema": SCHEMA}]
    wish = {"model": MODEL, "max_tokens": 99, "messages": ASK, "tools": tools}
    async with anthropic.AsyncAnthropic(base_url=box.url, api_key=box.key, max_retries=0) as one:
        whole = await one.messages.create(**wish)
        async with one.messages.stream(**wish) as stream:
            final = await stream.get_final_message()
    for answer in (whole, final):
        assert answer.stop_reason == "tool_use"
        uses = [(use.id, use.input) for use in answer.content if use.type == "tool_use"]
        assert uses == [(ident, json.loads(said)) for ident, said in EXPECTED]
        assert (answer.content[0].type == "text") == bool(words)


async def test_the_calls_are_in_what_is_hashed_for_the_record(box, words, client, monkeypatch):
    taken: list[bytes] = []
    turn = "appliance.serving.turn.Turn.take_down"
    monkeypatch.setattr(turn, lambda _, piece: taken.append(piece))
    tools = [{"type": "function", "function": FUNCTION}]
    await client.chat.completions.create(model=MODEL, messages=ASK, tools=tools)
    stream = await client.chat.completions.create(
        model=MODEL, messages=ASK, tools=tools, stream=True
    )
    assert [one async for one in stream]
    whole, streamed_pieces = taken[0], b"".join(taken[1:])
    for said in (whole, streamed_pieces):
        assert b"call_a" in said
        assert b"call_b" in said


def test_an_answer_without_calls_has_none():
    for told in (None, []):
        raw = ENCODE({"choices": [{"delta": {"content": "x", "tool_calls": told}}]})
        assert read_reply(raw).choices[0].delta.calls == b""
    assert read_reply(b'{"choices":[{"delta":{}}]}').choices[0].delta.calls == b""
