"""A moment as a caller writes it: RFC 3339, with its offset; a bare number is none."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator

_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*", re.DOTALL)


def _written(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970, or for a day without a time."""
    if isinstance(value, datetime) or (isinstance(value, str) and _FORM.fullmatch(value)):
        return value
    message = "a moment is written like 2026-11-22T08:00:00+08:00"
    raise ValueError(message)


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""For what callers send; answers are plain `datetime`."""
