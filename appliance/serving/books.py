"""What the serving room writes in: its tables, the audit log, and the adapters' folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.serving.lease import Audit
from appliance.serving.store import ServingStore


@dataclass(frozen=True, slots=True)
class Books:
    """What the room writes in: its tables, the audit log, and the adapters' folder.

    `clock` is Unix seconds; `idle_unload_s` the idle time after which a model is let go, 0: never;
    `salt` the key under which callers' cached prefixes are kept apart.
    """

    store: ServingStore
    audit: Audit
    adapters: Path
    clock: Callable[[], float]
    idle_unload_s: float = 0
    salt: bytes = field(default=b"", repr=False)
