"""The chats of a training file, judged before a job is made of them: which line is wrong, and why."""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import msgspec

from appliance.jobs.errors import JobSpecInvalid

FIELD: Final = "training_file"
_MAX_LINE: Final = 4 << 20
_MOST_CHATS: Final = 1_000_000
_LEAST_CHATS: Final = 10
_LEAST_TURNS: Final = 2
_ROLES: Final = frozenset({"system", "user", "assistant"})


class _Turn(msgspec.Struct):
    role: str
    content: str
    name: str | None = None
    weight: int | None = None
    tool_calls: Any = None
    function_call: Any = None


class _Chat(msgspec.Struct):
    messages: list[_Turn]
    tools: Any = None
    functions: Any = None


_CHAT: Final = msgspec.json.Decoder(_Chat)


def judge_chats(source: Callable[[], BinaryIO]) -> int:
    """Read a whole file of chats: `{"messages": [{"role", "content"}, ...]}` a line.

    Args:
        source: Opens JSON Lines; the last turn of each chat is the answer that is learnt.

    Returns:
        How many chats it holds.

    Raises:
        JobSpecInvalid: A line is no such chat, or there are too few or too many.
    """
    count = 0
    for number, line in _lines(source):
        _judge(line, number)
        count += 1
    if not _LEAST_CHATS <= count <= _MOST_CHATS:
        raise _invalid(
            f"须有 {_LEAST_CHATS} 至 {_MOST_CHATS} 段对话，现有 {count} 段",
            f"it takes {_LEAST_CHATS} to {_MOST_CHATS} chats and holds {count}",
        )
    return count


def _lines(source: Callable[[], BinaryIO]) -> Iterator[tuple[int, bytes]]:
    with source() as stream:
        number = 0
        while line := stream.readline(_MAX_LINE + 1):
            number += 1
            if len(line) > _MAX_LINE:
                raise _invalid(f"第 {number} 行超过 {_MAX_LINE} 字节", f"line {number} is too long")
            if line.strip():
                yield number, line


def _judge(line: bytes, number: int) -> None:
    try:
        chat = _CHAT.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _invalid(
            f'第 {number} 行不是 {{"messages": [...]}}',
            f'line {number} is no {{"messages": [{{"role", "content"}}, ...]}}',
        ) from None
    turns = chat.messages
    called = chat.tools or chat.functions or any(t.tool_calls or t.function_call for t in turns)
    if called or any(turn.role not in _ROLES for turn in turns):
        raise _invalid(
            f"第 {number} 行的角色只能是 system、user、assistant，且不含工具",
            f"line {number}: roles are system, user and assistant, without tools",
        )
    if len(turns) < _LEAST_TURNS or turns[-1].role != "assistant" or not turns[-1].content:
        raise _invalid(
            f"第 {number} 行须以 assistant 的回答结尾",
            f"line {number} must end with an answer of the assistant",
        )


def _invalid(zh: str, en: str) -> JobSpecInvalid:
    return JobSpecInvalid(field=FIELD, reason_zh=zh, reason_en=en)
