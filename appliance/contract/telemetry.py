"""Wire types of the watch over the box: alerts and the event stream."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Asked, Text, Wire

EventKind = Literal["engine", "job", "alert", "vault", "update", "missed", "dropped", "ended"]


class Alert(Wire):
    """One alert; `cleared` and `acknowledged` are null while they did not happen."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 7,
                    "rule": "disk-low",
                    "subject": "disk",
                    "severity": "warning",
                    "text": {
                        "zh": "磁盘仅剩 8.1%(41.5 GiB)。",
                        "en": "Only 8.1% of the disk is free (41.5 GiB).",
                    },
                    "way_out": {
                        "zh": "请移除不用的模型、导出和旧任务,或更换更大的磁盘。",
                        "en": "Remove models, exports and old jobs that nobody needs.",
                    },
                    "raised": "2026-03-01T08:00:00Z",
                    "cleared": None,
                    "acknowledged": None,
                    "acknowledged_by": None,
                }
            ]
        }
    )

    id: int
    rule: str
    subject: str
    severity: Literal["warning", "critical"]
    text: Text
    way_out: Text
    raised: datetime
    cleared: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str | None


class AlertList(Wire):
    """Alerts; what is raised stands oldest first, the history newest first."""

    alerts: tuple[Alert, ...]


class AlertQuery(Asked):
    """Which alerts: what is raised now, or the latest ones, cleared ones too."""

    state: Literal["raised", "all"] = "raised"
    limit: int = Field(default=100, ge=1, le=500)


class BoxEvent(Wire):
    """One event of the stream; `subject` is the model, job or alert it is about.

    `missed` says that events before the next one are lost, `dropped` that this client reads too
    slowly and the stream ends, `ended` that its key or session does not hold any more.
    """

    event: EventKind
    subject: str
    time: datetime
    data: dict[str, Any]
