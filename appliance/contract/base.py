"""The shape every wire type shares: frozen, strict about unknown fields, with an example."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Secret = Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
Digest = Annotated[str, Field(pattern=r"^(sha256:)?[0-9a-f]{64}$")]


class Wire(BaseModel):
    """A message of the API: unknown fields are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Text(Wire):
    """A sentence in Chinese and English."""

    zh: str
    en: str
