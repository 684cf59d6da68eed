"""A moment as a caller writes it: RFC 3339, with its offset; a bare number is none."""

import re
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator, Field

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*", re.DOTALL)


def _written(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970, or for a day without a time."""
    if isinstance(value, datetime) or (isinstance(value, str) and _FORM.fullmatch(value)):
        return value
    message = "a moment is written like 2026-11-22T08:00:00+08:00"
    raise ValueError(message)


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""For what callers send; answers are plain `datetime`."""


def _day_or_moment(value: object) -> object:
    """A day on its own, or what is a moment."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    return value if isinstance(value, date) else _written(value)


DayOrMoment = Annotated[
    AwareDatetime | date, Field(union_mode="left_to_right"), BeforeValidator(_day_or_moment)
]
"""A moment, or a day that begins when the box's days do."""
