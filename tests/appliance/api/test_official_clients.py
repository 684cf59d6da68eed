"""The official clients against a whole box: keys, records, kept responses, errors of each dialect."""

import anthropic
import openai
import pytest
import pytest_asyncio

from tests.appliance.api.stand_ins import MODEL

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ASK = [{"role": "user", "content": "右眼如何?"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def messages(shared_box):
    async with anthropic.AsyncAnthropic(
        base_url=shared_box.url, api_key=shared_box.key, max_retries=0
    ) as one:
        yield one.messages


async def test_a_chat_and_its_record(shared_box, client):
    answer = await client.chat.completions.create(model=MODEL, messages=ASK)
    assert answer.choices[0].message.content
    [record] = [event for event in shared_box.entries("model:completion:answer")
                if event.details["receipt"] == answer.model_extra["receipt"]]  # fmt: skip
    assert record.details["completion_tokens"] == answer.usage.completion_tokens


async def test_a_streamed_chat(client):
    stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
    assert [event async for event in stream][-1].choices[0].finish_reason == "length"


async def test_a_kept_response_goes_on_and_is_gone_once_deleted(client):
    first = await client.responses.create(model=MODEL, input="一", store=True)
    again = await client.responses.retrieve(first.id)
    assert again.output_text == first.output_text
    stream = await client.responses.create(
        model=MODEL, input="二", previous_response_id=first.id, store=True, stream=True
    )
    last = [event async for event in stream][-1]
    assert last.response.previous_response_id == first.id
    assert (await client.responses.retrieve(last.response.id)).status == last.response.status
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError) as caught:
        await client.responses.create(model=MODEL, input="三", previous_response_id=first.id)
    assert caught.value.code == "response.unknown"


async def test_nothing_is_kept_unasked(client):
    first = await client.responses.create(model=MODEL, input="一")
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(first.id)


async def test_a_message_whole_and_in_pieces(shared_box, messages):
    whole = await messages.create(model=MODEL, max_tokens=9, messages=ASK)
    async with messages.stream(model=MODEL, max_tokens=9, messages=ASK) as stream:
        final = await stream.get_final_message()
    assert final.content[0].text == whole.content[0].text
    receipts = {e.details["receipt"] for e in shared_box.entries("model:completion:answer")}
    assert whole.model_extra["receipt"] in receipts


async def test_vectors(client):
    made = await client.embeddings.create(model=MODEL, input="右眼")
    assert made.data[0].embedding == [0.0, 1.0, 0.0]


async def test_what_a_model_cannot_do_is_refused_by_name(client):
    tool = {"type": "function", "function": {"name": "f"}}
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model=MODEL, messages=ASK, tools=[tool])
    assert caught.value.code == "model.cannot"
    with pytest.raises(openai.BadRequestError) as caught:
        await client.moderations.create(model=MODEL, input="x")
    assert caught.value.code == "model.cannot"


async def test_errors_are_those_that_each_client_knows(shared_box, client, messages):
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="nobody", messages=ASK)
    with pytest.raises(anthropic.NotFoundError):
        await messages.create(model="nobody", max_tokens=1, messages=ASK)
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="k.x").chat.completions.create(model=MODEL, messages=ASK)
    async with anthropic.AsyncAnthropic(
        base_url=shared_box.url, api_key="k.x", max_retries=0
    ) as stranger:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await stranger.messages.create(model=MODEL, max_tokens=1, messages=ASK)
    assert caught.value.body["error"]["type"] == "authentication_error"
    narrow = shared_box.make_key("models:read")["Authorization"].removeprefix("Bearer ")
    with pytest.raises(openai.PermissionDeniedError):
        await client.with_options(api_key=narrow).responses.create(model=MODEL, input="x")
    hurried = shared_box.make_key("chat", rpm=1)["Authorization"].removeprefix("Bearer ")
    async with anthropic.AsyncAnthropic(
        base_url=shared_box.url, api_key=hurried, max_retries=0
    ) as one:
        await one.messages.create(model=MODEL, max_tokens=1, messages=ASK)
        with pytest.raises(anthropic.RateLimitError) as caught:
            await one.messages.create(model=MODEL, max_tokens=1, messages=ASK)
    assert int(caught.value.response.headers["retry-after"]) >= 1
