"""Lists of files and batches as the official client walks through them, and files of no known purpose."""

import openai
import pytest

from appliance.api.multipart import Form

LINE = b'{"a": 1}\n'


@pytest.fixture
async def client(box):
    async with openai.AsyncOpenAI(base_url=f"{box.url}/v1", api_key=box.key, max_retries=0) as one:
        yield one


async def sent(client, count: int) -> list[str]:
    made = [
        await client.files.create(file=(f"{number}.jsonl", LINE), purpose="user_data")
        for number in range(count)
    ]
    return [one.id for one in made]


async def test_files_come_in_the_order_that_was_asked_for(client):
    ids = await sent(client, 5)
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        found = [one.id async for one in client.files.list(limit=2, order=order)]
        assert found == expected
    assert [one.id async for one in client.files.list(limit=2)] == ids[::-1]
    with pytest.raises(openai.UnprocessableEntityError):
        await client.files.list(order="size")


async def test_a_list_does_not_end_in_silence_where_its_place_is_gone(client):
    ids = await sent(client, 3)
    page = await client.files.list(limit=2)
    await client.files.delete(ids[1])
    with pytest.raises(openai.NotFoundError) as caught:
        await page.get_next_page()
    assert caught.value.code == "file.unknown"
    with pytest.raises(openai.NotFoundError) as caught:
        await client.batches.list(after="batch_of_nobody")
    assert caught.value.code == "batch.unknown"


async def test_a_full_page_of_batches_may_be_asked_for(client):
    assert (await client.batches.list(limit=100)).data == []


async def test_a_purpose_that_files_do_not_have_is_told_as_one(client):
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await client.files.create(file=("a.jsonl", LINE), purpose="assistants")
    assert caught.value.code == "file.purpose-unknown"
    assert "user_data" in caught.value.message
    assert "batch cannot" not in caught.value.message


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("病历.jsonl", "病历.jsonl"),
        ("a%22b%22.jsonl", 'a"b".jsonl'),
        (r"a\"b\"\\c.jsonl", 'a"b"\\c.jsonl'),
        ("%E7%97%85%E5%8E%86%20%22a%22.jsonl", '病历 "a".jsonl'),
        ("100%41.jsonl", "100%41.jsonl"),
        ("%FF.jsonl", "%FF.jsonl"),
        (r"C:\notes\a.jsonl", r"C:\notes\a.jsonl"),
        ("", ""),
    ],
)
def test_a_name_is_the_one_that_the_client_escaped(written, name):
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{written}"\r\n\r\n'
    form = Form("multipart/form-data; boundary=b", bytearray().extend)
    form.feed(head.encode() + b"x\r\n--b--")
    form.close()
    assert form.filename == name
