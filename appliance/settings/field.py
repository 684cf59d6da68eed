"""What every table of the settings shares: frozen, no unknown keys, each key told in two languages."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def told(default: object, zh: str, en: str, unit: str = "", **bounds: Any) -> Any:
    """A field that says in both languages what it means and in which unit it is given."""
    meaning: dict[str, Any] = {"zh": zh, "en": en, "unit": unit}
    return Field(default, description=f"{zh} {en}", json_schema_extra=meaning, **bounds)


class Section(BaseModel):
    """One table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
