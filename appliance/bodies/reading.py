"""Reads bodies back: opened by the keys of their day and patient, and held against their entries."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from appliance.bodies.errors import BodyDamaged
from appliance.bodies.sealing import SealedBody, number_of, unseal_body
from appliance.bodies.shape import KEPT, Forgotten, Found, NotKept, Why
from appliance.bodies.store import BodyStore
from secure_compute.errors import SecureComputeError
from secure_compute.secret import Secret

_WHY: Final[Mapping[object, Why]] = {
    "failed": "failed",
    "forgotten": "forgotten",
    "low-space": "low-space",
}


class Keys(Protocol):
    """The part of the vault that reading needs."""

    def opening(self, receipt: str, patient: str | None) -> Secret | Forgotten | NotKept:
        """The key above a body's own, for the caller to wipe; or why there is none any more."""
        ...


class BodyReader:
    """Reads the bodies behind entries; threads take turns.

    Args:
        path: the database of the bodies; it need not exist yet.
        key: gives its 32 bytes.
        keys: opens what wraps each body's key.
    """

    def __init__(self, path: Path, key: Callable[[], bytes], keys: Keys) -> None:
        self._path = path
        self._key = key
        self._keys = keys
        self._lock = threading.Lock()
        self._store: BodyStore | None = None

    def find(self, details: Mapping[str, object]) -> Found:
        """The body behind an entry.

        Args:
            details: of the entry: its receipt, whether a body was kept, its patient and its hashes.

        Raises:
            BodyDamaged: what is kept is not what the entry was made of.
            DbError: the database cannot be read.
        """
        key = self._key_of(details)
        if not isinstance(key, Secret):
            return key
        with key:
            lying = self._lying(details)
            return NotKept("missing") if lying is None else _opened(lying, key, details)

    def standing(self, details: Mapping[str, object]) -> Found | None:
        """What became of a body, without opening it; None when it is there to be read."""
        key = self._key_of(details)
        if not isinstance(key, Secret):
            return key
        key.wipe()
        return NotKept("missing") if self._lying(details) is None else None

    def close(self) -> None:
        """Close the database; doing it twice is fine."""
        with self._lock:
            store, self._store = self._store, None
            if store is not None:
                store.close()

    def _key_of(self, details: Mapping[str, object]) -> Secret | Forgotten | NotKept:
        receipt, state, patient = (details.get(name) for name in ("receipt", "body", "patient"))
        if not isinstance(receipt, str) or state != KEPT:
            return NotKept(_WHY.get(state, "none"))
        return self._keys.opening(receipt, patient if isinstance(patient, str) else None)

    def _lying(self, details: Mapping[str, object]) -> SealedBody | None:
        with self._lock:
            if self._store is None:
                if not self._path.exists():
                    return None
                self._store = BodyStore.open(self._path, self._key())
            return self._store.get(number_of(str(details["receipt"])))


def _opened(lying: SealedBody, key: Secret, details: Mapping[str, object]) -> Found:
    receipt = str(details["receipt"])
    try:
        kept = unseal_body(lying, key)
    except SecureComputeError as error:
        raise BodyDamaged(receipt=receipt) from error
    if not kept.agrees(details):
        raise BodyDamaged(receipt=receipt)
    return kept
