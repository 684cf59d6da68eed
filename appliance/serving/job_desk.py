"""The desk where jobs get their leases: training and evaluation, by what each kind takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.jobs.job import JobKind
from appliance.serving.errors import LeaseOutsideWindow, LeaseRefused
from appliance.serving.lease import Lease, LeaseOffice, Purpose
from models.planning.reservations import CORES, Claim


@dataclass(frozen=True, slots=True)
class Need:
    """What a kind of job takes: amounts by place, and what for."""

    purpose: Purpose
    claim: Claim


class JobDesk:
    """Lends to jobs; fits `appliance.jobs.lender.Lender`.

    Args:
        office: Lends.
        needs: What each kind of job takes; kinds that are not in it take nothing.
    """

    def __init__(self, office: LeaseOffice, needs: Mapping[str, Need]) -> None:
        self._office = office
        self._needs = needs
        self._held: dict[str, Lease] = {}

    async def borrow(
        self, job_id: str, kind: JobKind, on_yield: Callable[[], object] | None
    ) -> bool:
        """Lend a job what its kind takes; False when it has to wait."""
        need = self._needs.get(kind.name)
        if need is None:
            return True
        try:
            self._held[job_id] = await self._office.take(
                job_id, need.purpose, self._within(need.claim), on_yield
            )
        except (LeaseRefused, LeaseOutsideWindow):
            return False
        return True

    async def give_back(self, job_id: str) -> None:
        """Take back what a job held."""
        lease = self._held.pop(job_id, None)
        if lease is not None:
            await self._office.release(lease)

    def on_freed(self, listener: Callable[[], object]) -> None:
        """Call the listener whenever it is worth asking again."""
        self._office.on_freed(listener)

    def _within(self, claim: Claim) -> Claim:
        """A small machine must not leave a job waiting for ever: never more than half of it."""
        capacity = self._office.reserved.capacity
        return {
            place: min(amount, capacity.get(place, 0) // (1 if place == CORES else 2))
            for place, amount in claim.items()
        }
