"""Who lends a job the memory and cores that it needs before it starts."""

from collections.abc import Callable
from typing import Protocol

from appliance.jobs.job import JobKind


class Lender(Protocol):
    """The part of the box that owns memory and cores; `appliance.serving.job_desk.JobDesk`."""

    async def borrow(
        self, job_id: str, kind: JobKind, on_yield: Callable[[], object] | None
    ) -> bool:
        """Lend what a job of this kind takes.

        Args:
            job_id: The job.
            kind: What kind of job it is.
            on_yield: Asks the job to save its work and end, because something more important
                needs the room; None for jobs that cannot go on later.

        Returns:
            False when it cannot be lent now: the job waits in the queue.
        """
        ...

    async def give_back(self, job_id: str) -> None:
        """Take back what a job held; nothing happens when it held nothing."""
        ...

    def on_freed(self, listener: Callable[[], object]) -> None:
        """Call the listener whenever it is worth asking again."""
        ...


class Unlimited:
    """Lends everything to everybody, for a box without a ledger."""

    async def borrow(
        self, job_id: str, kind: JobKind, on_yield: Callable[[], object] | None
    ) -> bool:
        """Lend."""
        del job_id, kind, on_yield
        return True

    async def give_back(self, job_id: str) -> None:
        """Take back."""

    def on_freed(self, listener: Callable[[], object]) -> None:
        """Never calls."""
