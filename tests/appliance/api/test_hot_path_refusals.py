"""The model routes over real HTTP: bodies, bearers and rights that are refused, each by its sentence."""

import pytest

from tests.appliance.api.questions import CHAT, GOOD, assert_problem, post, raw_request
from tests.appliance.api.stand_ins import MODEL


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"api_base": "http://evil"}, "api_base"),
        ({"base_url": "http://evil"}, "base_url"),
        ({"extra_headers": {"a": "b"}}, "extra_headers"),
        ({"role": "administrator"}, "role"),
        ({"grammar": "root ::= root"}, "grammar"),
        ({"json_schema": {}}, "json_schema"),
        ({"n_probs": 10}, "n_probs"),
        ({"cache_prompt": True}, "cache_prompt"),
        ({"id_slot": 0}, "id_slot"),
        ({"lora": []}, "lora"),
        ({"logit_bias": {"1": 1000}}, "logit_bias"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 1e9}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": -1}, "min_p"),
        ({"seed": -1}, "seed"),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"stop": ["x"] * 9}, "stop"),
        ({"stop": [""]}, "stop[0]"),
        ({"stop": "x" * 129}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 513}, "messages"),
        ({"messages": [{"role": "root", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": "x", "tool_calls": []}]},
            "messages[0].tool_calls",
        ),
        ({"messages": "x"}, "messages"),
        ({"model": 7}, "model"),
        ({"model": "../../etc/passwd"}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"x": 1}}, "stream_options.x"),
        ({"response_format": {"type": "json_schema", "schema": {}}}, "response_format"),
    ],
)
async def test_a_field_out_of_the_list_or_its_bounds_is_refused_by_name(shared_box, change, field):
    box = shared_box
    answer, body = await post(box, {**GOOD, **change})
    assert_problem(answer, body, 422, "request.field-refused")
    assert field.split(".", maxsplit=1)[0] in body["error"]["param"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0/x.png", "https://example.org/x.png", "file:///etc/passwd", "//evil/x",
        "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://user@127.0.0.1/",
        "http:\\\\evil", "data:text/html;base64,AAAA", "data:image/png;base64,AAAA\n",
    ],
)  # fmt: skip
async def test_only_data_urls_are_images(shared_box, url):
    box = shared_box
    part = {"type": "image_url", "image_url": {"url": url}}
    body = {"model": MODEL, "messages": [{"role": "user", "content": [part]}]}
    answer, told = await post(box, body)
    assert_problem(answer, told, 422, "request.field-refused")
    part["image_url"]["url"] = "data:image/png;base64,AAAA"
    answer, told = await post(box, body)
    assert_problem(answer, told, 400, "model.cannot")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"messages":"\xed\xa0\x80"}',
    ],
)
async def test_what_is_no_json_is_a_sentence(shared_box, body):
    box = shared_box
    answer, told = await post(box, body)
    assert answer.status in {400, 422}
    assert_problem(answer, told, answer.status, told["code"])


async def test_a_megabyte_of_prompt_is_too_large_whether_it_says_so_or_not(box):
    big = {**GOOD, "messages": [{"role": "user", "content": "x" * 1_100_000}]}
    answer, body = await post(box, big)
    assert_problem(answer, body, 413, "request.too-large")

    async def pieces():
        for _ in range(40):
            yield b"x" * 65_536

    async with box.http.post(box.url + CHAT, data=pieces(), headers=box.bearer) as answer:
        assert_problem(answer, await answer.json(content_type=None), 413, "request.too-large")
    answer, _ = await post(box, GOOD)
    assert answer.status == 200


async def test_compressed_bodies_are_not_taken(box):
    answer, body = await post(box, GOOD, headers={"Content-Encoding": "gzip"})
    assert_problem(answer, body, 415, "request.encoding-refused")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "value",
    [
        None, "", "Bearer", "Bearer ", "Basic abc", "Bearer ' OR 1=1 --", 'Bearer "', "Bearer a.b",
        "Bearer wbk_0.x", "Bearer " + "中".encode().decode("latin-1"), "Bearer " + "x" * 7000,
    ],
)  # fmt: skip
async def test_a_bad_bearer_is_401_of_one_shape(shared_box, value):
    box = shared_box
    headers = {} if value is None else {"Authorization": value}
    async with box.http.post(box.url + CHAT, json=GOOD, headers=headers) as answer:
        body = await answer.json(content_type=None)
    assert_problem(answer, body, 401, "access.refused")
    assert answer.headers["WWW-Authenticate"]
    assert set(body) == {
        "type", "title", "status", "code", "detail", "way_out", "request_id", "error",
    }  # fmt: skip


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("value", [b"Bearer a\x00b", b"Bearer " + b"x" * 1_000_000, b"Bearer \x01"])
async def test_a_bearer_with_nul_or_of_a_megabyte_is_401_too(shared_box, value):
    box = shared_box
    raw = await raw_request(
        box.port,
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
        b"Content-Length: 2\r\n\r\n{}" % value,
    )
    assert raw.startswith(b"HTTP/1.1 401 ")
    assert b'"access.refused"' in raw


async def test_two_keys_in_one_request_are_none(box):
    raw = await raw_request(
        box.port,
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
        b"Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}" % box.key.encode(),
    )
    assert raw.startswith(b"HTTP/1.1 401 ")


async def test_scope_model_list_and_quota_hold(box):
    answer, body = await post(box, GOOD, headers=box.make_key("models:read"))
    assert_problem(answer, body, 403, "access.forbidden")
    only = box.make_key("chat", models=frozenset({"another"}))
    answer, body = await post(box, GOOD, headers=only)
    assert_problem(answer, body, 403, "access.model-forbidden")
    answer, body = await post(box, {"messages": GOOD["messages"]}, headers=only)
    assert_problem(answer, body, 403, "access.model-forbidden")
    few = box.make_key("chat", rpm=2)
    assert [(await post(box, GOOD, headers=few))[0].status for _ in range(3)] == [200, 200, 429]
    answer, body = await post(box, GOOD, headers=few)
    assert_problem(answer, body, 429, "access.quota-exceeded")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-RateLimit-Remaining-Requests"] == "0"


async def test_a_revoked_key_is_dead_at_once(box):
    headers = box.make_key("chat")
    assert (await post(box, GOOD, headers=headers))[0].status == 200
    key_id = headers["Authorization"].removeprefix("Bearer ").partition(".")[0]
    async with box.http.delete(f"{box.url}/api/v1/keys/{key_id}", headers=box.bearer) as answer:
        assert answer.status == 204
    assert (await post(box, GOOD, headers=headers))[0].status == 401


async def test_an_unknown_model_and_a_loading_one(box):
    answer, body = await post(box, {**GOOD, "model": "nobody"})
    assert_problem(answer, body, 404, "model.unknown")
    box.serving.loading = True
    answer, body = await post(box, GOOD)
    assert_problem(answer, body, 503, "model.loading")
    assert answer.headers["Retry-After"] == "3"
    assert body["progress"] == 0.4
