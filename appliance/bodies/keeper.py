"""Writes bodies down in the process that writes the record: before their entries, durable with them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

from appliance.bodies.sealing import Sealer, number_of, receipt_of
from appliance.bodies.shape import Body
from appliance.bodies.store import BodyStore
from appliance.db.errors import DbError
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

    Bodies are written before their entries, and a thread waits for their disk while the entries are
    written: one wait for both. Whoever answers waits for `settled` as well.

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
        self._beside: ThreadPoolExecutor | None = None
        self._flushing: Future[None] | None = None
        self._refusal = ""
        self._again = 0.0

    def keep(self, bodies: Sequence[Body]) -> str:
        """Write bodies down together; `settled` tells when the disk has them.

        Returns:
            Nothing when they are written; else, in a sentence, why none of them is.
        """
        try:
            if self._refusal and self._monotonic() < self._again:
                return self._refusal
            sealed = [self._sealer.seal(body) for body in bodies]
            store = self._opened()
            store.add(sealed)
            self._flushing = self._thread().submit(store.flush)
        except (ApplianceError, SecureComputeError) as error:
            self._fail(error.sentence)
        except (OSError, ValueError) as error:
            # What is no body of ours (a receipt that is none) is as bad as a disk that refuses.
            self._fail(str(error))
        else:
            self._refusal = ""
        return self._refusal

    def settled(self) -> None:
        """Wait until the disk has what was kept last.

        Raises:
            DbError: nobody knows whether it has.
        """
        flushing, self._flushing = self._flushing, None
        if flushing is None:
            return
        try:
            flushing.result()
        except OSError as error:
            self._fail(error.strerror or str(error))
            raise DbError(path=self._place.path, reason=self._refusal) from error

    def missing(self, receipts: Sequence[str]) -> int:
        """Of how many receipts the body is not there."""
        try:
            store = self._opened()
            return sum(store.get(number_of(one)) is None for one in receipts)
        except (ApplianceError, OSError, ValueError) as error:
            self._fail(getattr(error, "sentence", str(error)))
            return 0

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
        flushing, self._flushing = self._flushing, None
        if flushing is not None:
            # Whoever waited for it has been told already, or is told that nothing is known.
            flushing.exception()
        beside, self._beside = self._beside, None
        if beside is not None:
            beside.shutdown()
        store, self._store = self._store, None
        if store is not None:
            with suppress(ApplianceError):
                store.close()

    def _opened(self) -> BodyStore:
        if self._store is None:
            place = self._place
            self._store = BodyStore.create(place.path, place.key, self._clock, waiting=False)
        return self._store

    def _thread(self) -> ThreadPoolExecutor:
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, "bodies")
        return self._beside

    def _fail(self, reason: str) -> None:
        self._refusal = reason or "?"
        self._again = self._monotonic() + AGAIN_S
        self.close()
