"""What workers say to the screens of storage: space, slots, backups, keys of the vault, unlocking."""

from dataclasses import dataclass
from datetime import datetime

from textual.message import Message

from appliance.contract.access import VaultView
from appliance.contract.backup import BackupList
from appliance.contract.job import Job
from appliance.contract.people import ApprovalList
from appliance.contract.slots import SlotList, SlotView
from appliance.contract.storage import StorageView
from appliance.contract.vault_keys import KeyList, KeyRotated
from tui.keyvisit import Destroyed


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


class VaultKeysHeard(Message):
    """The keys of the vault, and the box's own time."""

    def __init__(self, seen: KeyList, now: datetime) -> None:
        self.seen = seen
        self.now = now
        super().__init__()


class KeyReplaced(Message):
    """A key was replaced; None when the person left."""

    def __init__(self, done: KeyRotated | None) -> None:
        self.done = done
        super().__init__()


class KeyDestroyed(Message):
    """Something was destroyed for good, or an approval was asked for; None when the person left."""

    def __init__(self, done: Destroyed | None) -> None:
        self.done = done
        super().__init__()


class ApprovalsHeard(Message):
    """The two-person requests."""

    def __init__(self, found: ApprovalList) -> None:
        self.found = found
        super().__init__()


class ApprovalDecided(Message):
    """A request was approved or cancelled; `did` says which."""

    def __init__(self, approval_id: str, did: str) -> None:
        self.approval_id = approval_id
        self.did = did
        super().__init__()
