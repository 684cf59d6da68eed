"""What people bring to open the vault: a passphrase, a recovery key, shares, a key file."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from secure_compute.errors import KeyMalformed, RecoveryKeyMistyped
from secure_compute.errors import WrongSecret as NoSlotOpens
from secure_compute.key_file import KeyFile
from secure_compute.recovery import GROUPS, parse_recovery
from secure_compute.sealed_root import Opener
from secure_compute.shares import Share, combine
from secure_compute.slot_kinds import SHARES

_GROUP: Final = 5
_NEAR: Final = 5
_MOST: Final = 400
_BETWEEN: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Offer:
    """What was brought.

    Args:
        secret: the passphrase or the recovery key; with a key file, its passphrase.
        shares: texts of shares, in any order.
        key_file: the content of a key file.
    """

    secret: str = field(default="", repr=False)
    shares: tuple[str, ...] = field(default=(), repr=False)
    key_file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Openers:
    """What an offer may open.

    Args:
        full: those with 256 bits, which cannot be guessed and need no waiting.
        guessed: those that depend on what a person thought of.
        mistyped: the offer looks like a recovery key and is none: which group is wrong.
    """

    full: tuple[Opener, ...]
    guessed: tuple[Opener, ...]
    mistyped: RecoveryKeyMistyped | None = None


def openers_of(offer: Offer) -> Openers:
    """What an offer may open.

    Raises:
        ShareMistyped, SharesUnfit: the shares make no key; the sentence tells why.
        KeyFileMalformed: the file is no key file.
    """
    if offer.shares:
        shares = [Share.parse(text, place) for place, text in enumerate(offer.shares, 1)]
        return Openers((Opener.found(SHARES, combine(shares)),), ())
    if offer.key_file is not None:
        file = KeyFile.parse(offer.key_file)
        try:
            return Openers((), (Opener.key_file(offer.secret, file),))
        except NoSlotOpens:
            return Openers((), ())
    return _typed(offer.secret)


def _typed(secret: str) -> Openers:
    mistyped: RecoveryKeyMistyped | None = None
    full: tuple[Opener, ...] = ()
    try:
        full = (Opener.recovery(parse_recovery(secret)),)
    except RecoveryKeyMistyped as error:
        mistyped = error if _looks_like_paper(secret) else None
    except KeyMalformed:
        pass
    try:
        return Openers(full, (Opener.passphrase(secret),), mistyped)
    except NoSlotOpens:
        return Openers(full, (), mistyped)


def _looks_like_paper(secret: str) -> bool:
    """Whether a person meant the recovery key: about as many letters and digits, in groups or in one."""
    groups = _BETWEEN.split(unicodedata.normalize("NFKC", secret[:_MOST]))
    words = [word for word in groups if word]
    near = abs(sum(map(len, words)) - GROUPS * _GROUP) <= _NEAR
    return near and (len(words) >= GROUPS - 1 or len(words) == 1)
