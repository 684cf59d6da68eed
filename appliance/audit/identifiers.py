"""Identifiers of requests and receipts: ordered by time, so that their indexes stay cheap."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RANDOM_BYTES: Final = 9
_SIGNS: Final = "0123456789abcdefghijklmnopqrstuv"
_PAIRS: Final = tuple(high + low for high in _SIGNS for low in _SIGNS)
_SHIFTS: Final = tuple(range(110, -1, -10))
_ID: Final = re.compile(r"(?:req|rcp)_[0-9a-v]{24}", re.ASCII)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def request_id(clock: Callable[[], datetime]) -> str:
    """An id for a request: "req_" and 24 characters, 48 bits of milliseconds and 72 random bits."""
    return "req_" + _ordered(clock())


def receipt_id(clock: Callable[[], datetime]) -> str:
    """An id for a receipt: "rcp_" and 24 characters, made like a request id."""
    return "rcp_" + _ordered(clock())


def is_identifier(text: str) -> bool:
    """Whether a text has the form of a request or receipt id."""
    return _ID.fullmatch(text) is not None


def _ordered(moment: datetime) -> str:
    # Base32hex (RFC 4648, lower case) keeps the order of the bytes, so new ids go to the right edge
    # of their index. Ten bits at a time: every request makes two ids, and base64 is slow at it.
    random = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES), "big")
    bits = (microseconds(moment) // 1000) << (8 * _RANDOM_BYTES) | random
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])
