"""From OpenAI's responses to the chat that an engine takes."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from appliance.api.dialects.dialect import Target
from appliance.api.dialects.responses_wish import (
    FunctionTool,
    InputImage,
    Item,
    NamedChoice,
    ObjectForm,
    Part,
    Refusal,
    ResponsesCountWish,
    ResponsesWish,
    SchemaForm,
    Thought,
)
from appliance.api.dialects.tooling import judge_schema, refused

Json = dict[str, Any]
_ROLES: Final = {"developer": "system"}
_THOUGHTLESS: Final = frozenset({"none", "minimal"})


def said_turns(wish: ResponsesCountWish, history: Sequence[Json]) -> list[Json]:
    """The conversation without the instructions: what was kept, and what is said now."""
    if isinstance(wish.input, str):
        return [*history, {"role": "user", "content": wish.input}]
    turns = list(history)
    for number, item in enumerate(wish.input):
        for turn in _turn(number, item):
            last = turns[-1] if turns else {}
            if "tool_calls" in turn and last.get("role") == "assistant":
                # The text and the calls of one answer are one turn for an engine.
                calls = [*last.get("tool_calls", ()), *turn["tool_calls"]]
                turns[-1] = {**last, "tool_calls": calls}
            else:
                turns.append(turn)
    if not turns:
        raise refused("input", "没有内容", "nothing is said in it")
    return turns


def engine_chat(wish: ResponsesCountWish, target: Target, turns: list[Json]) -> Json:
    """The chat that an engine takes. Raises FieldRefused where fields contradict."""
    rules = [{"role": "system", "content": wish.instructions}] if wish.instructions else []
    body: Json = {"model": target.asked_for, "messages": [*rules, *turns]}
    body |= _tooling(wish.tools or [], wish)
    effort = None if wish.reasoning is None else wish.reasoning.effort
    if effort is not None:
        body["reasoning_effort"] = effort
        body["chat_template_kwargs"] = {"enable_thinking": effort not in _THOUGHTLESS}
    form = None if wish.text is None else wish.text.format
    if isinstance(form, ObjectForm):
        body["response_format"] = {"type": "json_object"}
    elif isinstance(form, SchemaForm):
        plain = judge_schema("text.format.schema", form.schema)
        schema = {"name": form.name, "schema": plain, "strict": form.strict is not False}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def engine_response(wish: ResponsesWish, target: Target, turns: list[Json]) -> Json:
    """The same with what belongs to an answer."""
    body = engine_chat(wish, target, turns)
    passed = {
        "max_tokens": wish.max_output_tokens,
        "temperature": wish.temperature,
        "top_p": wish.top_p,
    }
    body |= {name: value for name, value in passed.items() if value is not None}
    if wish.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def needs_of(wish: ResponsesCountWish) -> tuple[str, ...]:
    """What the model must be able to do beside chatting."""
    needs = ["tools"] if wish.tools and wish.tool_choice != "none" else []
    if not isinstance(wish.input, str):
        contents = [item.content for item in wish.input]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        if any(isinstance(part, InputImage) for part in parts):
            needs.append("vision")
    return tuple(needs)


def _tooling(tools: list[FunctionTool], wish: ResponsesCountWish) -> Json:
    names = [tool.name for tool in tools]
    if len(set(names)) != len(names):
        raise refused("tools", "函数名重复", "two functions have the same name")
    tools = [_judged(number, tool) for number, tool in enumerate(tools)]
    choice = wish.tool_choice
    if isinstance(choice, NamedChoice):
        tools = [tool for tool in tools if tool.name == choice.name]
        choice = "required"
    if choice == "required" and not tools:
        raise refused("tool_choice", "没有提供该函数", "no such function is offered")
    if not tools:
        return {}
    body: Json = {"tools": [_tool(tool) for tool in tools]}
    if choice is not None:
        body["tool_choice"] = choice
    if wish.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = wish.parallel_tool_calls
    return body


def _judged(number: int, tool: FunctionTool) -> FunctionTool:
    plain = judge_schema(f"tools[{number}].parameters", tool.parameters or {})
    return tool if tool.parameters is None else replace(tool, parameters=plain)


def _tool(tool: FunctionTool) -> Json:
    members = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    kept = {name: value for name, value in members.items() if value is not None}
    return {"type": "function", "function": kept}


def _turn(number: int, item: Item) -> Iterable[Json]:
    if item.type == "item_reference":
        raise refused(
            f"input[{number}]",
            "本机不逐条保存,请发送该条目本身(多数客户端设 store: false 即可)",
            "items are not kept one by one: send the item itself, as clients do with store: false",
        )
    if item.type == "message":
        yield _message(number, item)
    elif item.type == "function_call":
        if item.call_id is None or item.name is None or item.arguments is None:
            raise _missing(number, "call_id, name, arguments")
        function = {"name": item.name, "arguments": item.arguments}
        call = {"id": item.call_id, "type": "function", "function": function}
        yield {"role": "assistant", "content": "", "tool_calls": [call]}
    elif item.type == "function_call_output":
        if item.call_id is None or item.output is None:
            raise _missing(number, "call_id, output")
        output = item.output
        text = output if isinstance(output, str) else "\n".join(part.text for part in output)
        yield {"role": "tool", "tool_call_id": item.call_id, "content": text}


def _message(number: int, item: Item) -> Json:
    if item.role is None or item.content is None:
        raise _missing(number, "role, content")
    role = _ROLES.get(item.role, item.role)
    if isinstance(item.content, str):
        return {"role": role, "content": item.content}
    if not any(isinstance(part, InputImage) for part in item.content):
        return {"role": role, "content": "\n".join(_text(part) for part in item.content)}
    return {"role": role, "content": [_engine_part(part) for part in item.content]}


def _text(part: Part) -> str:
    if isinstance(part, Refusal):
        return part.refusal
    return "" if isinstance(part, InputImage | Thought) else part.text


def _engine_part(part: Part) -> Json:
    if isinstance(part, InputImage):
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    return {"type": "text", "text": _text(part)}


def _missing(number: int, what: str) -> Exception:
    return refused(f"input[{number}]", f"缺少 {what}", f"it lacks {what}")
