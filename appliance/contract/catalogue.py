"""Wire types of the model shelf: models, cards and what a verification found."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from appliance.contract.base import Text, Wire
from appliance.contract.cluster import ClusterReplica
from appliance.contract.system import EngineState


class ModelView(Wire):
    """A model on the shelf and the state of its engine; `bytes` counts every file.

    `boxes` are the other boxes of the cluster, by address, that can be asked for the same weights now.
    """

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
    boxes: tuple[str, ...] = ()


class ModelElsewhere(Wire):
    """What only other boxes of the cluster have, a model or a served name, and which they are."""

    id: str
    replicas: tuple[ClusterReplica, ...]


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
    """A model in the form OpenAI's clients read, with what Anthropic's look for beside it.

    `created` is Unix seconds, `created_at` the same as text (RFC 3339).

    What only other boxes of the cluster have is `owned_by` "wardbox-cluster"; when it was made they do
    not tell, and `created` is 0.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "wardbox-reference",
                    "object": "model",
                    "created": 1767225600,
                    "owned_by": "wardbox",
                    "type": "model",
                    "display_name": "wardbox-reference",
                    "created_at": "2026-01-01T00:00:00Z",
                }
            ]
        }
    )

    id: str
    object: str = "model"
    created: int
    owned_by: str = "wardbox"
    type: str = "model"
    display_name: str
    created_at: str


class ModelList(Wire):
    """`GET /v1/models`; always whole."""

    object: str = "list"
    data: tuple[ListedModel, ...]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None
