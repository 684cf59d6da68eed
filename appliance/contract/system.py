"""Wire types of the box itself: health, identity and the overview the console draws."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict

from appliance.contract.base import Text, Wire
from appliance.contract.job import Job
from appliance.contract.posture import PostureSummary

HealthState = Literal["ok", "locked", "starting", "degraded"]
VaultState = Literal["absent", "locked", "unlocked"]
EngineState = Literal["absent", "starting", "loading", "ready", "draining", "stopped", "failed"]


class DeepHealth(Wire):
    """What one real token cost: the engine was asked, not believed."""

    ok: bool
    latency_ms: float
    reason: str | None = None


class Health(Wire):
    """Whether the box can answer; the only view that needs no key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "vault": "unlocked",
                    "engine": "ready",
                    "audit": "ok",
                    "version": "0.1.0",
                    "deep": None,
                }
            ]
        }
    )

    status: HealthState
    vault: VaultState
    engine: EngineState
    audit: Literal["ok", "unavailable", "closed"]
    version: str
    deep: DeepHealth | None = None


class Info(Wire):
    """Who this box is."""

    id: str
    name: str
    hospital: str
    language: str
    version: str
    audit_origin: str
    audit_key: str
    started: datetime
    default_model: str


class EngineView(Wire):
    """One engine process. `progress` runs 0 to 1 while a model loads; `since` is UTC."""

    model: str
    engine: str
    state: EngineState
    since: datetime | None
    progress: float
    restarts: int
    pid: int | None
    in_flight: int
    reason: Text | None = None


class AcceleratorView(Wire):
    """One accelerator; memory in bytes."""

    vendor: str
    index: int
    name: str
    memory_bytes: int
    memory_free_bytes: int


class HostView(Wire):
    """The machine: memory in bytes, load averages over 1, 5 and 15 minutes."""

    processor: str
    cores: int
    load: tuple[float, float, float]
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int
    disk_free_bytes: int


class TrafficView(Wire):
    """Model requests: the last whole minutes, newest last (at most 60), and what runs now."""

    requests_per_minute: float
    tokens_per_minute: float
    in_flight: int
    refused: int
    requests_by_minute: tuple[int, ...]


class JobsView(Wire):
    """Jobs by state, and the newest few."""

    queued: int
    running: int
    failed: int
    latest: tuple[Job, ...]


class IntegrityView(Wire):
    """The light of the audit log: green only when the last verification passed and it can write."""

    state: Literal["ok", "broken", "unknown"]
    entries: int
    root: str
    verified: datetime | None
    sentence: str


class Overview(Wire):
    """Everything on the first screen of the console, in one answer."""

    time: datetime
    uptime_s: float
    info: Info
    health: Health
    posture: PostureSummary
    engines: tuple[EngineView, ...]
    accelerators: tuple[AcceleratorView, ...]
    host: HostView
    traffic: TrafficView
    jobs: JobsView
    integrity: IntegrityView
