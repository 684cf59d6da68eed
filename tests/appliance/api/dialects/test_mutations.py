"""Changed bodies and changed events: whatever comes, it is taken or refused, and never a fault."""

import contextlib
import json
import random

import pytest

from appliance.api.dialects.dialect import Target
from appliance.api.dialects.examples import EXAMPLES
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.wish import read
from appliance.errors import ApplianceError
from tests.appliance.api.dialects.gateway import MARK, calling, spoken, whole

ROUNDS = 250
CALL = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
JUNK = (
    None, True, 0, -1, 2**63, 2**64, 1.5, -0.0, 1e308, "", "a", "\x00", "\u202e", [], {}, [[]],
    [None], {"type": "text"}, {"type": "function"}, "user", "assistant", "required", "x" * 300,
)  # fmt: skip


def places(value, place=()):
    yield place
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*place, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, (*place, number))


def changed(value, chance):
    value = json.loads(json.dumps(value))
    for _ in range(chance.randint(1, 3)):
        known = [place for place in places(value) if place]
        if not known:
            break
        *way, last = chance.choice(known)
        holder = value
        for step in way:
            holder = holder[step]
        if chance.random() < 0.3:
            del holder[last]
        else:
            holder[last] = json.loads(json.dumps(chance.choice(JUNK)))
    return value


def encoded(value):
    return json.dumps(value).encode()


def test_every_route_has_an_example():
    assert set(EXAMPLES) == set(DIALECTS)


@pytest.mark.parametrize("path", sorted(DIALECTS))
def test_an_example_is_taken(path):
    dialect = DIALECTS[path]
    for engine in ("llama.cpp", "vllm"):
        wish = read(dialect.decoder, encoded(EXAMPLES[path]))
        assert json.loads(dialect.begin(wish, Target("m", engine)).asked.body)


@pytest.mark.parametrize("path", sorted(DIALECTS))
def test_a_changed_body_is_taken_or_refused(path):
    dialect, chance = DIALECTS[path], random.Random(path)
    for _ in range(ROUNDS):
        body = encoded(changed(EXAMPLES[path], chance))
        try:
            translation = dialect.begin(read(dialect.decoder, body), Target("m"))
        except ApplianceError:
            continue
        json.loads(translation.asked.body)
        with contextlib.suppress(ApplianceError):
            json.loads(
                translation.answer(encoded(changed(whole({"tool_calls": [CALL]}), chance)), MARK)
            )


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_changed_stream_is_translated_or_a_fault_of_the_engine(path):
    dialect, chance = DIALECTS[path], random.Random(path)
    wish = read(dialect.decoder, encoded(EXAMPLES[path] | {"stream": True}))
    for _ in range(ROUNDS):
        stream = dialect.begin(wish, Target("m")).stream(MARK)
        events = chance.choice((spoken("a", "b"), calling(("c", "f", ("{", "}")))))
        with contextlib.suppress(ApplianceError):
            for event in events:
                stream.feed(encoded(changed(event, chance) if chance.random() < 0.3 else event))
            stream.end()
