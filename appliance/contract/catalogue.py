"""Wire types of the model shelf: models, cards and what a verification found."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from appliance.contract.base import Text, Wire
from appliance.contract.system import EngineState


class ModelView(Wire):
    """A model on the shelf and the state of its engine; `bytes` counts every file."""

    id: str
    name: Text
    version: str
    architecture: str
    parameters: int
    context: int
    quantisation: str
    bytes: int
    digest: str
    engine: EngineState
    default: bool


class CardView(Wire):
    """A model's card and signed manifest, as they lie on the shelf."""

    model: ModelView
    card: dict[str, Any]
    manifest: dict[str, Any]


class ModelVerified(Wire):
    """Every byte was hashed again and agrees with the signed manifest."""

    id: str
    digest: str
    files: int
    bytes: int
    checked: datetime


class ListedModel(Wire):
    """A model in the form OpenAI clients read; `created` is Unix seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "wardbox-reference",
                    "object": "model",
                    "created": 1767225600,
                    "owned_by": "wardbox",
                }
            ]
        }
    )

    id: str
    object: str = "model"
    created: int
    owned_by: str = "wardbox"


class ModelList(Wire):
    """`GET /v1/models`."""

    object: str = "list"
    data: tuple[ListedModel, ...]
