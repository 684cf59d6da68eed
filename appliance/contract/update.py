"""Wire types of offline updates: what a bundle holds and what became of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.contract.base import Wire


class UpdateWish(Wire):
    """The folder a stick is mounted at; heeded on the local socket only."""

    directory: str = Field(min_length=1, max_length=1024)


class UpdateView(Wire):
    """One bundle: what it is called, holds and whether it was verified or applied."""

    id: str
    kind: str
    subject: str
    version: str
    state: Literal["verified", "refused", "applied"]
    time: datetime
    sentence: str


class UpdateList(Wire):
    """Bundles seen, newest first."""

    updates: tuple[UpdateView, ...]
