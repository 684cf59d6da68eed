"""What batches ask of the box's own gateway: to judge a request, and to answer it."""

from dataclasses import dataclass
from typing import Protocol

from appliance.access.grants import Grant


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one request.

    Attributes:
        status: HTTP status, as a caller would have seen it.
        body: JSON, as a caller would have seen it.
        request_id: Under which it is on record.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        retry_after_s: When to ask again, or None.
    """

    status: int
    body: bytes
    request_id: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retry_after_s: float | None = None


class Ask(Protocol):
    """The gateway, behind its wire: the same judgement, gates, metering and record.

    Requests through it are nobody's hurry: they wait behind those that came over the wire.
    """

    def paths(self) -> frozenset[str]:
        """The routes that can be asked."""
        ...

    def judge(self, path: str, body: bytes) -> None:
        """Judge a body as the route itself would; a stream is refused.

        Raises:
            ApplianceError: The route would refuse it.
        """
        ...

    async def ask(self, grant: Grant, path: str, body: bytes) -> Told:
        """Answer a request of `grant`. Refusals and faults come back as a `Told`, not raised."""
        ...


class Keys(Protocol):
    """The part of the access room that batches need."""

    def grant_of_key(self, key_id: str) -> Grant | None:
        """What a key may do right now; None once it is revoked or expired."""
        ...

    def local_grant(self) -> Grant:
        """What the local console may do."""
        ...
