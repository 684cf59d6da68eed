"""The shape every wire type shares: frozen, strict about unknown fields, with an example."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import override

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Secret = Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
Digest = Annotated[str, Field(pattern=r"^(sha256:)?[0-9a-f]{64}$")]


class Wire(BaseModel):
    """A message of the API: unknown fields are refused, values do not change."""

    # Built at its first use: a command or a boot needs few of them.
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), defer_build=True
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _as_it_is_written(cls, value: Any, take: ValidatorFunctionWrapHandler) -> Any:
        """Take no number for a truth and no text for either, which pydantic would."""
        taken = take(value)
        if isinstance(taken, bool | int | float) and (
            isinstance(value, str | bytes) or isinstance(taken, bool) != isinstance(value, bool)
        ):
            raise PydanticCustomError("wire_type", "a value of another type")
        return taken


class Text(Wire):
    """A sentence in Chinese and English."""

    zh: str
    en: str


class Asked(Wire):
    """What stands in an address behind the question mark, where everything is text."""

    @field_validator("*", mode="wrap")
    @classmethod
    @override
    def _as_it_is_written(cls, value: Any, take: ValidatorFunctionWrapHandler) -> Any:
        """Read numbers from text."""
        return take(value)
