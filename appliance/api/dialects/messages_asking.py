"""From Anthropic's messages to the chat that an engine takes."""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from appliance.api.dialects.dialect import ENCODE, Target
from appliance.api.dialects.messages_wish import (
    CountWish,
    ImageBlock,
    MessagesWish,
    MessageTurn,
    TextBlock,
    Texts,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from appliance.api.dialects.tooling import judge_schema, refused

Json = dict[str, Any]
_MODES: Final = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}
_PASSED: Final = ("max_tokens", "temperature", "top_p", "top_k")
_EFFORT: Final = {"max": "xhigh"}


def engine_chat(wish: CountWish, target: Target) -> Json:
    """The chat that an engine takes. Raises FieldRefused where fields contradict."""
    body: Json = {"model": target.asked_for, "messages": list(_turns(wish))}
    if wish.tools:
        body |= _tooling(wish.tools, wish.tool_choice)
    elif wish.tool_choice is not None and wish.tool_choice.type in {"any", "tool"}:
        raise refused("tool_choice", "没有提供工具", "no tools are offered")
    if wish.thinking is not None:
        body["chat_template_kwargs"] = {"enable_thinking": wish.thinking.type != "disabled"}
    if wish.output_config is not None:
        body |= _output(wish)
    return body


def engine_message(wish: MessagesWish, target: Target) -> Json:
    """The same with what belongs to an answer. Raises FieldRefused."""
    body = engine_chat(wish, target)
    for name in _PASSED:
        value = getattr(wish, name)
        if value is not None:
            body[name] = value
    if wish.stop_sequences:
        body["stop"] = wish.stop_sequences
    if wish.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def needs_of(wish: CountWish) -> tuple[str, ...]:
    """What the model must be able to do beside chatting."""
    choice = wish.tool_choice
    needs = ["tools"] if wish.tools and (choice is None or choice.type != "none") else []
    blocks = [block for turn in wish.messages if not isinstance(turn.content, str)
              for block in turn.content]  # fmt: skip
    if any(isinstance(block, ImageBlock) for block in blocks):
        needs.append("vision")
    return tuple(needs)


def _tooling(tools: list[Tool], choice: ToolChoice | None) -> Json:
    names = [tool.name for tool in tools]
    if len(set(names)) != len(names):
        raise refused("tools", "工具名重复", "two tools have the same name")
    tools = [
        replace(tool, input_schema=judge_schema(f"tools[{number}].input_schema", tool.input_schema))
        for number, tool in enumerate(tools)
    ]
    if choice is None:
        return {"tools": [_tool(tool) for tool in tools]}
    if choice.type == "tool":
        tools = [tool for tool in tools if tool.name == choice.name]
        if not tools:
            raise refused("tool_choice.name", "没有提供该工具", "no such tool is offered")
    body: Json = {"tools": [_tool(tool) for tool in tools], "tool_choice": _MODES[choice.type]}
    if choice.disable_parallel_tool_use is not None:
        body["parallel_tool_calls"] = not choice.disable_parallel_tool_use
    return body


def _tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _output(wish: CountWish) -> Json:
    config = wish.output_config
    body: Json = {}
    if config is not None and config.effort is not None:
        body["reasoning_effort"] = _EFFORT.get(config.effort, config.effort)
    if config is not None and config.format is not None:
        plain = judge_schema("output_config.format.schema", config.format.schema)
        schema = {"name": "answer", "schema": plain, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _turns(wish: CountWish) -> Iterable[Json]:
    if wish.system:
        yield {"role": "system", "content": joined(wish.system)}
    for number, turn in enumerate(wish.messages):
        if isinstance(turn.content, str):
            yield {"role": turn.role, "content": turn.content}
        elif turn.role == "assistant":
            yield _assistant(number, turn)
        else:
            yield from _others(number, turn)


def _assistant(number: int, turn: MessageTurn) -> Json:
    said, calls = [], []
    for place, block in enumerate(turn.content):
        if isinstance(block, TextBlock):
            said.append(block.text)
        elif isinstance(block, ToolUseBlock):
            arguments = ENCODE(block.input).decode()
            function = {"name": block.name, "arguments": arguments}
            calls.append({"id": block.id, "type": "function", "function": function})
        elif isinstance(block, ImageBlock | ToolResultBlock):
            raise _misplaced(number, place)
    message: Json = {"role": "assistant", "content": "".join(said)}
    if calls:
        message["tool_calls"] = calls
    return message


def _others(number: int, turn: MessageTurn) -> Iterable[Json]:
    """Results of tools are turns of their own and come before what the person says."""
    parts: list[Json] = []
    for place, block in enumerate(turn.content):
        if isinstance(block, TextBlock):
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, ImageBlock):
            url = f"data:{block.source.media_type};base64,{block.source.data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        elif isinstance(block, ToolResultBlock) and turn.role == "user":
            yield {
                "role": "tool",
                "tool_call_id": block.tool_use_id,
                "content": f"{'Error: ' if block.is_error else ''}{joined(block.content)}",
            }
        else:
            raise _misplaced(number, place)
    if all(part["type"] == "text" for part in parts):
        # Plain text, because templates of text models do not read parts.
        if parts:
            yield {"role": turn.role, "content": "\n".join(part["text"] for part in parts)}
    else:
        yield {"role": turn.role, "content": parts}


def joined(texts: Texts) -> str:
    """Text, or blocks of it, as one text."""
    return texts if isinstance(texts, str) else "\n".join(block.text for block in texts)


def _misplaced(number: int, place: int) -> Exception:
    field = f"messages[{number}].content[{place}]"
    return refused(field, "该角色不能有此类内容", "this role cannot hold such a block")
