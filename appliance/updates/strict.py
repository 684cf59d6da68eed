"""Refuses in the name of one manifest: every field has its type, its form and its bounds."""

import re
from collections.abc import Mapping
from typing import Any, Never, TypeVar

from appliance.updates.errors import MetadataRefused

_Value = TypeVar("_Value")


class Judge:
    """Judges the fields of one manifest.

    Args:
        name: What to call the manifest in a refusal.
    """

    def __init__(self, name: str) -> None:
        self._name = ascii(name)[1:-1][:160]

    def refuse(self, zh: str, en: str) -> Never:
        """Refuse the manifest. Raises MetadataRefused."""
        raise MetadataRefused(name=self._name, reason_zh=zh, reason_en=en)

    def require(self, holds: bool, zh: str, en: str) -> None:  # noqa: FBT001  # an assertion that stays on
        """Refuse unless it holds."""
        if not holds:
            self.refuse(zh, en)

    def field(self, holds: bool, field: str) -> None:  # noqa: FBT001  # the same
        """Refuse a field unless it holds."""
        self.require(holds, f"{field} 取值不对", f"{field} has no acceptable value")

    def text(self, value: Any, form: re.Pattern[str], field: str) -> str:
        """A text of a form."""
        self.field(isinstance(value, str) and form.fullmatch(value) is not None, field)
        return str(value)

    def count(self, value: Any, limit: int, field: str, least: int = 0) -> int:
        """A whole number within bounds."""
        # bool is an int in Python: "true" must not pass for 1.
        self.field(type(value) is int and least <= value <= limit, field)
        return int(value)

    def choice(self, value: Any, table: Mapping[str, _Value], field: str) -> _Value:
        """What a word stands for."""
        self.field(isinstance(value, str) and value in table, field)
        return table[value]

    def rows(self, value: Any, limit: int, field: str) -> list[Any]:
        """A list that is not too long."""
        self.field(isinstance(value, list) and len(value) <= limit, field)
        return list(value)

    def object(self, value: Any, keys: set[str], field: str) -> dict[str, Any]:
        """An object of exactly these fields."""
        self.field(isinstance(value, dict) and set(value) == keys, field)
        return dict(value)
