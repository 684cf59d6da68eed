"""What official clients ask beside answers: input items, models, rankings; and what they are told to do else."""

from types import SimpleNamespace

import anthropic
import openai
import pytest

from appliance.api.input_views import input_list
from tests.appliance.api.stand_ins import MODEL

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
PICTURE = "data:image/png;base64,aGk="
TURNS = [
    {"role": "user", "content": [{"type": "text", "text": "看"},
                                 {"type": "image_url", "image_url": {"url": PICTURE}}]},
    {"role": "assistant", "content": "好", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "0.3"},
    {"role": "assistant", "content": "视力 0.3"},
]  # fmt: skip
KINDS = ["message", "message", "function_call", "function_call_output"]


def anthropic_of(box):
    return anthropic.AsyncAnthropic(base_url=box.url, api_key=box.key, max_retries=0)


async def test_what_a_kept_response_was_asked_is_listed(client):
    first = await client.responses.create(model=MODEL, input="一", store=True)
    second = await client.responses.create(
        model=MODEL, input="二", previous_response_id=first.id, store=True
    )
    items = client.responses.input_items
    texts = [one.content[0].text async for one in items.list(second.id, limit=1, order="asc")]
    assert texts == ["一", first.output_text, "二"]
    assert [one.content[0].text async for one in items.list(second.id, limit=2)] == texts[::-1]
    with pytest.raises(openai.UnprocessableEntityError):
        await items.list(second.id, after="msg_of_nobody")
    with pytest.raises(openai.NotFoundError):
        await items.list("resp_0123456789")


async def test_calls_their_outputs_and_pictures_are_items_too():
    page = input_list("resp_1", TURNS, limit=9, after="", oldest_first=True)
    assert [one["type"] for one in page.data] == KINDS
    assert page.data[0]["content"][1]["image_url"] == PICTURE
    assert page.data[2]["call_id"] == page.data[3]["call_id"] == "call_1"
    assert (page.first_id, page.last_id) == (page.data[0]["id"], page.data[3]["id"])
    assert len({one["id"] for one in page.data}) == len(KINDS)
    found, after = [], ""
    while True:
        page = input_list("resp_1", TURNS, limit=1, after=after, oldest_first=False)
        found += [one["type"] for one in page.data]
        if not page.has_more:
            break
        after = page.last_id
    assert found == KINDS[::-1]


async def test_a_kept_response_is_told_whole_or_refused(client):
    kept = await client.responses.create(model=MODEL, input="一", store=True)
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await client.responses.retrieve(kept.id, stream=True)
    assert caught.value.param == "stream"


async def test_who_refers_to_an_item_hears_what_to_send_instead(client):
    reference = {"type": "item_reference", "id": "rs_1"}
    with pytest.raises(openai.UnprocessableEntityError, match="store: false"):
        await client.responses.create(model=MODEL, input=[reference])


async def test_thinking_that_only_its_maker_reads_may_be_asked_for(client):
    asked = ["reasoning.encrypted_content"]
    assert (await client.responses.create(model=MODEL, input="一", include=asked)).output_text
    with pytest.raises(openai.UnprocessableEntityError):
        await client.responses.create(
            model=MODEL, input="一", include=["message.output_text.logprobs"]
        )


async def test_models_are_listed_for_both_clients(shared_box, client, monkeypatch):
    served = [SimpleNamespace(name=name, made=1767225600.5, drained=False) for name in ("a", "b")]
    monkeypatch.setattr(shared_box.serving.deployments, "all", lambda: served)
    assert [(one.id, one.created) async for one in client.models.list()] == [
        ("a", 1767225600),
        ("b", 1767225600),
    ]
    async with anthropic_of(shared_box) as one:
        page = await one.models.list(limit=1)
        assert (page.has_more, page.first_id, page.last_id) == (False, "a", "b")
        listed = [model async for model in page]
        listed.append(await one.models.retrieve("b"))
    assert [model.display_name for model in listed] == ["a", "b", "b"]
    assert {model.created_at.isoformat() for model in listed} == {"2026-01-01T00:00:00+00:00"}
    assert {model.type for model in listed} == {"model"}


async def test_each_client_reads_in_its_own_words_which_model_is_not_there(shared_box, client):
    async with anthropic_of(shared_box) as one:
        with pytest.raises(anthropic.NotFoundError) as caught:
            await one.models.retrieve("nobody")
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nobody")
    assert caught.value.code == "model.unknown"


async def test_rankings_are_asked_for_where_cohere_does(shared_box, client):
    wish = {
        "model": MODEL,
        "query": "眼",
        "documents": ["右眼", "左眼"],
        "max_tokens_per_doc": None,
    }
    url = shared_box.url
    async with shared_box.http.post(
        f"{url}/v2/rerank", json=wish, headers=shared_box.bearer
    ) as answer:
        # The engine of this box ranks nothing, and that is what is said.
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "model.cannot"


async def test_a_runner_of_tools_goes_on_without_a_thread(shared_box):
    async with anthropic_of(shared_box) as one:
        runner = one.beta.messages.tool_runner(
            model=MODEL, max_tokens=9, tools=[], messages=[{"role": "user", "content": "一"}]
        )
        final = await runner.until_done()
        assert final.content[0].text
        with pytest.raises(anthropic.APIStatusError) as caught:
            await one.beta.messages.create(
                model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "一"}],
                thread={"type": "create"},
            )  # fmt: skip
    details = caught.value.body["error"]["details"]
    assert details == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
