"""Training waits, and stops after saving its work, while the box's ground is not sound."""

from collections.abc import Callable

from appliance.jobs.job import JobKind
from appliance.jobs.lender import Lender


class TrainingGate:
    """A lender of jobs that holds some kinds back; everything else is the other lender's matter.

    Args:
        lender: lends memory and cores.
        held: names of the kinds of jobs that are held back.
    """

    def __init__(self, lender: Lender, held: frozenset[str]) -> None:
        self._lender = lender
        self._held = held
        self._yields: dict[str, Callable[[], object]] = {}
        self._freed: Callable[[], object] = _nobody
        self._shut = False

    async def borrow(
        self, job_id: str, kind: JobKind, on_yield: Callable[[], object] | None
    ) -> bool:
        """Lend as the other lender does, but nothing to what is held back."""
        held = kind.name in self._held
        if held and self._shut:
            return False
        if not await self._lender.borrow(job_id, kind, on_yield):
            return False
        if held and on_yield is not None:
            self._yields[job_id] = on_yield
        return True

    async def give_back(self, job_id: str) -> None:
        """Take back what a job held."""
        self._yields.pop(job_id, None)
        await self._lender.give_back(job_id)

    def on_freed(self, listener: Callable[[], object]) -> None:
        """Call the listener when it is worth asking again, also because the gate has opened."""
        self._freed = listener
        self._lender.on_freed(listener)

    def hold(self) -> None:
        """Hold training back: what runs saves its work and waits in the queue."""
        self._shut = True
        # Each is asked once.
        asked, self._yields = self._yields, {}
        for ask in asked.values():
            ask()

    def release(self) -> None:
        """Let training go on."""
        before, self._shut = self._shut, False
        if before:
            self._freed()


def _nobody() -> None:
    """Nobody listens yet."""
