"""Who holds which memory and cores: a ledger in which more than there is cannot be written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from models.hardware.facts import Accelerator, Hardware
from models.planning.errors import HolderKnown, Oversold

HOST: Final = "host"
"""The place of main memory, in bytes."""
CORES: Final = "cores"
"""The place of processor cores, counted whole."""
USABLE: Final = 0.92
"""Of free memory this share may be given away; the rest is for fragments and peaks."""

Claim = Mapping[str, int]
"""Amounts by place: bytes of `HOST` and of cards ("nvidia:0"), whole `CORES`."""


def card_place(card: Accelerator) -> str:
    """The place of a card's memory: "vendor:index"."""
    return f"{card.vendor}:{card.index}"


@dataclass(frozen=True, slots=True)
class Reservations:
    """Capacities and what of them is granted; a value, so that a plan can be tried on a copy.

    For every place the sum of what is granted is at most its capacity: the constructor refuses
    anything else, so no sequence of calls can oversell.

    Attributes:
        capacity: What there is, by place.
        granted: What each holder has, by place.
    """

    capacity: Claim = field(default_factory=dict)
    granted: Mapping[str, Claim] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze both tables and refuse what adds up to more than there is.

        Raises:
            Oversold: More is granted than there is.
            ValueError: An amount is negative.
        """
        held = {name: _frozen(claim) for name, claim in self.granted.items()}
        object.__setattr__(self, "capacity", _frozen(self.capacity))
        object.__setattr__(self, "granted", MappingProxyType(held))
        for place in {place for claim in held.values() for place in claim}:
            if self.taken(place) > self.capacity.get(place, 0):
                raise _oversold(place, self.taken(place), self.capacity.get(place, 0))

    @classmethod
    def of(cls, hardware: Hardware) -> Self:
        """A ledger in which nothing is granted.

        Args:
            hardware: Facts taken while no engine or job of the box runs; what others use then
                is not there to be given.
        """
        memory = {
            HOST: hardware.memory.available,
            **{card_place(card): card.memory_free_bytes for card in hardware.accelerators},
        }
        usable = {place: max(0, round(free * USABLE)) for place, free in memory.items()}
        return cls({**usable, CORES: max(1, min(hardware.cpu.physical, hardware.cpu.logical))})

    def taken(self, place: str) -> int:
        """What is granted of a place."""
        return sum(claim.get(place, 0) for claim in self.granted.values())

    def free(self, place: str) -> int:
        """What is left of a place; nothing of an unknown one."""
        return self.capacity.get(place, 0) - self.taken(place)

    def lacking(self, claim: Claim) -> dict[str, int]:
        """How much more than what is left a claim wants, by place; empty when it can be granted."""
        return {
            place: amount - self.free(place)
            for place, amount in claim.items()
            if amount > self.free(place)
        }

    def grant(self, holder: str, claim: Claim) -> Self:
        """The ledger in which the holder has what it claims; all of it or nothing.

        Raises:
            HolderKnown: The holder has something already.
            Oversold: There is not as much left; `facts` hold place, needed and free.
            ValueError: An amount is negative.
        """
        if holder in self.granted:
            raise HolderKnown(holder=holder)
        wanted = _frozen(claim)
        for place in sorted(self.lacking(wanted)):
            raise _oversold(place, wanted[place], self.free(place))
        return type(self)(self.capacity, {**self.granted, holder: wanted})

    def release(self, holder: str) -> Self:
        """The ledger without a holder; without change if it holds nothing."""
        return type(self)(
            self.capacity, {name: held for name, held in self.granted.items() if name != holder}
        )

    def observed(self, hardware: Hardware, resident: Iterable[str]) -> Self:
        """The ledger after another look at the machine.

        What strangers have taken since is no longer there to give; what the residents use is in
        the fresh figures already and is not subtracted twice.

        Args:
            hardware: Fresh facts.
            resident: Holders whose memory the fresh figures show as used.

        Returns:
            A ledger whose capacities are what is free now plus what the residents hold, at least
            what is granted (so that nothing is left where strangers took it), and the same grants.
        """
        fresh = type(self).of(hardware).capacity
        shown = [self.granted[name] for name in set(resident) if name in self.granted]
        capacity = {
            place: max(
                self.taken(place), free + (sum(c.get(place, 0) for c in shown) * (place != CORES))
            )
            for place, free in fresh.items()
        }
        gone = {p: self.taken(p) for p in self.capacity if p not in fresh}
        return type(self)({**gone, **capacity}, self.granted)


def _frozen(claim: Claim) -> Claim:
    if any(amount < 0 for amount in claim.values()):
        raise ValueError("a claim is never negative")
    return MappingProxyType(dict(claim))


def _oversold(place: str, needed: int, free: int) -> Oversold:
    return Oversold(place=place, needed=_shown(place, needed), free=_shown(place, free))


def _shown(place: str, amount: int) -> str:
    return str(amount) if place == CORES else f"{amount / (1 << 30):.2f} GiB"
