"""Leases: one owner of memory and cores, who never lends more than there is; serving comes first."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

from appliance.audit.event import Event
from appliance.audit.events_serving import lease_hold, lease_window
from appliance.errors import ApplianceError
from appliance.serving.errors import LeaseOutsideWindow, LeaseRefused
from appliance.serving.store import PastLease, ServingStore
from appliance.serving.window import Window
from models.hardware.facts import Hardware
from models.planning.reservations import Claim, Reservations

Purpose = Literal["serve", "evaluate", "train"]
PURPOSES: Final[tuple[Purpose, ...]] = ("serve", "evaluate", "train")
"""Most important first: who stands further right yields to who stands further left."""
_AUDIT_TIMEOUT_S: Final = 30.0


class Audit(Protocol):
    """The part of the audit log that this room needs."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """Memory and cores that somebody holds.

    Attributes:
        id: "lease_" and 12 hexadecimal digits.
        holder: Model id or job id.
        purpose: "serve", "evaluate" or "train".
        claim: Amounts by place: bytes of "host" and of cards, whole "cores".
        taken: Unix seconds.
        willing: Whether the holder can go on later from where it stopped, so that it may be asked.
        yielding: Whether it was asked to give its lease back.
    """

    id: str
    holder: str
    purpose: Purpose
    claim: Claim
    taken: float
    willing: bool = False
    yielding: bool = False


class LeaseOffice:
    """Lends what `Reservations` has; lives on one event loop.

    A lease is granted in memory first and written down second: when the record cannot be made,
    the grant is undone. It is given back once its holder is gone. Holders die with the box, so
    leases that a former run left are ended by `start`.

    Args:
        capacity: What there is to lend.
        store: Where leases and windows are written down.
        audit: The audit log.
        clock: Unix seconds.
        minute: The local minute of the day at a time.
        look: Looks at the machine again, for what strangers took since; None: never.
    """

    def __init__(
        self,
        capacity: Reservations,
        store: ServingStore,
        audit: Audit,
        clock: Callable[[], float],
        minute: Callable[[float], int],
        look: Callable[[], Hardware] | None = None,
    ) -> None:
        self.reserved = self._whole = capacity
        self._look = look
        self._store = store
        self._audit = audit
        self._clock = clock
        self._minute = minute
        self._held: dict[str, Lease] = {}
        self._asks: dict[str, Callable[[], object]] = {}
        self._windows: dict[str, Window] = {}
        self._freed = asyncio.Event()
        self._urgent = 0
        self._listeners: list[Callable[[], object]] = []

    async def start(self) -> None:
        """Read the windows, and end what a former run left."""
        await asyncio.to_thread(self._store.end_leases, self._clock())
        self._windows = await asyncio.to_thread(self._store.windows)

    async def observe(self) -> None:
        """Look at the machine again: what strangers hold by now is not there to lend.

        Never more is lent than there was at first: an engine that is still loading, or whose
        weights are only mapped, shows less in the machine's figures than its lease says.
        """
        if self._look is None:
            return
        hardware = await asyncio.to_thread(self._look)
        fresh, whole = self.reserved.observed(hardware, self.reserved.granted), self._whole.capacity
        capacity = {
            place: max(fresh.taken(place), min(amount, whole.get(place, 0)))
            for place, amount in fresh.capacity.items()
        }
        self.reserved = Reservations(capacity, fresh.granted)

    def leases(self) -> tuple[Lease, ...]:
        """What is lent now, oldest first."""
        return tuple(self._held.values())

    async def past(self, most: int) -> tuple[PastLease, ...]:
        """What was lent, newest first, what still is among it."""
        return await asyncio.to_thread(self._store.past_leases, most)

    def windows(self) -> Mapping[str, Window]:
        """The hours outside which a purpose gets nothing; a purpose without any has all day."""
        return dict(self._windows)

    def on_freed(self, listener: Callable[[], object]) -> None:
        """Call the listener whenever something was given back or may be asked for again."""
        self._listeners.append(listener)

    async def take(
        self,
        holder: str,
        purpose: Purpose,
        claim: Claim,
        on_yield: Callable[[], object] | None = None,
    ) -> Lease:
        """Lend all of a claim, or nothing.

        Args:
            holder: Who it is for.
            purpose: What it is for.
            claim: Amounts by place.
            on_yield: Asks the holder to save its work and give the lease back; None: never asked.

        Raises:
            LeaseRefused: Less is left than asked for.
            LeaseOutsideWindow: The purpose has hours, and it is not one of them.
            ApplianceError: It could not be written down; nothing is lent then.
        """
        now = self._clock()
        self._check_window(purpose, now)
        if purpose != "serve":  # a model's room was looked at when it was placed
            await self.observe()
        lacking = self.reserved.lacking(claim)
        if self._urgent and purpose != "serve":
            # What was asked back for a model must not be taken by the next job in the queue.
            lacking = dict(claim)
        if lacking:
            raise LeaseRefused(what=shown(lacking), holders=self.told(lacking), retry_after_s=30)
        ident = "lease_" + secrets.token_hex(6)
        lease = Lease(ident, holder, purpose, dict(claim), now, willing=on_yield is not None)
        self.reserved = self.reserved.grant(ident, claim)
        try:
            await asyncio.to_thread(self._write, lease)
        except BaseException:
            self.reserved = self.reserved.release(ident)
            self._news()
            raise
        self._held[ident] = lease
        if on_yield is not None:
            self._asks[ident] = on_yield
        return lease

    async def release(self, lease: Lease) -> None:
        """Take a lease back; its holder is gone. A record that fails holds nothing up."""
        if self._held.pop(lease.id, None) is None:
            return
        self._asks.pop(lease.id, None)
        self.reserved = self.reserved.release(lease.id)
        self._news()
        with suppress(ApplianceError):
            # Else the row stays open and is ended by the next start; the memory is free all the same.
            await asyncio.to_thread(self._write_end, lease)

    def willing(self, purpose: Purpose) -> tuple[Lease, ...]:
        """Leases that may be asked to yield to a purpose, or have been, least important first."""
        rank = PURPOSES.index(purpose)
        lower = [
            one for one in self._held.values() if one.willing and PURPOSES.index(one.purpose) > rank
        ]
        return tuple(sorted(lower, key=lambda one: (-PURPOSES.index(one.purpose), -one.taken)))

    async def ask(self, leases: Iterable[Lease]) -> None:
        """Ask holders to save their work and give back; each is asked once."""
        for lease in leases:
            held = self._held.get(lease.id)
            if held is None or held.yielding:
                continue
            self._held[lease.id] = replace(held, yielding=True)
            event = lease_hold("yield", lease=lease.id, holder=lease.holder, purpose=lease.purpose)
            try:
                await asyncio.to_thread(self._record, event)
            except BaseException:
                if lease.id in self._held:
                    self._held[lease.id] = held
                raise
            ask = self._asks.get(lease.id)
            # It may have ended by itself meanwhile.
            if ask is not None:
                ask()

    async def tick(self) -> None:
        """Ask those to yield whose hours are over, and let those try again whose hours began."""
        now = self._clock()
        closed = [one for one in self._held.values() if self._closed(one.purpose, now)]
        await self.ask(one for one in closed if one.willing)
        self._tell()

    async def set_window(self, purpose: Purpose, window: Window | None, actor: str) -> None:
        """Give a purpose its hours; None means all day. Serving has no hours."""
        span = "" if window is None else str(window)

        def write() -> None:
            with self._store.change():
                self._store.set_window(purpose, window)
                self._record(lease_window(actor, purpose=purpose, window=span))

        await asyncio.to_thread(write)
        self._windows.pop(purpose, None)
        if window is not None:
            self._windows[purpose] = window
        await self.tick()

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """While the block lasts a model waits for room: nothing is lent for anything else."""
        self._urgent += 1
        try:
            yield
        finally:
            self._urgent -= 1
            self._tell()

    def next_freed(self) -> asyncio.Event:
        """The event that is set when something is given back next."""
        return self._freed

    def told(self, places: Iterable[str]) -> str:
        """Who holds something of these places, as a sentence's part."""
        wanted = set(places)
        rows = [
            f"{one.holder} ({shown({p: n for p, n in one.claim.items() if p in wanted})})"
            for one in self._held.values()
            if wanted & set(one.claim)
        ]
        return "; ".join(rows) or "—"

    def _closed(self, purpose: str, now: float) -> bool:
        window = self._windows.get(purpose)
        return window is not None and not window.holds(self._minute(now))

    def _check_window(self, purpose: str, now: float) -> None:
        if self._closed(purpose, now):
            window = self._windows[purpose]
            wait = window.minutes_until(self._minute(now)) * 60
            raise LeaseOutsideWindow(purpose=purpose, window=str(window), retry_after_s=wait)

    def _news(self) -> None:
        freed, self._freed = self._freed, asyncio.Event()
        freed.set()
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _write(self, lease: Lease) -> None:
        with self._store.change():
            self._store.add_lease(lease.id, lease.holder, lease.purpose, lease.claim, lease.taken)
            told = lease_hold("take", lease=lease.id, holder=lease.holder, purpose=lease.purpose)
            self._record(told)

    def _write_end(self, lease: Lease) -> None:
        with self._store.change():
            self._store.end_lease(lease.id, self._clock())
            told = lease_hold("release", lease=lease.id, holder=lease.holder, purpose=lease.purpose)
            self._record(told)

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def shown(claim: Claim) -> str:
    """A claim for people: "host 1.50 GiB, cores 2"."""
    return ", ".join(
        f"{place} {amount}" if place == "cores" else f"{place} {amount / (1 << 30):.2f} GiB"
        for place, amount in sorted(claim.items())
    )
