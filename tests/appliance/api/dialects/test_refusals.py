"""What a caller of the dialects is told in words, and turns that only some engines understand."""

import json

import pytest

from appliance.api.errors import FieldRefused
from tests.appliance.api.dialects.gateway import begun

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
ASK = {"role": "user", "content": "右眼如何?"}
FAR = "https://pictures.example/eye.png"


def said_of(path, **members):
    with pytest.raises(FieldRefused) as caught:
        begun(path, **members)
    return caught.value.facts["field"], caught.value.sentence


@pytest.mark.parametrize(
    ("path", "members", "field", "words"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": FAR}}]}]},
         "messages[0].content[0].image_url.url", "the box fetches none"),
        (RESPONSES, {"input": [{"role": "user", "content": [
            {"type": "input_image", "image_url": FAR}]}]},
         "input[0].content[0].image_url", "the box fetches none"),
        (CHAT, {"messages": [ASK], "model": "Qwen/Qwen3-8B"}, "model", "letters, digits or . _ -"),
        (CHAT, {"messages": [ASK], "tools": [{"type": "function", "function": {"name": "查"}}]},
         "tools[0].function.name", "letters, digits or _ -"),
    ],
)  # fmt: skip
def test_a_pattern_is_told_in_words(path, members, field, words):
    named, sentence = said_of(path, **members)
    assert named == field
    assert words in sentence
    assert "regex" not in sentence


def test_an_answer_is_not_continued_under_anthropics_words():
    turns = [ASK, {"role": "assistant", "content": "右眼"}]
    field, _ = said_of(MESSAGES, model="m", max_tokens=1, messages=turns)
    assert field == "messages[1].role"
    begun(MESSAGES, model="m", max_tokens=1, messages=[*turns, ASK])
    begun("/v1/messages/count_tokens", model="m", messages=turns)


def test_a_refusal_in_parts_is_text_to_an_engine():
    parts = [{"type": "text", "text": "一"}, {"type": "refusal", "refusal": "不能"}]
    turns = [ASK, {"role": "assistant", "content": parts}, ASK]
    sent = json.loads(begun(CHAT, messages=turns).asked.body)["messages"][1]
    assert sent["content"] == [{"type": "text", "text": "一"}, {"type": "text", "text": "不能"}]
    alone = [ASK, {"role": "assistant", "content": parts[1:]}, ASK]
    sent = json.loads(begun(CHAT, messages=alone).asked.body)["messages"][1]
    assert sent["content"] == [{"type": "text", "text": "不能"}]


def test_agents_may_describe_their_tools_at_length():
    told = {"name": "look", "description": "x" * 20_000}
    begun(CHAT, messages=[ASK], tools=[{"type": "function", "function": told}])
    begun(MESSAGES, model="m", max_tokens=1, messages=[ASK], tools=[{**told, "input_schema": {}}])
    long = {"name": "look", "description": "x" * 70_000}
    tools = [{"type": "function", "function": long}]
    assert said_of(CHAT, messages=[ASK], tools=tools)[0] == "tools[0].function.description"
