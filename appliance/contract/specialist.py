"""Wire types of the admission-note specialist: facts in, a note with its sources out."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Wire
from appliance.contract.problem import Problem


class DraftWish(Wire):
    """Key facts of one admission; `GET .../admission-note/schema` gives their schema."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"facts": {"name": "王秀兰"}, "stream": False}]}
    )

    facts: dict[str, Any]
    stream: bool = False


class Sentence(Wire):
    """One sentence of the note and the keys of the facts it says."""

    text: str
    sources: tuple[str, ...]


class Section(Wire):
    """One section of the note."""

    title: str
    sentences: tuple[Sentence, ...]


class Note(Wire):
    """The whole note: `text` is what the sections say, joined."""

    sections: tuple[Section, ...]
    text: str


class Repair(Wire):
    """A field the check put right: what the model wrote and what the fact says."""

    field: str
    before: str
    after: str


class Flag(Wire):
    """A field a person must look at, and why (Chinese, then English)."""

    field: str
    sentence: str


class Draft(Wire):
    """A checked draft. `seconds` is wall time; `receipt` leads to the audit leaf."""

    note: Note
    repairs: tuple[Repair, ...]
    flags: tuple[Flag, ...]
    receipt: str
    model: str
    seconds: float


class DraftEvent(Wire):
    """One event of a streamed draft.

    `delta` carries unchecked text as it is written, `checked` repairs and flags, `done` the draft
    that counts, `error` the problem that ended it.
    """

    event: Literal["delta", "checked", "done", "error"]
    text: str = ""
    repairs: tuple[Repair, ...] = Field(default=())
    flags: tuple[Flag, ...] = Field(default=())
    draft: Draft | None = None
    problem: Problem | None = None
