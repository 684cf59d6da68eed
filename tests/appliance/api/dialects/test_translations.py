"""The translators on their own: hostile wishes, strange engines, and the forms no client tries."""

import json

import msgspec
import pytest

from appliance.api.dialects.dialect import Mark, Target
from appliance.api.dialects.responses import begin_responses
from appliance.api.dialects.responses_wish import ResponsesWish
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.told import error_body
from appliance.api.dialects.wish import read
from appliance.api.errors import BodyMalformed, FieldRefused
from appliance.api.problems import problem_of
from appliance.serving.errors import EngineBusy, EngineFaulty, EngineRefused
from tests.appliance.api.dialects.gateway import (
    MARK,
    TARGET,
    begun,
    calling,
    chunk,
    refused,
    spoken,
    whole,
)

VLLM = Target("m", "vllm", 8192)
USER = [{"role": "user", "content": "?"}]


def streamed(translation, events):
    stream = translation.stream(MARK)
    passed = [stream.feed(json.dumps(event).encode()) for event in events]
    return b"".join(passed), stream.end()


def deep(levels):
    schema = {}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        deep(40),
        {"enum": list(range(5000))},
        {"type": "array", "maxItems": 10**9},
        {"type": "string", "minLength": -1},
        {"type": "string", "pattern": "(a+)+$"},
        {"type": "string", "pattern": "x" * 300},
        {"$ref": "http://evil/schema.json"},
        {"$ref": "file:///etc/passwd"},
    ],
)
def test_a_hostile_schema_reaches_no_engine(schema):
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    form = {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}
    assert "parameters" in refused("/v1/chat/completions", messages=USER, tools=[tool])
    assert "schema" in refused("/v1/chat/completions", messages=USER, response_format=form)
    flat = {"type": "function", "name": "f", "parameters": schema}
    assert "parameters" in refused("/v1/responses", input="?", tools=[flat])
    text = {"format": {"type": "json_schema", "name": "f", "schema": schema}}
    assert "schema" in refused("/v1/responses", input="?", text=text)
    mine = {"name": "f", "input_schema": schema}
    message = {"model": "m", "max_tokens": 1, "messages": USER}
    assert "input_schema" in refused("/v1/messages", **message, tools=[mine])


@pytest.mark.parametrize("path", sorted(DIALECTS))
def test_every_route_refuses_what_is_no_object(path):
    for body in (b"", b"[]", b"null", b'{"a', b"\xff", b"[" * 100_000, b'{"x":' * 100_000):
        with pytest.raises((FieldRefused, BodyMalformed)):
            read(DIALECTS[path].decoder, body)


@pytest.mark.parametrize("path", sorted(DIALECTS))
def test_every_route_refuses_an_unknown_field_by_name(path):
    with pytest.raises(FieldRefused) as caught:
        read(DIALECTS[path].decoder, b'{"api_base":"http://evil"}')
    assert caught.value.facts["field"] == "api_base"


@pytest.mark.parametrize(
    "url",
    ["http://0.0.0.0/x", "https://a/b.png", "data:text/html;base64,AAAA", "file:///etc/passwd"],
)
def test_pictures_come_with_the_request_or_not_at_all(url):
    part = {"type": "image_url", "image_url": {"url": url}}
    assert refused("/v1/chat/completions", messages=[{"role": "user", "content": [part]}])
    part = {"type": "input_image", "image_url": url}
    assert refused("/v1/responses", input=[{"role": "user", "content": [part]}])
    source = {"type": "url", "url": url}
    block = {"type": "image", "source": source}
    message = [{"role": "user", "content": [block]}]
    assert refused("/v1/messages", model="m", max_tokens=1, messages=message)


def test_a_picture_and_tools_are_abilities_that_the_model_needs():
    url = "data:image/png;base64,AAAA"
    part = {"type": "image_url", "image_url": {"url": url}}
    tool = {"type": "function", "function": {"name": "f"}}
    chat = begun(
        "/v1/chat/completions", messages=[{"role": "user", "content": [part]}], tools=[tool]
    )
    assert set(chat.asked.needs) == {"vision", "tools"}
    item = {"role": "user", "content": [{"type": "input_image", "image_url": url}]}
    assert begun("/v1/responses", input=[item]).asked.needs == ("vision",)
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    turn = {"role": "user", "content": [{"type": "image", "source": source}]}
    message = begun("/v1/messages", model="m", max_tokens=1, messages=[turn])
    assert message.asked.needs == ("vision",)
    assert url in message.asked.body.decode()


def test_less_thinking_is_told_to_the_template():
    chat = begun("/v1/chat/completions", messages=USER, reasoning_effort="none")
    assert json.loads(chat.asked.body)["chat_template_kwargs"] == {"enable_thinking": False}
    thinking = {"type": "enabled", "budget_tokens": 2048}
    message = begun("/v1/messages", model="m", max_tokens=1, messages=USER, thinking=thinking)
    assert json.loads(message.asked.body)["chat_template_kwargs"] == {"enable_thinking": True}


def test_a_kept_conversation_goes_on_without_its_old_instructions():
    first = begin_responses(ResponsesWish(input="a", instructions="old", store=True), TARGET)
    first.answer(json.dumps(whole({"content": "b"})).encode(), MARK)
    history = msgspec.json.decode(first.kept())
    again = begin_responses(ResponsesWish(input="c", instructions="new"), TARGET, history)
    assert json.loads(again.asked.body)["messages"] == [
        {"role": "system", "content": "new"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


def test_a_streamed_answer_is_kept_too():
    wish = ResponsesWish(input="a", stream=True, store=True)
    translation = begin_responses(wish, TARGET)
    streamed(translation, calling(("c1", "look", ("{}",))))
    last = msgspec.json.decode(translation.kept())[-1]
    assert last["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1/chat/completions", {"messages": USER, "stream": True}),
        ("/v1/responses", {"input": "?", "stream": True}),
        ("/v1/messages", {"model": "m", "max_tokens": 1, "messages": USER, "stream": True}),
    ],
)
def test_nothing_that_ends_an_answer_leaves_before_the_end(path, members):
    passed, ending = streamed(begun(path, **members), spoken("右", "眼"))
    for word in (b"[DONE]", b"message_stop", b"response.completed", b'"finish_reason": "stop"'):
        assert word not in passed
    assert b"rcp_1" in ending


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
@pytest.mark.parametrize(
    "event",
    [
        b"garbage",
        b"\xff\xfe",
        b"[]",
        b'{"choices": 3}',
        b'{"error": {"message": "CUDA \\u001b[31m out of memory"}}',
        json.dumps(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]})).encode(),
    ],
)
def test_garbage_of_an_engine_is_a_fault(path, event):
    more = (
        {"input": "?"}
        if path == "/v1/responses"
        else {"model": "m", "max_tokens": 1, "messages": USER}
    )
    stream = begun(path, stream=True, **more).stream(MARK)
    with pytest.raises(EngineFaulty) as caught:
        stream.feed(event)
    assert "\x1b" not in caught.value.sentence


def test_half_a_call_is_none_when_the_answer_was_cut_and_a_fault_otherwise():
    call = {"id": "c", "function": {"name": "f", "arguments": '{"eye":"le'}}
    message = begun("/v1/messages", model="m", max_tokens=1, messages=USER)
    cut = json.loads(
        message.answer(json.dumps(whole({"tool_calls": [call]}, "length")).encode(), MARK)
    )
    assert (cut["content"], cut["stop_reason"]) == ([], "max_tokens")
    with pytest.raises(EngineFaulty):
        message.answer(json.dumps(whole({"tool_calls": [call]}, "tool_calls")).encode(), MARK)


def test_a_stop_sequence_is_named_where_the_engine_names_it():
    wish = {"model": "m", "max_tokens": 1, "messages": USER, "stop_sequences": ["。"]}
    told = whole({"content": "a"})
    told["choices"][0]["stop_reason"] = "。"
    answer = json.loads(begun("/v1/messages", **wish).answer(json.dumps(told).encode(), MARK))
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "。")


def test_tokens_of_both_engines():
    wish = {"prompt": "右眼", "return_token_strs": True}
    llama = begun("/v1/tokenize", **wish)
    assert json.loads(llama.asked.body)["content"] == "右眼"
    raw = '{"tokens":[{"id":4424,"piece":"右眼"},{"id":7,"piece":[229,143]}]}'.encode()
    told = json.loads(llama.answer(raw, MARK))
    assert told["tokens"] == [4424, 7]
    assert told["token_strs"] == ["右眼", "�"]
    assert told["max_model_len"] == 4096
    vllm = begun("/v1/tokenize", VLLM, **wish)
    assert json.loads(vllm.asked.body)["model"] == "m"
    raw = '{"count":1,"tokens":[4424],"token_strs":["右眼"]}'.encode()
    assert json.loads(vllm.answer(raw, MARK))["token_strs"] == ["右眼"]


def test_text_of_both_engines():
    for raw in (b'{"content":"a"}', b'{"prompt":"a"}'):
        told = json.loads(begun("/v1/detokenize", tokens=[1]).answer(raw, MARK))
        assert told["prompt"] == "a"
    with pytest.raises(EngineFaulty):
        begun("/v1/detokenize", tokens=[1]).answer(b"{}", MARK)


def test_dimensions_are_an_ability_and_never_cut_here():
    assert begun("/v1/embeddings", input="a", dimensions=64).asked.needs == ("dimensions",)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EngineBusy(waiting=3), "rate_limit_error"),
        (EngineRefused(reason="x"), "invalid_request_error"),
        (EngineFaulty(reason="x"), "api_error"),
        (ValueError("/etc/passwd"), "api_error"),
    ],
)
def test_errors_in_both_shapes(error, kind):
    problem = problem_of(error, "req_1", openai=True)
    openai = json.loads(error_body(problem, "openai"))
    assert openai["error"]["code"] == problem.code
    assert openai["type"].startswith("urn:")
    anthropic = json.loads(error_body(problem, "anthropic"))
    assert anthropic["type"] == "error"
    assert anthropic["error"]["type"] == kind
    assert anthropic["problem"] == openai["type"]
    assert anthropic["request_id"] == "req_1"
    assert b"passwd" not in error_body(problem, "anthropic")


def test_an_answer_without_a_receipt_stays_as_it_is():
    chat = begun("/v1/chat/completions", messages=USER)
    assert chat.answer(b'{"a":1}', Mark("x", 1)) == b'{"a":1}'
