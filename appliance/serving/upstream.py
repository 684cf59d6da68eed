"""A model that can be asked: its engine's connections, digests and abilities."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.serving.upstream_client import UpstreamPool


@dataclass(frozen=True, slots=True)
class Upstream:
    """A ready model.

    Args:
        model: model id.
        digest: digest of its signed manifest, hexadecimal.
        adapter_digest: digest of the adapter's manifest, or None.
        abilities: "chat", "completions", "embeddings", "vision".
        pool: connections to its engine.
        tail: JSON members the engine is given with every request, as bytes with a leading comma;
            they are the box's own, never a caller's.
        enter: counts a request in, so that draining waits for it.
        leave: counts it out.
        count: counts an answer by its tokens, read and written.
    """

    model: str
    digest: str
    adapter_digest: str | None
    abilities: frozenset[str]
    pool: UpstreamPool
    tail: bytes = b""
    enter: Callable[[], object] = lambda: None
    leave: Callable[[], object] = lambda: None
    count: Callable[[int], object] = lambda _: None
