"""The book of a box's keys: every key by use and version, when it was made, and which one is in use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self, get_args

from appliance.vault.errors import KeyUnknown
from secure_compute.errors import KeyMalformed
from secure_compute.keyring import Keyring, WrappedKey
from secure_compute.secret import Secret

FORMAT: Final = "wardbox-keyring/2"
_FIRST: Final = "wardbox-keyring/1"
_LATEST: Final = 253_402_300_800
"""The year 10,000: no calendar goes beyond it."""

State = Literal["current", "old", "next"]
_STATES: Final[dict[object, State]] = {name: name for name in get_args(State)}


@dataclass(frozen=True, slots=True)
class KeptKey:
    """One version of a key.

    Args:
        wrapped: the key under the root key.
        made: seconds since 1970 UTC; 0 where an older version did not note it.
        state: "current" is used; "old" only reads; "next" waits for what it shall lock.
    """

    wrapped: WrappedKey
    made: int = 0
    state: State = "current"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {**self.wrapped.to_json(), "made": self.made, "state": self.state}


@dataclass(frozen=True, slots=True)
class KeyBook:
    """All keys of a box; changed by making another."""

    keys: tuple[KeptKey, ...] = ()

    def __iter__(self) -> Iterator[str]:
        """The uses that have a key, in order."""
        return iter(sorted({key.wrapped.use for key in self.keys}))

    def __contains__(self, use: object) -> bool:
        return any(key.wrapped.use == use for key in self.keys)

    def find(self, use: str, version: int) -> KeptKey:
        """One version.

        Raises:
            KeyUnknown: there is none.
        """
        for key in self.keys:
            if (key.wrapped.use, key.wrapped.version) == (use, version):
                return key
        raise KeyUnknown(key=f"{use}/{version}")

    def current(self, use: str) -> KeptKey:
        """The version in use.

        Raises:
            KeyUnknown: there is none.
        """
        return self._in_state(use, "current")

    def next(self, use: str) -> KeptKey:
        """The version that waits.

        Raises:
            KeyUnknown: none waits.
        """
        return self._in_state(use, "next")

    def waiting(self) -> tuple[str, ...]:
        """Uses of which a new version waits for what it shall lock."""
        return tuple(key.wrapped.use for key in self.keys if key.state == "next")

    def newest(self, use: str) -> int:
        """The highest version of a use; 0 where there is none."""
        return max((key.wrapped.version for key in self.keys if key.wrapped.use == use), default=0)

    def with_key(self, wrapped: WrappedKey, made: int, state: State = "current") -> "KeyBook":
        """The book with one more version; one that was current becomes old."""
        kept = self.keys
        if state == "current":
            kept = tuple(
                replace(key, state="old")
                if key.wrapped.use == wrapped.use and key.state == "current"
                else key
                for key in kept
            )
        return KeyBook((*kept, KeptKey(wrapped, made, state)))

    def promoted(self, use: str) -> "KeyBook":
        """The book in which the waiting version is current and the one before it is gone."""
        fresh = self.next(use)
        kept = (key for key in self.keys if key is not fresh)
        left = tuple(key for key in kept if key.wrapped.use != use or key.state != "current")
        return KeyBook((*left, replace(fresh, state="current")))

    def without(self, use: str, version: int) -> "KeyBook":
        """The book without one version.

        Raises:
            KeyUnknown: there is none.
        """
        gone = self.find(use, version)
        return KeyBook(tuple(key for key in self.keys if key is not gone))

    def rewrapped(self, old: Keyring, new: Keyring) -> "KeyBook":
        """The same keys under a new root key.

        Raises:
            SealBroken: one of them is not under the old one.
        """
        return KeyBook(
            tuple(replace(key, wrapped=old.rewrap(key.wrapped, new)) for key in self.keys)
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `parse` reads it."""
        ordered = sorted(self.keys, key=lambda key: (key.wrapped.use, key.wrapped.version))
        return {"format": FORMAT, "keys": [key.to_json() for key in ordered]}

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a JSON object; books of the first format hold one version of each use.

        Raises:
            KeyMalformed, SealMalformed: it is not one that `to_json` writes.
        """
        if not isinstance(value, dict) or value.keys() != {"format", "keys"}:
            raise KeyMalformed(reason="its fields are others")
        if value["format"] not in (FORMAT, _FIRST) or not isinstance(value["keys"], list):
            raise KeyMalformed(reason="its format is another")
        read: Callable[[object], KeptKey] = _parse_key
        if value["format"] == _FIRST:
            read = _parse_first
        keys = tuple(read(item) for item in value["keys"])
        if len({key.wrapped.key_id for key in keys}) != len(keys):
            raise KeyMalformed(reason="its fields are others")
        for state in ("current", "next"):
            uses = [key.wrapped.use for key in keys if key.state == state]
            if len(set(uses)) != len(uses):
                raise KeyMalformed(reason="its fields are others")
        return cls(keys)

    def _in_state(self, use: str, state: State) -> KeptKey:
        for key in self.keys:
            if key.wrapped.use == use and key.state == state:
                return key
        raise KeyUnknown(key=use)


def first_book(keyring: Keyring, uses: tuple[str, ...], made: int) -> KeyBook:
    """A book with a fresh random key for each use."""
    book = KeyBook()
    for use in uses:
        wrapped, secret = keyring.new_key(use)
        secret.wipe()
        book = book.with_key(wrapped, made)
    return book


def fresh_version(book: KeyBook, keyring: Keyring, use: str) -> tuple[WrappedKey, Secret]:
    """A random key that continues the versions of a use, wrapped and open."""
    return keyring.new_key(use, book.newest(use) + 1)


def _parse_first(value: object) -> KeptKey:
    return KeptKey(WrappedKey.parse(value))


def _parse_key(value: object) -> KeptKey:
    if not isinstance(value, dict) or not {"made", "state"} <= value.keys():
        raise KeyMalformed(reason="its fields are others")
    made, state = value["made"], _STATES.get(str(value["state"]))
    if state is None or type(made) is not int or not 0 <= made < _LATEST:
        raise KeyMalformed(reason="its fields are others")
    rest = {name: item for name, item in value.items() if name not in {"made", "state"}}
    return KeptKey(WrappedKey.parse(rest), made, state)
