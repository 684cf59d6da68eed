"""The official openai client, unchanged, in front of the translators."""

import json

import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel

from tests.appliance.api.dialects.gateway import TARGET, calling, chunk, spoken, usage, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASK = [{"role": "user", "content": "右眼如何?"}]
LOOK = {"type": "object", "properties": {"eye": {"enum": ["left", "right"]}}, "required": ["eye"]}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "d", "parameters": LOOK},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shared_gateway):
    async with openai.AsyncOpenAI(
        base_url=f"{shared_gateway.url}/v1", api_key="k", max_retries=0
    ) as one:
        yield one


async def test_a_chat(gateway, client):
    gateway.engine = lambda path, body: whole({"content": "清"})
    answer = await client.chat.completions.create(
        model=TARGET.model,
        messages=[{"role": "developer", "content": "be short"}, *ASK],
        max_completion_tokens=5,
        seed=3,
        metadata={"ward": "3"},
        store=False,
        user="u",
        service_tier="auto",
    )
    assert answer.choices[0].message.content == "清"
    assert answer.usage.total_tokens == 12
    assert answer.model_extra["receipt"] == "rcp_1"
    path, body = gateway.asked[0]
    assert path == "/v1/chat/completions"
    assert body["messages"][0] == {"role": "system", "content": "be short"}
    assert not {"metadata", "store", "user", "service_tier"} & set(body)
    assert body["seed"] == 3


async def test_a_chat_in_pieces(gateway, client):
    gateway.engine = lambda path, body: spoken("右", "眼", "清")
    stream = await client.chat.completions.create(
        model=TARGET.model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    events = [event async for event in stream]
    said = [e.choices[0].delta.content for e in events if e.choices]
    assert "".join(word for word in said if word) == "右眼清"
    assert events[-1].usage.completion_tokens == 3
    assert (
        next(e for e in events if e.model_extra.get("receipt")).choices[0].finish_reason == "stop"
    )


async def test_the_usage_event_comes_to_those_who_asked(gateway, client):
    gateway.engine = lambda path, body: spoken("右")
    stream = await client.chat.completions.create(model=TARGET.model, messages=ASK, stream=True)
    assert all(event.choices for event in [event async for event in stream])
    assert gateway.asked[0][1]["stream_options"] == {"include_usage": True}


async def test_a_tool_is_called_and_its_result_goes_back(gateway, client):
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"eye":"left"}'},
    }
    gateway.engine = lambda path, body: whole(
        {"tool_calls": [call], "reasoning_content": "hm"}, "tool_calls"
    )
    first = await client.chat.completions.create(
        model=TARGET.model,
        messages=ASK,
        tools=[TOOL],
        tool_choice="auto",
        parallel_tool_calls=False,
    )
    message = first.choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"eye": "left"}
    gateway.engine = lambda path, body: whole({"content": "清"})
    result = {"role": "tool", "tool_call_id": "c1", "content": "clear"}
    await client.chat.completions.create(
        model=TARGET.model, messages=[*ASK, message, result], tools=[TOOL]
    )
    turns = gateway.asked[1][1]["messages"]
    assert turns[1]["tool_calls"] == [call]
    assert "reasoning_content" not in turns[1]
    assert turns[2] == result


async def test_a_named_tool_is_offered_alone(gateway, client):
    gateway.engine = lambda path, body: whole({"content": "x"})
    other = {"type": "function", "function": {"name": "other"}}
    await client.chat.completions.create(
        model=TARGET.model,
        messages=ASK,
        tools=[other, TOOL],
        tool_choice={"type": "function", "function": {"name": "look"}},
    )
    body = gateway.asked[0][1]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["look"]
    assert body["tool_choice"] == "required"


async def test_tool_calls_in_pieces(gateway, client):
    gateway.engine = lambda path, body: calling(
        ("c1", "look", ('{"eye":', '"left"}')), ("c2", "look", ('{"eye":"right"}',))
    )
    async with client.chat.completions.stream(
        model=TARGET.model, messages=ASK, tools=[TOOL]
    ) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [call.function.arguments for call in calls] == ['{"eye":"left"}', '{"eye":"right"}']
    assert final.choices[0].finish_reason == "tool_calls"


async def test_an_answer_that_fits_a_schema(gateway, client):
    class Eye(BaseModel):
        side: str

    gateway.engine = lambda path, body: whole({"content": '{"side":"left"}'})
    parsed = await client.chat.completions.parse(
        model=TARGET.model, messages=ASK, response_format=Eye
    )
    assert parsed.choices[0].message.parsed == Eye(side="left")
    form = gateway.asked[0][1]["response_format"]
    assert form["json_schema"]["schema"]["properties"]["side"]["type"] == "string"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"extra_body": {"grammar": "root"}}, "grammar"),
        ({"extra_body": {"api_base": "http://x"}}, "api_base"),
        ({"store": True}, "store"),
        ({"n": 2}, "n"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"audio": {"voice": "x", "format": "wav"}}, "audio"),
        ({"extra_body": {"chat_template_kwargs": {}}}, "chat_template_kwargs"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(gateway, client, more, field):
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await client.chat.completions.create(model=TARGET.model, messages=ASK, **more)
    assert caught.value.code == "request.field-refused"
    assert caught.value.param == field
    assert caught.value.body["type"] == "invalid_request_error"
    assert gateway.asked == []


async def test_a_broken_stream_is_an_error_and_no_end(gateway, client):
    gateway.engine = lambda path, body: [chunk({"content": "右"}), None]
    stream = await client.chat.completions.create(model=TARGET.model, messages=ASK, stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "engine.gone"


async def test_a_response(gateway, client):
    gateway.engine = lambda path, body: whole({"content": "清", "reasoning_content": "hm"})
    answer = await client.responses.create(
        model=TARGET.model, instructions="short", input="右眼?", max_output_tokens=8
    )
    assert answer.output_text == "清"
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.status == "completed"
    assert answer.usage.output_tokens == 3
    turns = gateway.asked[0][1]["messages"]
    assert turns == [
        {"role": "system", "content": "short"},
        {"role": "user", "content": "右眼?"},
    ]


async def test_a_response_in_pieces_has_the_right_sequence(gateway, client):
    gateway.engine = lambda path, body: spoken("右", "眼")
    stream = await client.responses.create(model=TARGET.model, input="?", stream=True)
    events = [event async for event in stream]
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(10))
    assert events[-1].response.output_text == "右眼"
    assert events[-1].response.usage.total_tokens == 11
    assert events[-1].response.model_extra["receipt"] == "rcp_1"


async def test_a_response_that_was_cut_is_incomplete(gateway, client):
    gateway.engine = lambda path, body: spoken("右", finish="length")
    stream = await client.responses.create(model=TARGET.model, input="?", stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"


async def test_a_response_calls_a_function_and_goes_on(gateway, client):
    tool = {"type": "function", "name": "look", "parameters": LOOK, "strict": True}
    gateway.engine = lambda path, body: calling(("c1", "look", ('{"eye":', '"left"}')))
    async with client.responses.stream(model=TARGET.model, input="?", tools=[tool]) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    call = final.output[0]
    assert (call.type, call.call_id, call.arguments) == ("function_call", "c1", '{"eye":"left"}')
    gateway.engine = lambda path, body: whole({"content": "清"})
    output = {"type": "function_call_output", "call_id": "c1", "output": "clear"}
    given = call.to_dict()
    given.pop("parsed_arguments", None)
    await client.responses.create(
        model=TARGET.model, tools=[tool], input=[{"role": "user", "content": "?"}, given, output]
    )
    turns = gateway.asked[1][1]["messages"]
    assert turns[1]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"eye":"left"}'}
    assert turns[2] == {"role": "tool", "tool_call_id": "c1", "content": "clear"}


async def test_a_response_that_breaks_off_is_an_error(gateway, client):
    gateway.engine = lambda path, body: [chunk({"content": "右"}), None]
    stream = await client.responses.create(model=TARGET.model, input="?", stream=True)
    seen = []
    with pytest.raises(openai.APIError):
        seen.extend([event async for event in stream])
    assert seen == []


async def test_the_tokens_of_a_response_are_counted(gateway, client):
    gateway.engine = lambda path, body: {"input_tokens": 10, "object": "response.input_tokens"}
    counted = await client.responses.input_tokens.count(model=TARGET.model, input="右眼")
    assert counted.input_tokens == 10
    assert gateway.asked[0][0] == "/v1/chat/completions/input_tokens"


async def test_embeddings_come_packed_as_the_client_asks(gateway, client):
    gateway.engine = lambda path, body: {
        "object": "list",
        "model": TARGET.model,
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
        "usage": usage(3, 0),
    }
    for form in ({}, {"encoding_format": "float"}):
        made = await client.embeddings.create(model=TARGET.model, input=["右眼"], **form)
        assert made.data[0].embedding == [0.5, -1.0]
    assert [body["encoding_format"] for _, body in gateway.asked] == ["float", "float"]
