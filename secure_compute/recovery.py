"""The recovery key on paper: 256 bits as 13 groups of five signs."""

from typing import Final

from secure_compute.errors import KeyMalformed, RecoveryKeyMistyped
from secure_compute.groups import grouped, groups_for, ungrouped
from secure_compute.secret import Secret

SIZE: Final = 32
GROUPS: Final = groups_for(SIZE)


def recovery_text(key: Secret) -> str:
    """Write a 32-byte key as 13 groups of 5 signs, joined by dashes."""
    if len(key) != SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
    return grouped(key.reveal())


def parse_recovery(text: str) -> Secret:
    """Read a recovery key as a person types it.

    Case, full-width forms and what stands between the signs do not matter; O reads as 0, I and L as 1.

    Raises:
        RecoveryKeyMistyped: Signs are missing, too many or impossible, or a group's check fails; the
            sentence names the group, counted from 1.
    """
    return Secret(ungrouped(text, SIZE, _mistyped))


def _mistyped(zh: str, en: str) -> RecoveryKeyMistyped:
    return RecoveryKeyMistyped(reason_zh=zh, reason=en)
