"""Whom a directory vouches for, and the pure judgements on what it says of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Microsoft [MS-ADTS] 2.2.16: the account is disabled.
_DISABLED: Final = 0x2
# 100-nanosecond steps since 1601; 0 and the largest value mean never ([MS-ADA1] accountExpires).
_NEVER: Final = frozenset({0, 0x7FFF_FFFF_FFFF_FFFF})
_EPOCH_1601_S: Final = 11_644_473_600
_TICKS: Final = 10_000_000
# draft-behera-ldap-password-policy, pwdAccountLockedTime: locked for good.
_LOCKED: Final = "000001010000Z"

Attributes = Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a directory vouches for.

    Attributes:
        name: Their name, as the directory writes it.
        subject: What the directory never gives to another person.
        role: Their role in the box, or None when no group of theirs has one.
        enabled: Whether the directory lets them work.
    """

    name: str
    subject: str
    role: str | None
    enabled: bool = True


def first_text(attributes: Attributes, name: str) -> str | None:
    """The first value of an attribute as text; None when absent or no UTF-8. Case does not count."""
    for key, values in attributes.items():
        if key.lower() == name.lower() and values:
            try:
                return values[0].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def is_enabled(attributes: Attributes, now: float) -> bool:
    """Whether a directory lets a person work: Active Directory, OpenLDAP and 389 Directory.

    What cannot be read counts as disabled.
    """
    control = _number(attributes, "userAccountControl")
    if control is None or control & _DISABLED:
        return False
    expires = _number(attributes, "accountExpires")
    if expires is None:
        return False
    if expires not in _NEVER and expires / _TICKS - _EPOCH_1601_S <= now:
        return False
    if (first_text(attributes, "nsAccountLock") or "").lower() == "true":
        return False
    return first_text(attributes, "pwdAccountLockedTime") != _LOCKED


def first_role(roles: Mapping[str, str], held: Iterable[str]) -> str | None:
    """The role of the first listed group or value that a person holds; compared as written."""
    mine = frozenset(held)
    return next((role for value, role in roles.items() if value in mine), None)


def _number(attributes: Attributes, name: str) -> int | None:
    text = first_text(attributes, name)
    if text is None:
        absent = all(key.lower() != name.lower() or not found for key, found in attributes.items())
        return 0 if absent else None
    try:
        return int(text)
    except ValueError:
        return None
