"""Every dialect by its path: what the gateway looks up for a request."""

from typing import Final

from appliance.api.dialects.chat import CHAT
from appliance.api.dialects.completions import COMPLETIONS
from appliance.api.dialects.dialect import Dialect
from appliance.api.dialects.messages import COUNT_TOKENS, MESSAGES
from appliance.api.dialects.ranking import RERANK, RERANK_AS_COHERE, SCORE
from appliance.api.dialects.responses import INPUT_TOKENS, RESPONSES
from appliance.api.dialects.tokens import DETOKENIZE, MODERATIONS, TOKENIZE
from appliance.api.dialects.vectors import EMBEDDINGS

DIALECTS: Final[dict[str, Dialect]] = {
    one.path: one
    for one in (
        CHAT,
        COMPLETIONS,
        RESPONSES,
        INPUT_TOKENS,
        MESSAGES,
        COUNT_TOKENS,
        EMBEDDINGS,
        RERANK,
        RERANK_AS_COHERE,
        SCORE,
        MODERATIONS,
        TOKENIZE,
        DETOKENIZE,
    )
}
