"""Wire types of metered use."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict

from appliance.contract.base import Wire

UsageBy = Literal["key", "user", "model", "day"]


class UsageSum(Wire):
    """Use added up: `name` is a key's id, an owner, a model or a day; `label` a key's name."""

    name: str
    label: str
    requests: int
    prompt_tokens: int
    completion_tokens: int


class UsageReport(Wire):
    """Metered use of the hours that start in [since, until)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "since": "2026-01-01T00:00:00+08:00",
                    "until": "2026-02-01T00:00:00+08:00",
                    "by": "model",
                    "rows": [
                        {
                            "name": "wardbox-reference",
                            "label": "",
                            "requests": 12,
                            "prompt_tokens": 3400,
                            "completion_tokens": 5600,
                        }
                    ],
                }
            ]
        }
    )

    since: datetime
    until: datetime
    by: UsageBy
    rows: tuple[UsageSum, ...]
