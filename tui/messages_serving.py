"""What workers say to the screens of serving: models, keys and use."""

from dataclasses import dataclass

from textual.message import Message

from appliance.contract.access import CreatedKey, KeyView
from appliance.contract.catalogue import ModelView
from appliance.contract.cluster import ClusterNeighbours
from appliance.contract.serving import ModelStateView
from appliance.contract.system import TrafficView
from appliance.contract.usage import UsageReport


@dataclass(frozen=True, slots=True)
class ServingNow:
    """One look at serving: shelf, models in memory, requests, the counters' text, the other boxes."""

    shelf: tuple[ModelView, ...]
    states: tuple[ModelStateView, ...]
    traffic: TrafficView
    metrics: str
    nearby: ClusterNeighbours | None = None


class ServingHeard(Message):
    """How serving stands."""

    def __init__(self, now: ServingNow) -> None:
        self.now = now
        super().__init__()


class ModelMoved(Message):
    """Something was done to a model: "load", "unload", "pin" or "unpin"."""

    def __init__(self, model: str, did: str) -> None:
        self.model = model
        self.did = did
        super().__init__()


class KeysHeard(Message):
    """All keys."""

    def __init__(self, keys: tuple[KeyView, ...]) -> None:
        self.keys = keys
        super().__init__()


class KeyMade(Message):
    """A new key with its secret."""

    def __init__(self, made: CreatedKey) -> None:
        self.made = made
        super().__init__()


class KeyChanged(Message):
    """A key was revoked, or has other limits."""

    def __init__(self, key_id: str, did: str) -> None:
        self.key_id = key_id
        self.did = did
        super().__init__()


class UsageHeard(Message):
    """Use, added up."""

    def __init__(self, report: UsageReport) -> None:
        self.report = report
        super().__init__()


class UsageWritten(Message):
    """The rows lie in a file (the outcome is its size), or why they do not."""

    def __init__(self, path: str, outcome: int | Exception) -> None:
        self.path = path
        self.outcome = outcome
        super().__init__()
