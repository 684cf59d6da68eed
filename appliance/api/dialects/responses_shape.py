"""The objects of OpenAI's responses: the response itself and the items of its output."""

from typing import Any, Final

from appliance.api.dialects.dialect import Mark
from appliance.api.dialects.reply import Call, Choice, Said, Usage
from appliance.api.dialects.responses_wish import NamedChoice, ResponsesWish
from appliance.serving.errors import EngineFaulty

Json = dict[str, Any]
_CUT: Final = "length"


def response(
    wish: ResponsesWish, model: str, mark: Mark, output: list[Json], usage: Usage | None
) -> Json:
    """A response; "in_progress" while `usage` is None."""
    told: Json = {
        "id": f"resp_{mark.ident}",
        "object": "response",
        "created_at": mark.created,
        "status": "in_progress" if usage is None else "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": wish.instructions,
        "max_output_tokens": wish.max_output_tokens,
        "metadata": wish.metadata or {},
        "model": model,
        "output": output,
        "parallel_tool_calls": wish.parallel_tool_calls is not False,
        "previous_response_id": wish.previous_response_id,
        "reasoning": {"effort": wish.reasoning and wish.reasoning.effort, "summary": None},
        "store": bool(wish.store),
        "temperature": wish.temperature,
        "text": {"format": (wish.text and wish.text.format) or {"type": "text"}},
        "tool_choice": _choice(wish),
        "tools": [_tool(tool.name, tool) for tool in wish.tools or ()],
        "top_p": wish.top_p,
        "truncation": "disabled",
        "usage": None if usage is None else _usage(usage),
    }
    if mark.receipt:
        told["receipt"] = mark.receipt
    return told


def ended(told: Json, finish: str | None) -> Json:
    """The same, told as incomplete when the answer was cut."""
    if finish != _CUT:
        return told
    return {
        **told,
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
    }


def items(choice: Choice, mark: Mark) -> list[Json]:
    """The items of a whole answer. Raises EngineFaulty."""
    said = choice.message or Said()
    status = "incomplete" if choice.finish_reason == _CUT else "completed"
    output: list[Json] = []
    if said.thought:
        output.append(reasoning_item(mark, len(output), said.thought))
    if said.content or not said.tool_calls:
        output.append(message_item(mark, len(output), said.content or "", status))
    for call in said.tool_calls or ():
        output.append(call_item(mark, len(output), call, status))
    return output


def message_item(mark: Mark, place: int, text: str | None, status: str) -> Json:
    """A message; without content while `text` is None."""
    return {
        "id": f"msg_{mark.ident}_{place}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [] if text is None else [text_part(text)],
    }


def text_part(text: str) -> Json:
    """A piece of text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def reasoning_item(mark: Mark, place: int, text: str | None) -> Json:
    """What the model thought, as it is."""
    content = [] if text is None else [{"type": "reasoning_text", "text": text}]
    ident = f"rs_{mark.ident}_{place}"
    return {"id": ident, "type": "reasoning", "summary": [], "content": content}


def call_item(mark: Mark, place: int, call: Call, status: str) -> Json:
    """A call of a function. Raises EngineFaulty when it has no id or name."""
    function = call.function
    if function is None or not call.id or not function.name:
        raise EngineFaulty(reason="tool_calls")
    return {
        "id": f"fc_{mark.ident}_{place}",
        "type": "function_call",
        "call_id": call.id,
        "name": function.name,
        "arguments": function.arguments or "",
        "status": status,
    }


def kept_turn(output: list[Json]) -> Json:
    """The answer as a turn of the conversation, for a response that goes on from it."""
    said = "".join(item["content"][0]["text"] for item in output
                   if item["type"] == "message" and item["content"])  # fmt: skip
    turn: Json = {"role": "assistant", "content": said}
    calls = [item for item in output if item["type"] == "function_call"]
    if calls:
        turn["tool_calls"] = [
            {
                "id": item["call_id"],
                "type": "function",
                "function": {"name": item["name"], "arguments": item["arguments"]},
            }
            for item in calls
        ]
    return turn


def _choice(wish: ResponsesWish) -> Any:
    choice = wish.tool_choice
    if isinstance(choice, NamedChoice):
        return {"type": "function", "name": choice.name}
    return choice or "auto"


def _tool(name: str, tool: Any) -> Json:
    return {
        "type": "function",
        "name": name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict is True,
    }


def _usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoned},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
