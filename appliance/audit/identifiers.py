"""Identifiers of requests and receipts: ordered by time, so that their indexes stay cheap."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from os import register_at_fork, urandom
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RANDOM_BYTES: Final = 9
_DRAWN: Final = 256
"""How many ids the system is asked for randomness at a time."""
_MILLISECOND: Final = 0.001
_random: Final[list[str]] = []
# Two processes never take the same.
register_at_fork(after_in_child=_random.clear)
_ID: Final = re.compile(r"(?:req|rcp)_[0-9a-f]{30}", re.ASCII)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def request_id(clock: Callable[[], datetime]) -> str:
    """An id for a request: "req_" and 30 hexadecimal digits, 48 bits of milliseconds and 72 random."""
    return "req_" + _ordered(clock())


class RequestNumbers:
    """Ids of requests like those of `request_id`; the wall clock is read once in a millisecond.

    Args:
        clock: UTC.
    """

    __slots__ = ("_beginning", "_clock", "_until")

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._beginning = ""
        self._until = 0.0

    def draw(self, at: float) -> str:
        """An id for a request that began `at`, in seconds of a clock that nobody sets."""
        if at >= self._until:
            self._beginning = f"req_{microseconds(self._clock()) // 1000:012x}"
            self._until = at + _MILLISECOND
        return self._beginning + _drawn()


def receipt_of(request: str) -> str:
    """The id of the one receipt of a request: the request's own number."""
    return "rcp_" + request[4:]


def receipt_id(clock: Callable[[], datetime]) -> str:
    """An id for a receipt: "rcp_" and 30 hexadecimal digits, made like a request id."""
    return "rcp_" + _ordered(clock())


def is_identifier(text: str) -> bool:
    """Whether a text has the form of a request or receipt id."""
    return _ID.fullmatch(text) is not None


def _ordered(moment: datetime) -> str:
    # The time comes first, so new ids go to the right edge of their index.
    return f"{microseconds(moment) // 1000:012x}{_drawn()}"


def _drawn() -> str:
    """Random hexadecimal digits that nobody else gets: each is taken out, which no thread shares."""
    try:
        return _random.pop()
    except IndexError:
        width = 2 * _RANDOM_BYTES
        digits = urandom(_RANDOM_BYTES * _DRAWN).hex()
        _random.extend(digits[at : at + width] for at in range(width, len(digits), width))
        return digits[:width]


def receipt_salt(secret: bytes, receipt: str) -> bytes:
    """The salt of a receipt's hashes: BLAKE2b keyed by the box's secret (RFC 7693), 32 bytes."""
    return blake2b(receipt.encode(), key=secret, digest_size=32).digest()


class Salts:
    """Salts like those of `receipt_salt`, under one secret that is taken in once.

    Args:
        secret: the box's secret, up to 64 bytes.
    """

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(key=secret, digest_size=32)

    def of(self, receipt: str) -> bytes:
        """The salt of a receipt's hashes."""
        keyed = self._keyed.copy()
        keyed.update(receipt.encode())
        return keyed.digest()
