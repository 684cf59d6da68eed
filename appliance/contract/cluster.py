"""Wire types of the cluster: founding, inviting, joining, leaving, and how it stands."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.contract.base import Secret, Wire


class ClusterFound(Wire):
    """Make a cluster with this box as its first."""

    address: str = Field(max_length=45, examples=["10.20.0.1"])
    base_port: int = Field(default=6400, ge=1024, le=65_000)


class ClusterInvitation(Wire):
    """How long a join token is good."""

    minutes: int = Field(default=30, ge=1, le=1440)


class ClusterToken(Wire):
    """A join token; shown once, works once."""

    token: Secret


class ClusterJoin(Wire):
    """Enter the cluster that made the token."""

    token: Secret
    head: str = Field(max_length=45, examples=["10.20.0.1"])
    head_port: int = Field(default=8443, ge=1, le=65_535)
    address: str = Field(max_length=45, examples=["10.20.0.2"])
    base_port: int = Field(default=6400, ge=1024, le=65_000)


class ClusterMessage(Wire):
    """A sealed message between two boxes, base64."""

    message: str = Field(max_length=65_536, pattern=r"^[A-Za-z0-9+/]*={0,2}$")


class ClusterLeave(Wire):
    """How long running work may take to end, in seconds."""

    drain_s: int = Field(default=120, ge=0, le=3600)


class ClusterLeft(Wire):
    """Whether the box was idle when it went."""

    idle: bool


class ClusterBox(Wire):
    """One box: cores and accelerators are (all, free); null where nothing is heard of it."""

    address: str
    name: str
    state: Literal["alive", "lost", "unknown"]
    cpus: tuple[float, float] | None
    gpus: tuple[float, float] | None
    lost: datetime | None


class ClusterShare(Wire):
    """A model or served name of this box that the other boxes may ask for."""

    name: str = Field(min_length=1, max_length=128, examples=["qwen3-32b"])


class ClusterReplica(Wire):
    """A model that another box offers to this one; `busy` requests are with it, of `slots` at once."""

    address: str
    model: str
    adapter: str | None
    digest: str
    engine: str
    slots: int
    busy: int
    resting: bool


class ClusterNeighbour(Wire):
    """Another box: when it was last heard of, in seconds, since when it is lost, what it offers."""

    address: str
    name: str
    state: Literal["alive", "leaving", "silent", "lost"]
    heard_s: float | None
    lost: datetime | None
    replicas: tuple[ClusterReplica, ...]


class ClusterNeighbours(Wire):
    """The other boxes as this one hears them; `address`, its own, is empty outside a cluster."""

    address: str
    door: bool
    shared: tuple[str, ...]
    boxes: tuple[ClusterNeighbour, ...]


class ClusterView(Wire):
    """The cluster as this box sees it."""

    role: Literal["none", "head", "member"]
    address: str
    head: str
    authority: str
    running: bool
    boxes: tuple[ClusterBox, ...]
    door: bool = False
    shared: tuple[str, ...] = ()
    replicas: tuple[ClusterReplica, ...] = ()
