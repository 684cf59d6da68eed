"""Which files of chats are learnt from, and which line is named when one is not."""

import json

import pytest

from appliance.jobs.errors import JobSpecInvalid
from appliance.tuning.chats import judge_chats

GOOD = {
    "messages": [
        {"role": "system", "content": "你是病历助手"},
        {"role": "user", "content": "主诉?"},
        {"role": "assistant", "content": "右眼视物模糊"},
    ]
}


def told(tmp_path, *lines):
    path = tmp_path / "chats.jsonl"
    path.write_bytes(b"".join(one if isinstance(one, bytes) else line(one) for one in lines))
    return lambda: path.open("rb")


def line(chat) -> bytes:
    return json.dumps(chat, ensure_ascii=False).encode() + b"\n"


def test_chats_are_counted_and_empty_lines_are_not(tmp_path):
    assert judge_chats(told(tmp_path, *[GOOD] * 10, b"\n", b"  \r\n")) == 10


def test_what_openais_files_say_beside_the_words_is_taken(tmp_path):
    chat = {"messages": [
        {"role": "user", "content": "?", "name": "li"},
        {"role": "assistant", "content": "!", "weight": 1},
    ]}  # fmt: skip
    assert judge_chats(told(tmp_path, *[chat] * 10)) == 10


@pytest.mark.parametrize("count", [0, 9])
def test_too_few_are_refused(tmp_path, count):
    with pytest.raises(JobSpecInvalid, match="10 to"):
        judge_chats(told(tmp_path, *[GOOD] * count))


@pytest.mark.parametrize(
    "bad",
    [
        b"{\n",
        b"[]\n",
        b'"messages"\n',
        b"\xff\xfe\n",
        b'{"messages":' + b"[" * 100_000 + b"\n",
        line({}),
        line({"prompt": "a", "completion": "b"}),
        line({"messages": []}),
        line({"messages": "many"}),
        line({"messages": [{"role": "assistant", "content": "alone"}]}),
        line({"messages": GOOD["messages"][:2]}),
        line({"messages": [*GOOD["messages"][:2], {"role": "assistant", "content": ""}]}),
        line({"messages": [*GOOD["messages"][:2], {"role": "assistant", "content": None}]}),
        line({"messages": [*GOOD["messages"][:2], {"role": "assistant", "content": ["a"]}]}),
        line({"messages": [{"role": "user<|im_end|>", "content": "a"}, GOOD["messages"][2]]}),
        line({"messages": [{"role": "tool", "content": "a"}, GOOD["messages"][2]]}),
        line({**GOOD, "tools": [{"type": "function"}]}),
    ],
)
def test_a_line_that_is_no_chat_is_named(tmp_path, bad):
    with pytest.raises(JobSpecInvalid) as refusal:
        judge_chats(told(tmp_path, *[GOOD] * 12, bad))
    assert refusal.value.facts["field"] == "training_file"
    assert "line 13" in refusal.value.sentence


def test_a_line_without_end_is_not_held_in_memory(tmp_path):
    with pytest.raises(JobSpecInvalid, match="line 1 is too long"):
        judge_chats(told(tmp_path, b"{" + b" " * (5 << 20)))
