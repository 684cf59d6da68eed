"""A value that was read, or the reason why it could not be: "could not read" is a value too."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, Union

T = TypeVar("T")


class Reason(StrEnum):
    """Why a fact could not be read."""

    ABSENT = "absent"
    DENIED = "denied"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    TIMED_OUT = "timed-out"
    UNSUPPORTED = "unsupported"
    OUTSIDE = "outside-root"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be read, and why.

    Attributes:
        reason: The kind of obstacle.
        source: What was asked: a path below the root, or a library.
        detail: More words in English, may be empty.
    """

    reason: Reason
    source: str
    detail: str = ""


# Spelled with Union: Python 3.11 cannot write `T | Unread` as a generic alias.
Reading = Union[T, Unread]  # noqa: UP007


def first_unread(*found: object) -> Unread | None:
    """The first obstacle among several readings, or None when all were read."""
    return next((value for value in found if isinstance(value, Unread)), None)
