"""OpenAI's older completions, as clients send them that know only lists of prompts."""

import pytest

from appliance.api.errors import FieldRefused
from tests.appliance.api.dialects.gateway import begun

PATH = "/v1/completions"


def asked(**members):
    return begun(PATH, **members).asked.body


def test_one_prompt_in_a_list_is_the_prompt():
    assert asked(prompt=["患者"]) == asked(prompt="患者")


def test_what_says_nothing_is_taken_and_left_out():
    neutral = {"echo": False, "best_of": 1, "logprobs": None, "suffix": None, "user": "u"}
    assert asked(prompt="患者", **neutral) == asked(prompt="患者")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"prompt": ["一", "二"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [""]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": "x", "echo": True}, "echo"),
        ({"prompt": "x", "best_of": 2}, "best_of"),
        ({"prompt": "x", "logprobs": 1}, "logprobs"),
        ({"prompt": "x", "suffix": "y"}, "suffix"),
    ],
)
def test_what_would_change_the_answer_is_refused(members, field):
    with pytest.raises(FieldRefused) as caught:
        begun(PATH, **members)
    assert caught.value.facts["field"].startswith(field)
