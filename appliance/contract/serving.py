"""Wire types of serving: models in memory, served names, adapters, leases."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Text, Wire

ModelPhase = Literal["waiting", "checking", "loading", "ready", "draining", "failed"]
Purpose = Literal["serve", "evaluate", "train"]
AdapterState = Literal["registered", "approved", "loaded", "promoted"]
ServedName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class ModelStateView(Wire):
    """A model in memory, on its way there, or failed.

    `percent` is that of the phase "loading", `step` what its engine does meanwhile ("start",
    "weights", "cache", "warmup"); `seconds` run since loading began, or since it failed; `holds` are
    bytes by place ("host", "nvidia:0"). `failure` is the short name of why it failed
    ("device-memory"), `way_out` what to do about it.
    """

    model: str
    engine: str
    phase: ModelPhase
    percent: int
    seconds: float
    retry_after_s: int
    pinned: bool
    idle_unload_s: int | None
    idle_s: float
    in_flight: int
    holds: dict[str, int]
    adapters: tuple[str, ...]
    reason: Text | None
    step: str = ""
    failure: str | None = None
    way_out: Text | None = None


class Keeping(Wire):
    """How a model is kept: never put out, and its own idle time (null: the box's; 0: never)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pinned": True, "idle_unload_s": None}]}
    )

    pinned: bool = False
    idle_unload_s: int | None = Field(default=None, ge=0, le=604_800)


class TargetWish(Wire):
    """A share of a served name's requests, in percent; 0 drains the target."""

    model: Identifier
    adapter: Identifier | None = None
    weight: int = Field(default=100, ge=0, le=100)


class DeploymentWish(Wire):
    """What a served name stands for; the weights add up to 100."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "targets": [
                        {"model": "wardbox-reference", "weight": 90},
                        {"model": "wardbox-reference-2", "weight": 10},
                    ]
                }
            ]
        }
    )

    targets: tuple[TargetWish, ...] = Field(min_length=1, max_length=8)


class DeploymentView(Wire):
    """A served name; `previous` is the revision that a revert goes back to."""

    name: str
    revision: int
    previous: int | None
    drained: bool
    targets: tuple[TargetWish, ...]
    actor: str
    made: datetime


class AdapterWish(Wire):
    """A LoRA file on the box itself, and the model that it was made for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": "eye-notes", "base": "wardbox-reference", "file": "/media/usb/eye.gguf"}
            ]
        }
    )

    id: ServedName
    base: Identifier
    file: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^/[^\x00]*$")]


class Promotion(Wire):
    """The served name whose requests an adapter takes over, or gives back."""

    name: ServedName


class AdapterView(Wire):
    """An adapter; `digest` is that of its manifest and stands in receipts."""

    id: str
    base: str
    base_digest: str
    digest: str
    bytes: int
    state: AdapterState
    registered_by: str
    registered: datetime
    approved_by: str | None
    approved: datetime | None


class LeaseView(Wire):
    """Memory (bytes by place) and cores that a model or a job holds."""

    id: str
    holder: str
    purpose: Purpose
    holds: dict[str, int]
    taken: datetime
    willing: bool
    yielding: bool


class PastLease(Wire):
    """What was held, from when until when; `ended` is null while it still is."""

    id: str
    holder: str
    purpose: Purpose
    holds: dict[str, int]
    taken: datetime
    ended: datetime | None


class Leases(Wire):
    """Who holds what, how much there is, what is left, and the hours of each purpose.

    `past` is what was lent before, newest first, as much of it as was asked for.
    """

    leases: tuple[LeaseView, ...]
    capacity: dict[str, int]
    free: dict[str, int]
    windows: dict[str, str]
    past: tuple[PastLease, ...] = ()


class WindowWish(Wire):
    """The hours in which a purpose may run, "22:00-06:00" on the box's clock; null: all day."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"window": "22:00-06:00"}]})

    window: Annotated[str, Field(max_length=11)] | None
