"""What a kept response was asked, told again as the input items of OpenAI's responses."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from appliance.api.errors import FieldRefused
from appliance.contract.files import InputItemList

Json = dict[str, Any]
_HEAD: Final = "resp_"


def input_list(
    response_id: str, turns: Sequence[Json], *, limit: int, after: str, oldest_first: bool
) -> InputItemList:
    """A page of the items that a response was made from, those of earlier responses among them.

    Args:
        response_id: The response; ids of its items are made of it.
        turns: The kept conversation; its last turn is the answer itself.
        limit: Not more items than so many.
        after: Those behind the item of this id; empty for all.
        oldest_first: The order.

    Raises:
        FieldRefused: There is no item `after`.
    """
    found = list(_items(response_id.removeprefix(_HEAD), turns[:-1]))
    if not oldest_first:
        found.reverse()
    if after:
        places = [place for place, one in enumerate(found) if one["id"] == after]
        if not places:
            raise FieldRefused(field="after", reason_zh="没有这一条", reason_en="no such item")
        found = found[places[0] + 1 :]
    shown = tuple(found[:limit])
    return InputItemList(
        data=shown,
        has_more=len(found) > limit,
        first_id=shown[0]["id"] if shown else None,
        last_id=shown[-1]["id"] if shown else None,
    )


def _items(ident: str, turns: Sequence[Json]) -> Iterable[Json]:
    for number, turn in enumerate(turns):
        place, content = f"{ident}_in{number}", turn["content"]
        if turn["role"] == "tool":
            yield {
                "id": f"fco_{place}",
                "type": "function_call_output",
                "status": "completed",
                "call_id": turn["tool_call_id"],
                "output": content,
            }
            continue
        if content:
            yield {
                "id": f"msg_{place}",
                "type": "message",
                "status": "completed",
                "role": turn["role"],
                "content": _parts(turn["role"], content),
            }
        for order, call in enumerate(turn.get("tool_calls") or ()):
            yield {
                "id": f"fc_{place}_{order}",
                "type": "function_call",
                "status": "completed",
                "call_id": call["id"],
                "name": call["function"]["name"],
                "arguments": call["function"]["arguments"],
            }


def _parts(role: str, content: str | list[Json]) -> list[Json]:
    if role == "assistant":
        return [{"type": "output_text", "text": str(content), "annotations": []}]
    given = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [_part(one) for one in given]


def _part(one: Json) -> Json:
    if one["type"] == "image_url":
        url = one["image_url"]["url"]
        return {"type": "input_image", "image_url": url, "detail": "auto", "file_id": None}
    return {"type": "input_text", "text": one["text"]}
