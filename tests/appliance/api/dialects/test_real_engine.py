"""The official clients in front of the translators in front of the real engine with its model."""

import asyncio
import contextlib
import json
import os
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import anthropic
import openai
import pytest
import pytest_asyncio

import models
from appliance.api.dialects.table import DIALECTS
from models.engines.llama_cpp import find_llama_server
from models.errors import EngineMissing
from tests.appliance.api.dialects.gateway import TARGET

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
MODEL = Path(models.__path__[0]) / "reference_model" / "wardbox-reference.gguf"
ASK = [{"role": "user", "content": "写入院记录"}]


def found():
    named = os.environ.get("WARDBOX_ENGINE_DIR")
    cached = sorted((Path.home() / ".cache/wardbox/engine").glob("*"), reverse=True)
    try:
        return find_llama_server([Path(named)] if named else cached)
    except EngineMissing:
        pytest.skip("llama-server is not built: run ./install.sh or set WARDBOX_ENGINE_DIR")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine():
    """Asks a real llama-server; a stream comes back as the list of its events."""
    server = found()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(server), "-m", str(MODEL), "--host", "127.0.0.1", "--port", str(port), "-c", "2048",
        "-np", "1", "-t", "1", "--jinja", "--alias", TARGET.model,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={"LD_LIBRARY_PATH": str(server.parent), "PATH": os.defpath},
    )  # fmt: skip

    def ask(path, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            raw = answer.read()
        if body is None or not body.get("stream"):
            return json.loads(raw)
        events = [one.removeprefix(b"data: ") for one in raw.split(b"\n\n") if one.strip()]
        assert events[-1].strip() == b"[DONE]"
        return [json.loads(one) for one in events[:-1]]

    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                ask("/health", None)
                break
            await asyncio.sleep(0.05)
    try:
        yield ask
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def talking(gateway, engine):
    gateway.engine = engine
    return gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shared_gateway):
    async with openai.AsyncOpenAI(
        base_url=f"{shared_gateway.url}/v1", api_key="k", max_retries=0
    ) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def messages(shared_gateway):
    async with anthropic.AsyncAnthropic(
        base_url=shared_gateway.url, api_key="k", max_retries=0
    ) as one:
        yield one.messages


async def test_three_dialects_say_the_same(talking, client, messages):
    whole = await client.chat.completions.create(
        model=TARGET.model, messages=ASK, max_tokens=12, temperature=0
    )
    said = whole.choices[0].message.content
    assert whole.usage.completion_tokens == 12
    assert len(said) > 4
    stream = await client.chat.completions.create(
        model=TARGET.model, messages=ASK, max_tokens=12, temperature=0, stream=True
    )
    pieces = [event.choices[0].delta.content or "" async for event in stream]
    assert "".join(pieces) == said
    response = await client.responses.create(
        model=TARGET.model, input=ASK, max_output_tokens=12, temperature=0
    )
    assert response.output_text == said
    assert response.status == "incomplete"
    stream = await client.responses.create(
        model=TARGET.model, input=ASK, max_output_tokens=12, temperature=0, stream=True
    )
    last = [event async for event in stream][-1]
    assert last.response.output_text == said
    assert last.response.usage.output_tokens == 12
    async with messages.stream(
        model=TARGET.model, messages=ASK, max_tokens=12, extra_body={"temperature": 0}
    ) as stream:
        final = await stream.get_final_message()
    assert final.content[0].text == said
    assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 12)
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == 10


async def test_an_answer_keeps_to_its_schema(talking, client):
    schema = {"enum": ["left", "right"]}
    form = {"type": "json_schema", "json_schema": {"name": "eye", "schema": schema}}
    answer = await client.chat.completions.create(
        model=TARGET.model, messages=ASK, max_tokens=60, response_format=form, temperature=0
    )
    assert json.loads(answer.choices[0].message.content) in {"left", "right"}


async def test_a_pattern_of_digits_binds_an_answer(talking, client):
    schema = {"type": "string", "pattern": r"^\d{4}-\d\d$"}
    form = {"type": "json_schema", "json_schema": {"name": "day", "schema": schema}}
    answer = await client.chat.completions.create(
        model=TARGET.model, messages=ASK, max_tokens=60, response_format=form, temperature=0
    )
    assert re.fullmatch(schema["pattern"], json.loads(answer.choices[0].message.content))


async def test_probabilities_come_with_the_tokens(talking, client):
    answer = await client.chat.completions.create(
        model=TARGET.model, messages=ASK, max_tokens=2, logprobs=True, top_logprobs=2
    )
    told = answer.choices[0].logprobs.content
    assert [len(one.top_logprobs) for one in told] == [2, 2]


async def test_tokens_are_counted_and_come_back_as_text(talking, client, messages):
    counted = await messages.count_tokens(model=TARGET.model, messages=ASK)
    assert counted.input_tokens == 10
    same = await client.responses.input_tokens.count(model=TARGET.model, input=ASK)
    assert same.input_tokens == 10
    path = "/v1/tokenize"
    tokens = await client.post(
        path.removeprefix("/v1"),
        cast_to=dict,
        body={"prompt": "右眼白内障", "return_token_strs": True},
    )
    assert (tokens["count"], tokens["token_strs"]) == (2, ["右眼", "白内障"])
    text = await client.post("/detokenize", cast_to=dict, body={"tokens": tokens["tokens"]})
    assert text["prompt"] == "右眼白内障"
    assert path in DIALECTS
