"""What an engine is asked where the body needs no translating; compiled, for nearly all are like that."""

from msgspec.structs import replace

from appliance.api.dialects.dialect import CHAT_PATH, ENCODE, Asked
from appliance.api.dialects.plain import PlainChat


def ask_plainly(wish: PlainChat, asked_for: str) -> Asked:
    """The body for an engine that knows its model as `asked_for`."""
    if wish.model is None:
        wish = replace(wish, model=asked_for)
    body = ENCODE(wish)
    if wish.stream:
        body = body[:-1] + b',"stream_options":{"include_usage":true}}'
    return Asked(CHAT_PATH, body, bool(wish.stream), wish.seed)
