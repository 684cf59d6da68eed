"""How a refusal leaves the cold ways: methods, shapes, lengths of uploads, and limits that are told."""

import io
import json
import re

import pytest

from appliance.access.errors import QuotaExceeded
from appliance.api.problems import headers_of, problem_of
from appliance.api.refusing import refused, speech_of
from appliance.batches.shape import FilePage
from tests.appliance.api.box import LiveBox, live_box

shared = pytest.mark.asyncio(loop_scope="module")
MEGABYTE = 1_000_000
METHODS = {"get", "put", "post", "delete", "patch"}


@shared
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("OPTIONS", "/api/v1/keys", "GET, POST"),
        ("PATCH", "/api/v1/deployments/x", "DELETE, GET, PUT"),
        ("PUT", "/v1/files", "GET, POST"),
        ("GET", "/v1/chat/completions", "POST"),
        ("GET", "/v1/responses/input_tokens", "POST"),
        ("TRACE", "/v1/messages", "POST"),
        ("HEAD", "/api/v1/system/info", "GET"),
        # Found by the fuzz: what another template takes (DELETE /users/{name}/totp) was told too.
        ("OPTIONS", "/api/v1/users/me/totp", "POST"),
        ("OPTIONS", "/api/v1/users/x/totp", "DELETE"),
        ("BREW", "/v1/embeddings", "POST"),
    ],
)
async def test_a_method_that_is_not_taken_is_405_with_all_that_are(shared_box, method, path, allow):
    async with shared_box.http.request(
        method, shared_box.url + path, headers=shared_box.bearer
    ) as answer:
        if method == "BREW":
            # The parser knows its methods; what is none is no HTTP.
            assert answer.status == 400
            return
        assert answer.status == 405
        assert answer.headers["Allow"] == allow
        assert answer.content_type == "application/problem+json"
        body = await answer.read()
        assert method == "HEAD" or json.loads(body)["code"] == "request.method-refused"


@shared
@pytest.mark.slow
async def test_every_path_tells_the_methods_that_its_document_lists(shared_box):
    """Of all routes at once what the fuzz found of one."""
    url = f"{shared_box.url}/api/v1/openapi.json"
    async with shared_box.http.get(url, headers=shared_box.bearer) as answer:
        paths = (await answer.json())["paths"]
    for path, operations in paths.items():
        plain = shared_box.url + re.sub(r"\{\w+\}", "x", path)
        async with shared_box.http.options(plain, headers=shared_box.bearer) as answer:
            listed = {method.upper() for method in operations if method in METHODS}
            assert set(answer.headers["Allow"].split(", ")) == listed, path


@shared
async def test_each_dialect_is_refused_in_its_own_words(shared_box):
    told = {}
    for path in ("/v1/messages/nothing", "/v1/nothing", "/api/v1/nothing", "/v1/messages"):
        async with shared_box.http.get(shared_box.url + path) as answer:
            told[path] = await answer.json(content_type="application/problem+json")
            assert answer.headers["request-id"] == answer.headers["x-request-id"]
            assert answer.headers["request-id"] == told[path]["request_id"]
    assert told["/v1/messages"]["type"] == told["/v1/messages/nothing"]["type"] == "error"
    assert told["/v1/messages/nothing"]["error"]["type"] == "not_found_error"
    assert told["/v1/nothing"]["error"]["code"] == "request.route-unknown"
    assert "error" not in told["/api/v1/nothing"]
    assert (speech_of("/v1/messagesx"), speech_of("/v1"), speech_of("/v1/")) == (
        "openai",
        None,
        "openai",
    )


async def send(box: LiveBox, size: int, *, chunked: bool):
    boundary = "-----------wardbox"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    )
    whole = head.encode() + b"a" * size + f"\r\n--{boundary}--\r\n".encode()

    async def pieces():
        for start in range(0, len(whole), 65_536):
            yield whole[start : start + 65_536]

    data = pieces() if chunked else io.BytesIO(whole)
    headers = {**box.bearer, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    try:
        async with box.http.post(f"{box.url}/v1/files", data=data, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)
    except ConnectionError:
        # Refused by its head: the box does not read what it will not keep.
        return 413, {"code": "file.too-large"}


async def test_a_file_may_be_longer_than_a_question_and_no_longer_than_its_own_limit(tmp_path):
    files = {"max_bytes": 5 * MEGABYTE, "owner_bytes": 20 * MEGABYTE}
    async with live_box(tmp_path, sections={"files": files}, max_body_bytes=65_536) as box:
        for chunked in (False, True):
            status, told = await send(box, 5 * MEGABYTE, chunked=chunked)
            assert (status, told.get("bytes")) == (200, 5 * MEGABYTE), told
            for size in (5 * MEGABYTE + 1, 5 * MEGABYTE + 200_000):
                status, told = await send(box, size, chunked=chunked)
                assert (status, told["code"]) == (413, "file.too-large")
        # What is no upload keeps the limit of a question.
        body = json.dumps({"name": "x" * 70_000, "scopes": ["chat"]})
        async with box.http.post(f"{box.url}/api/v1/keys", data=body, headers=box.bearer) as answer:
            assert answer.status == 413
            assert (await answer.json(content_type=None))["code"] == "request.too-large"
        assert len(box.services.files.listed("nobody", FilePage(10))) == 0
        assert list((tmp_path / "state" / "callers").rglob("*.part")) == []


def test_a_used_up_limit_tells_what_is_left_of_every_limit():
    limits = (
        (b"x-ratelimit-limit-requests", b"2"),
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-reset-requests", b"30s"),
    )
    error = QuotaExceeded(
        limit="requests", limit_zh="请求数", window="minute", window_zh="分钟",
        retry_after_s=30, limits=limits,
    )  # fmt: skip
    told = dict(refused(error, "req_1", "/v1/models").headers)
    assert told[b"x-ratelimit-limit-requests"] == b"2"
    assert told[b"retry-after"] == b"30"
    assert b"x-ratelimit-remaining" not in told
    # Without them the plain ones stand in.
    bare = QuotaExceeded(
        limit="requests", limit_zh="请求数", window="minute", window_zh="分钟", retry_after_s=30
    )
    assert dict(headers_of(problem_of(bare, "req_1"), 0, bare))[b"x-ratelimit-remaining"] == b"0"


async def test_the_gate_itself_tells_what_is_left(box):
    access = box.services.access
    grant = access.authenticate(box.make_key("chat", rpm=1, tpd=50)["Authorization"])
    access.admit(grant)
    with pytest.raises(QuotaExceeded) as caught:
        access.admit(grant)
    told = dict(caught.value.facts["limits"])
    assert told[b"x-ratelimit-limit-requests"] == b"1"
    assert told[b"x-ratelimit-remaining-requests"] == b"0"
    assert told[b"x-ratelimit-limit-tokens"] == b"50"
