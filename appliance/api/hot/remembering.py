"""Responses that later ones go on from: looked up before a question, kept before its answer leaves."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from appliance.access.grants import Grant
from appliance.api.dialects.responses import ResponsesTranslation
from appliance.batches.kept import KeptResponse

Json = dict[str, Any]
_DATA: Final = b"data: "


class Responses(Protocol):
    """The part of the kept responses that the hot path needs; synchronous."""

    def get(self, owner: str, response_id: str) -> KeptResponse:
        """A response of its owner. Raises ResponseUnknown."""
        ...

    def keep(self, owner: str, kept: KeptResponse, patient: str | None = None) -> None:
        """Keep a response, under the key of the patient whom it is about."""
        ...


def history_of(responses: Responses, grant: Grant, response_id: str) -> Sequence[Json]:
    """The turns of the conversation that a response ended. Raises ResponseUnknown."""
    turns: list[Json] = msgspec.json.decode(responses.get(grant.actor, response_id).turns)
    return turns


def keep(
    responses: Responses,
    grant: Grant,
    translation: ResponsesTranslation,
    whole: bytes,
    patient: str | None,
) -> None:
    """Keep a response: a whole answer, or the last events of a streamed one."""
    if not whole.startswith(b"{"):
        # The last event of a stream tells the response with all its output.
        last = whole.rstrip().rpartition(_DATA)[2]
        whole = msgspec.json.encode(msgspec.json.decode(last)["response"])
    ident: str = msgspec.json.decode(whole)["id"]
    responses.keep(grant.actor, KeptResponse(ident, translation.kept(), whole), patient)
