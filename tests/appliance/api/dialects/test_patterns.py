"""Patterns of schemas in words that llama.cpp keeps to, and properties with the names of JSON schema's own words."""

import json
import re

import pytest

from appliance.api.dialects.tooling import judge_schema, spelled_out
from appliance.api.errors import FieldRefused
from tests.appliance.api.dialects.gateway import begun

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
ASK = [{"role": "user", "content": "何时?"}]


def dated(pattern):
    return {"type": "object", "properties": {"day": {"type": "string", "pattern": pattern}}}


GIVEN, SPELLED = dated(r"^\d{4}-\d\d$"), dated("^[0-9]{4}-[0-9][0-9]$")


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        (r"^\d{4}$", "^[0-9]{4}$"),
        (r"^[\d.]+$", "^[0-9.]+$"),
        (r"^[^\d\w]$", "^[^0-9A-Za-z0-9_]$"),
        (r"^\w+@\w+\.cn$", r"^[A-Za-z0-9_]+@[A-Za-z0-9_]+\.cn$"),
        (r"^a\sb$", "^a[ ]b$"),
        (r"^[^\s]$", r"^[^\s]$"),
        (r"^\D\W$", "^[^0-9][^A-Za-z0-9_]$"),
        (r"^[\D]$", r"^[\D]$"),
        (r"^\\d\[\d\]$", r"^\\d\[[0-9]\]$"),
        (r"^[\]\d]$", r"^[\]0-9]$"),
        ("^[A-Z]{2}$", "^[A-Z]{2}$"),
        ("\\", "\\"),
    ],
)
def test_classes_of_letters_are_written_as_sets(pattern, plain):
    assert spelled_out(pattern) == plain


@pytest.mark.parametrize("pattern", [r"^\d[\w-]\s$", r"^[^\d\s]\W\D$"])
def test_what_is_allowed_was_allowed_before(pattern):
    texts = [a + b + c for a in "1aB _-\t" for b in "7z-. \n" for c in "0x \t?"]
    allowed = {one for one in texts if re.search(spelled_out(pattern), one)}
    assert allowed
    assert all(re.search(pattern, one, re.ASCII) for one in allowed)


def test_engines_are_given_the_plain_words_and_callers_their_own():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": GIVEN}}
    tool = {"type": "function", "function": {"name": "f", "parameters": GIVEN}}
    sent = json.loads(begun(CHAT, messages=ASK, response_format=form, tools=[tool]).asked.body)
    assert sent["response_format"]["json_schema"]["schema"] == SPELLED
    assert sent["tools"][0]["function"]["parameters"] == SPELLED
    text = {"format": {"type": "json_schema", "name": "x", "schema": GIVEN}}
    plain = {"type": "function", "name": "f", "parameters": GIVEN}
    response = begun(RESPONSES, input="何时?", text=text, tools=[plain])
    sent = json.loads(response.asked.body)
    assert sent["response_format"]["json_schema"]["schema"] == SPELLED
    assert sent["tools"][0]["function"]["parameters"] == SPELLED
    assert response.wish.tools[0].parameters == GIVEN
    config = {"format": {"type": "json_schema", "schema": GIVEN}}
    own = [{"name": "f", "input_schema": GIVEN}]
    wish = {"model": "m", "max_tokens": 9, "messages": ASK, "tools": own, "output_config": config}
    sent = json.loads(begun(MESSAGES, **wish).asked.body)
    assert sent["response_format"]["json_schema"]["schema"] == SPELLED
    assert sent["tools"][0]["function"]["parameters"] == SPELLED


def test_values_stay_as_they_are():
    schema = {"properties": {"pattern": {"const": r"\d"}}, "default": {"pattern": r"\d"}}
    assert judge_schema("x", schema) == schema


def test_a_property_may_be_called_ref():
    schema = {"properties": {"$ref": {"type": "string"}}}
    assert judge_schema("x", schema) == schema
    for reference in ("https://far.example/schema", 5, None):
        with pytest.raises(FieldRefused):
            judge_schema("x", {"properties": {"a": {"$ref": reference}}})
