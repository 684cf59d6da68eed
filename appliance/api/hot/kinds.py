"""The routes of the hot path: what each one's body may hold and what its engine must be able to do."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from appliance.api.hot.wish import ChatWish, CompletionWish, EmbeddingWish

SCOPE: Final = "chat"


@dataclass(frozen=True, slots=True)
class Kind:
    """One route: what its body may hold and what the engine must be able to do."""

    path: str
    ability: str
    decoder: "msgspec.json.Decoder[Any]"


KINDS: Final = {
    kind.path: kind
    for kind in (
        Kind("/v1/chat/completions", "chat", msgspec.json.Decoder(ChatWish)),
        Kind("/v1/completions", "completions", msgspec.json.Decoder(CompletionWish)),
        Kind("/v1/embeddings", "embeddings", msgspec.json.Decoder(EmbeddingWish)),
    )
}
