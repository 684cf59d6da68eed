"""What workers say to the screens of storage: back end and space, slots, backups, unlocking."""

from dataclasses import dataclass

from textual.message import Message

from appliance.contract.access import VaultView
from appliance.contract.backup import BackupList
from appliance.contract.job import Job
from appliance.contract.slots import SlotList, SlotView
from appliance.contract.storage import StorageView


@dataclass(frozen=True, slots=True)
class BackupsNow:
    """One look at backups: targets, and the jobs that may be at work on them."""

    list: BackupList
    jobs: tuple[Job, ...]


class StorageHeard(Message):
    """How the storage stands."""

    def __init__(self, storage: StorageView) -> None:
        self.storage = storage
        super().__init__()


class BackupsHeard(Message):
    """Targets, and what is being done."""

    def __init__(self, now: BackupsNow) -> None:
        self.now = now
        super().__init__()


class BackupAsked(Message):
    """A backup, check or drill is queued, or a target was added or forgotten; `did` says which."""

    def __init__(self, target: str, did: str) -> None:
        self.target = target
        self.did = did
        super().__init__()


class VaultHeard(Message):
    """How the vault stands, and what is not right with it."""

    def __init__(self, vault: VaultView) -> None:
        self.vault = vault
        super().__init__()


class OfferUnready(Message):
    """What was entered cannot be sent; the sentence says what is missing."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__()


class SlotsHeard(Message):
    """The slots of the vault."""

    def __init__(self, found: SlotList) -> None:
        self.slots = found.slots
        super().__init__()


class SlotChanged(Message):
    """A slot was added, tried, sealed anew or revoked; None when the person left on the way."""

    def __init__(self, slot: SlotView | None, did: str) -> None:
        self.slot = slot
        self.did = did
        super().__init__()
