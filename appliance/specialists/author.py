"""What a specialist asks of a model: chat messages in, pieces of text and a closing account out."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Message = dict[str, str]


def anything(_model: str) -> None:
    """Allows every model."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to a model.

    Attributes:
        messages: Chat messages with "role" and "content"; no identity of a patient stands in them.
        model: Model id, or None for the box's default.
        max_tokens: The longest answer, in tokens.
        seed: Sampling seed; the temperature is 0.
        asker: For whom: between askers a full engine is shared out.
        allow: Refuses a model that the asker may not use, before it is asked.
    """

    messages: Sequence[Message]
    model: str | None = None
    max_tokens: int = 1600
    seed: int = 0
    asker: str = "box"
    allow: Callable[[str], object] = anything


@dataclass(frozen=True, slots=True)
class Written:
    """The account that closes an answer; digests are hexadecimal."""

    model: str
    model_digest: str
    adapter_digest: str | None
    prompt_tokens: int
    completion_tokens: int


class Author(Protocol):
    """A model behind its engine."""

    def write(self, ask: Ask) -> AsyncGenerator[str | Written, None]:
        """Yield pieces of text as they are written, then exactly one `Written`.

        Raises the serving room's refusals (loading, unknown model, failed engine).
        """
        ...
