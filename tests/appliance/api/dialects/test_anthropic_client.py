"""The official anthropic client, unchanged, in front of the translators."""

import anthropic
import pytest
import pytest_asyncio

from appliance.api.dialects.dialect import Target
from tests.appliance.api.dialects.gateway import TARGET, calling, chunk, spoken, whole

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ASK = [{"role": "user", "content": "右眼如何?"}]
LOOK = {
    "name": "look",
    "description": "d",
    "input_schema": {"type": "object", "properties": {"eye": {"type": "string"}}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shared_gateway):
    async with anthropic.AsyncAnthropic(
        base_url=shared_gateway.url, api_key="k", max_retries=0
    ) as one:
        yield one


async def test_a_message(gateway, client):
    gateway.engine = lambda path, body: whole({"content": "清", "reasoning_content": "hm"})
    answer = await client.messages.create(
        model=TARGET.model,
        max_tokens=8,
        system=[{"type": "text", "text": "short", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "右眼?"}]}],
        stop_sequences=["。"],
        metadata={"user_id": "u"},
        extra_body={"temperature": 0.5},
    )
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[1].text == "清"
    assert (answer.stop_reason, answer.usage.input_tokens) == ("end_turn", 9)
    assert answer.model_extra["receipt"] == "rcp_1"
    assert gateway.asked[0][1] == {
        "model": TARGET.model,
        "messages": [
            {"role": "system", "content": "short"},
            {"role": "user", "content": "右眼?"},
        ],
        "max_tokens": 8,
        "temperature": 0.5,
        "stop": ["。"],
    }


async def test_a_message_in_pieces_has_the_right_sequence(gateway, client):
    gateway.engine = lambda path, body: spoken("右", "眼", finish="length")
    stream = await client.messages.create(
        model=TARGET.model, max_tokens=2, messages=ASK, stream=True
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[-2].delta.stop_reason == "max_tokens"
    assert (events[-2].usage.input_tokens, events[-2].usage.output_tokens) == (9, 2)


async def test_the_ping_comes_after_the_start(gateway, client):
    gateway.engine = lambda path, body: spoken("右")
    async with client.messages.with_streaming_response.create(
        model=TARGET.model, max_tokens=2, messages=ASK, stream=True
    ) as response:
        text = "".join([piece async for piece in response.iter_text()])
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event")]
    assert names[:3] == ["message_start", "ping", "content_block_start"]


async def test_tools_are_used_and_their_results_go_back(gateway, client):
    gateway.engine = lambda path, body: [
        chunk({"role": "assistant", "content": "看"}),
        *calling(("c1", "look", ('{"eye":', '"left"}')), ("c2", "look", ("{}",)))[1:],
    ]
    async with client.messages.stream(
        model=TARGET.model, max_tokens=99, messages=ASK, tools=[LOOK], tool_choice={"type": "any"}
    ) as stream:
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == ["text", "tool_use", "tool_use"]
    assert final.content[1].input == {"eye": "left"}
    assert final.stop_reason == "tool_use"
    assert gateway.asked[0][1]["tool_choice"] == "required"

    gateway.engine = lambda path, body: whole({"content": "清"})
    results = [
        {
            "type": "tool_result",
            "tool_use_id": "c1",
            "content": [{"type": "text", "text": "clear"}],
        },
        {"type": "tool_result", "tool_use_id": "c2", "content": "none", "is_error": True},
        {"type": "text", "text": "then?"},
    ]
    await client.messages.create(
        model=TARGET.model,
        max_tokens=9,
        tools=[LOOK],
        messages=[
            *ASK,
            {"role": "assistant", "content": final.content},
            {"role": "user", "content": results},
        ],
    )
    turns = gateway.asked[1][1]["messages"]
    assert turns[1]["content"] == "看"
    assert [call["id"] for call in turns[1]["tool_calls"]] == ["c1", "c2"]
    assert turns[2:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "clear"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: none"},
        {"role": "user", "content": "then?"},
    ]


async def test_a_whole_tool_use(gateway, client):
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"eye":"l"}'},
    }
    gateway.engine = lambda path, body: whole({"content": None, "tool_calls": [call]}, "tool_calls")
    answer = await client.messages.create(
        model=TARGET.model,
        max_tokens=9,
        messages=ASK,
        tools=[LOOK],
        tool_choice={"type": "tool", "name": "look", "disable_parallel_tool_use": True},
    )
    assert answer.content[0].input == {"eye": "l"}
    assert gateway.asked[0][1]["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("engine", "path"),
    [("llama.cpp", "/v1/chat/completions/input_tokens"), ("vllm", "/tokenize")],
)
async def test_tokens_are_counted_by_the_engine(gateway, client, engine, path):
    gateway.target = Target(TARGET.model, engine, 4096)
    told = {"input_tokens": 10} if engine == "llama.cpp" else {"count": 10, "tokens": [1]}
    gateway.engine = lambda path, body: told
    counted = await client.messages.count_tokens(model=TARGET.model, messages=ASK, system="s")
    assert counted.input_tokens == 10
    assert gateway.asked[0][0] == path


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"extra_body": {"container": "x"}}, "container"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"extra_body": {"temperature": 1.5}}, "temperature"),
        ({"messages": [{"role": "assistant", "content": [
            {"type": "tool_result", "tool_use_id": "c", "content": ""}]}]}, "messages[0].content[0]"),
    ],
)  # fmt: skip
async def test_a_refusal_has_anthropics_shape(gateway, client, more, named):
    wish = {"model": TARGET.model, "max_tokens": 9, "messages": ASK, **more}
    with pytest.raises(anthropic.UnprocessableEntityError) as caught:
        await client.messages.create(**wish)
    body = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert named in body["error"]["message"]
    assert body["code"] == "request.field-refused"


async def test_a_broken_stream_is_an_error(gateway, client):
    gateway.engine = lambda path, body: [chunk({"content": "右"}), None]
    with pytest.raises(anthropic.APIStatusError):
        async with client.messages.stream(model=TARGET.model, max_tokens=9, messages=ASK) as stream:
            await stream.get_final_message()
