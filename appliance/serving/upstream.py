"""A model that can be asked: its engine's connections, digests and abilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.serving.exchange import Exchange


class Pool(Protocol):
    """Whom a request is put to: an engine of this box, or whichever box is least busy."""

    @property
    def full(self) -> bool:
        """Whether a request would have to wait for a place, or find none."""
        ...

    async def ask(
        self, path: str, body: bytes, asker: str = "", *, patient: bool = False
    ) -> Exchange:
        """Send a POST and wait for the status of its answer."""
        ...

    def moves_on(self, error: Exception) -> bool:
        """Whether a request is put elsewhere when it is asked again, as its answer broke off."""
        ...


@dataclass(frozen=True, slots=True)
class Upstream:
    """A ready model.

    Args:
        model: model id.
        digest: digest of its signed manifest, hexadecimal.
        adapter_digest: digest of the adapter's manifest, or None.
        abilities: "chat", "completions", "embeddings", "vision", "tools", "rerank", ...
        pool: connections to its engine.
        tail: JSON members the engine is given with every request, as bytes with a leading comma;
            they are the box's own, never a caller's.
        enter: counts a request in, so that draining waits for it.
        leave: counts it out.
        heard: tells that a piece of an answer came, which shows that the engine is not hung.
        count: counts an answer by its tokens, read and written.
        engine: name of its engine.
        context: longest context in tokens; 0 when it is not known.
        salt: members, with a leading comma, that keep one caller's cached prefixes from another's.
        called: what its engine calls the model in a request; never shown to a caller.
        content: digest of its weights and those of its adapter alone, whoever signed for them.
    """

    model: str
    digest: str
    adapter_digest: str | None
    abilities: frozenset[str]
    pool: Pool
    tail: bytes = b""
    enter: Callable[[], object] = lambda: None
    leave: Callable[[], object] = lambda: None
    heard: Callable[[], object] = lambda: None
    count: Callable[[int], object] = lambda _: None
    engine: str = "llama.cpp"
    context: int = 0
    salt: Callable[[str], bytes] | None = None
    called: str = ""
    content: str = ""

    @property
    def asked_for(self) -> str:
        """The name of the model in a request for its engine."""
        return self.called or self.model
