"""Writes bodies down in the process that writes the record: durable before their entries are."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

from appliance.bodies.sealing import Sealer, receipt_of
from appliance.bodies.shape import Body
from appliance.bodies.store import BodyStore
from appliance.errors import ApplianceError
from secure_compute.errors import SecureComputeError
from secure_compute.suites import AES_256_GCM

AGAIN_S: Final = 15.0
"""How long nothing is tried after a failure: a full disk is not asked for each answer."""

_RECENT: Final = 4096
"""Newest bodies that are looked at after a crash: as many as one commit has at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where bodies are kept.

    Args:
        path: their database.
        key: 32 bytes.
        algorithm: what they are sealed with.
    """

    path: Path
    key: bytes
    algorithm: str = AES_256_GCM


class BodyKeeper:
    """Keeps bodies, or says why it cannot; one thread at a time.

    Args:
        place: where.
        clock: wall time, for the tables.
        monotonic: seconds that no one can set.
    """

    def __init__(
        self, place: Place, clock: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._place = place
        self._clock = clock
        self._monotonic = monotonic
        self._sealer = Sealer(place.algorithm)
        self._store: BodyStore | None = None
        self._refusal = ""
        self._again = 0.0

    def keep(self, bodies: Sequence[Body]) -> str:
        """Make bodies durable together.

        Returns:
            Nothing when they are; else, in a sentence, why none of them is.
        """
        try:
            if self._refusal and self._monotonic() < self._again:
                return self._refusal
            sealed = [self._sealer.seal(body) for body in bodies]
            self._opened().add(sealed)
        except (ApplianceError, SecureComputeError) as error:
            self._fail(error.sentence)
        except (OSError, ValueError) as error:
            # What is no body of ours (a receipt that is none) is as bad as a disk that refuses.
            self._fail(str(error))
        else:
            self._refusal = ""
        return self._refusal

    def exists(self) -> bool:
        """Whether there is a database of bodies."""
        return self._place.path.exists()

    def sweep(self, known: Callable[[str], bool]) -> int:
        """Delete bodies whose entries never became durable; how many there were.

        A commit brings its bodies all at once, and its entries all at once after them: so only the
        last bodies written can be such, back to the first one whose entry is known.

        Args:
            known: whether the record holds an entry with a receipt.
        """
        try:
            store = self._opened()
            newest = store.newest(_RECENT)
            lost = list(takewhile(lambda one: not known(receipt_of(one)), newest))
            store.drop(lost)
        except (ApplianceError, OSError) as error:
            self._fail(getattr(error, "sentence", str(error)))
            return 0
        return len(lost)

    def close(self) -> None:
        """Close the database."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(ApplianceError):
                store.close()

    def _opened(self) -> BodyStore:
        if self._store is None:
            self._store = BodyStore.create(self._place.path, self._place.key, self._clock)
        return self._store

    def _fail(self, reason: str) -> None:
        self._refusal = reason or "?"
        self._again = self._monotonic() + AGAIN_S
        self.close()
