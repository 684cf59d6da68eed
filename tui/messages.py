"""What workers say to screens; a screen touches its widgets only when it hears one of these."""

from collections.abc import Sequence

from textual.message import Message

from appliance.contract.access import SessionView, VaultView
from appliance.contract.audit import (
    Entry,
    EntryPage,
)
from appliance.contract.job import Job, JobEvent
from appliance.contract.signin import SignInOffer
from appliance.contract.specialist import Draft, DraftEvent
from appliance.contract.system import Health, Overview
from tui.line import Fault


class Failed(Message):
    """A question had no answer; `topic` names the question."""

    def __init__(self, topic: str, fault: Fault) -> None:
        self.topic = topic
        self.fault = fault
        super().__init__()


class LineChanged(Message):
    """The line was heard of again: its health, fault or person may differ."""


class HealthHeard(Message):
    """The box said how it is."""

    def __init__(self, health: Health) -> None:
        self.health = health
        super().__init__()


class Entered(Message):
    """A person is let in at the door."""

    def __init__(self, person: str) -> None:
        self.person = person
        super().__init__()


class Unlocked(Message):
    """The vault answered an unlock or a lock."""

    def __init__(self, vault: VaultView) -> None:
        self.vault = vault
        super().__init__()


class SignedIn(Message):
    """The box opened a session; None when the person left on the way."""

    def __init__(self, name: str, session: SessionView | None) -> None:
        self.name = name
        self.session = session
        super().__init__()


class OfferHeard(Message):
    """Which outside ways of signing in are set up."""

    def __init__(self, offer: SignInOffer) -> None:
        self.offer = offer
        super().__init__()


class SignedOut(Message):
    """The session ended."""


class OverviewHeard(Message):
    """The overview arrived."""

    def __init__(self, overview: Overview) -> None:
        self.overview = overview
        super().__init__()


class SchemaHeard(Message):
    """The schema of the facts arrived."""

    def __init__(self, schema: dict[str, object]) -> None:
        self.schema = schema
        super().__init__()


class DraftHeard(Message):
    """Some events of the draft that is being written."""

    def __init__(self, events: Sequence[DraftEvent]) -> None:
        self.events = events
        super().__init__()


class DraftEnded(Message):
    """The stream of the draft ended; `draft` is missing when the box broke off."""

    def __init__(self, draft: Draft | None) -> None:
        self.draft = draft
        super().__init__()


class JobsHeard(Message):
    """The list of jobs arrived."""

    def __init__(self, jobs: tuple[Job, ...]) -> None:
        self.jobs = jobs
        super().__init__()


class JobHeard(Message):
    """One job answered: it was submitted, cancelled or resumed; `did` says which."""

    def __init__(self, job: Job, did: str) -> None:
        self.job = job
        self.did = did
        super().__init__()


class JobEventsHeard(Message):
    """Some events of the watched job."""

    def __init__(self, job_id: str, events: Sequence[JobEvent]) -> None:
        self.job_id = job_id
        self.events = events
        super().__init__()


class EntriesHeard(Message):
    """A page of the audit log, newest first."""

    def __init__(self, page: EntryPage) -> None:
        self.page = page
        super().__init__()


class EntriesTailed(Message):
    """Entries that became durable just now, oldest first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        super().__init__()
