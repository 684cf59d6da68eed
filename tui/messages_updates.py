"""What workers say to the screen of updates: sticks and history, a plan, a job, the box's health."""

from dataclasses import dataclass

from textual.message import Message

from appliance.contract.job import Job
from appliance.contract.update import UpdateHealth, UpdateList, UpdatePlan, UpdateStatus


@dataclass(frozen=True, slots=True)
class UpdatesNow:
    """One look at updates.

    Args:
        status: trust, sticks and what is installed.
        seen: what became of bundles, newest first.
        job: the job at work, or the last one that a person asked for here.
    """

    status: UpdateStatus
    seen: UpdateList
    job: Job | None


class UpdatesHeard(Message):
    """How updates stand."""

    def __init__(self, now: UpdatesNow) -> None:
        self.now = now
        super().__init__()


class PlanHeard(Message):
    """What applying a stick would do; `apply`: the person wants it done."""

    def __init__(self, directory: str, plan: UpdatePlan, *, apply: bool) -> None:
        self.directory = directory
        self.plan = plan
        self.apply = apply
        super().__init__()


class UpdateAsked(Message):
    """A job is queued; `did` says which: verify, apply, rollback."""

    def __init__(self, job: Job, did: str) -> None:
        self.job = job
        self.did = did
        super().__init__()


class WellnessHeard(Message):
    """Whether the box works."""

    def __init__(self, health: UpdateHealth) -> None:
        self.health = health
        super().__init__()
