"""Wire types of imports: a model on a stick or in a folder of the box."""

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Wire


class ImportWish(Wire):
    """A model to bring onto the shelf: its whole path on the box, and its id there.

    Without an id one is made from the name of the file or folder.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"path": "/media/stick/Qwen3-8B", "id": "qwen3-8b"}]}
    )

    path: str = Field(min_length=1, max_length=4096)
    id: Identifier | None = None
