"""A part of one kind says its kind too, as the public API demands it: without `type` it is refused by name."""

import json

import msgspec
import pytest

from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.wish import read
from appliance.api.errors import FieldRefused

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
USER = {"role": "user", "content": "?"}
CALL = {"id": "a", "function": {"name": "f", "arguments": "{}"}}


def chat(*turns, **more):
    return CHAT, {"messages": [*turns, USER], **more}


def responses(given, **more):
    return RESPONSES, {"input": given, **more}


def messages(*turns, **more):
    return MESSAGES, {"model": "m", "max_tokens": 8, "messages": [*turns, USER], **more}


TEXT = {"text": "a"}
CASES = [
    ("messages[0].content[0].type", "text", TEXT, lambda p: chat({"role": "system", "content": [p]})),
    ("messages[0].content[0].type", "text", TEXT,
     lambda p: chat({"role": "assistant", "content": [p]})),
    ("messages[0].content[0].type", "text", TEXT,
     lambda p: chat({"role": "tool", "tool_call_id": "a", "content": [p]})),
    ("messages[0].tool_calls[0].type", "function", CALL,
     lambda p: chat({"role": "assistant", "tool_calls": [p]})),
    ("tools[0].type", "function", {"function": {"name": "f"}}, lambda p: chat(tools=[p])),
    ("tool_choice.type", "function", {"function": {"name": "f"}}, lambda p: chat(tool_choice=p)),
    ("tools[0].type", "function", {"name": "f"}, lambda p: responses("?", tools=[p])),
    ("tool_choice.type", "function", {"name": "f"}, lambda p: responses("?", tool_choice=p)),
    ("input[0].summary[0].type", "summary_text", TEXT,
     lambda p: responses([{"type": "reasoning", "summary": [p]}])),
    ("input[0].output[0].type", "input_text", TEXT,
     lambda p: responses([{"type": "function_call_output", "call_id": "a", "output": [p]}])),
    ("input[0].content[0].type", "input_text", TEXT,
     lambda p: responses([{"role": "user", "content": [p]}])),
    ("system[0].type", "text", TEXT, lambda p: messages(system=[p])),
    ("messages[0].content[0].content[0].type", "text", TEXT, lambda p: messages({
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "a", "content": [p]}],
    })),
]  # fmt: skip


@pytest.mark.parametrize(("field", "kind", "part", "within"), CASES)
def test_a_part_without_its_type_is_refused_by_name(field, kind, part, within):
    path, body = within(part)
    decoder = DIALECTS[path].decoder
    with pytest.raises(FieldRefused) as refusal:
        read(decoder, json.dumps(body).encode())
    assert refusal.value.facts["field"] in {field, field.removesuffix(".type")}
    path, body = within({"type": "another", **part})
    with pytest.raises(FieldRefused):
        read(decoder, json.dumps(body).encode())
    path, body = within({"type": kind, **part})
    read(decoder, json.dumps(body).encode())


def test_an_engine_is_told_the_type():
    decoder = DIALECTS[CHAT].decoder
    _, body = chat(
        {"role": "assistant", "tool_calls": [{"type": "function", **CALL}]},
        tools=[{"type": "function", "function": {"name": "f"}}],
    )
    said = msgspec.to_builtins(read(decoder, json.dumps(body).encode()))
    assert said["messages"][0]["tool_calls"][0]["type"] == "function"
    assert said["tools"][0] == {"type": "function", "function": {"name": "f"}}
