"""Lets a specialist write through the serving room; the two rooms do not know each other."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from appliance.serving.service import ServingService
from appliance.specialists.author import Ask, Written


class EngineAuthor:
    """An author whose sentences come from whichever engine serves the model."""

    def __init__(self, serving: ServingService) -> None:
        self._serving = serving

    async def write(self, ask: Ask) -> AsyncGenerator[str | Written, None]:
        """Yield text as it is written, then the account of the answer. Raises what `ask.allow` does."""
        upstream = self._serving.ready(ask.model) or await self._serving.upstream(ask.model)
        ask.allow(upstream.model if ask.model is None else ask.model)
        writing = self._serving.write(
            ask.model,
            ask.messages,
            max_tokens=ask.max_tokens,
            seed=ask.seed,
            asker=ask.asker,
        )
        async with aclosing(writing) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield piece
                    continue
                yield Written(
                    piece.model,
                    piece.model_digest,
                    piece.adapter_digest,
                    piece.prompt_tokens,
                    piece.completion_tokens,
                )
