"""The slots of the sealed root key: which of them an offer opens, and what a wrong one costs."""

from typing import Final

from appliance.errors import VaultBackoff, WrongSecret
from appliance.vault.backoff import Backoff
from appliance.vault.errors import PassphraseUnfit, WeakPassphrase
from appliance.vault.offer import Offer, openers_of
from secure_compute.errors import WrongSecret as NoSlotOpens
from secure_compute.sealed_root import (
    Argon2Cost,
    Opener,
    SealedRoot,
    Slot,
    add_slot,
    open_slot,
    seal_root,
)
from secure_compute.secret import Secret

MAXIMUM_PASSPHRASE: Final = 1024
"""Bytes in UTF-8; a Chinese sign has three."""
MINIMUM_PASSPHRASE: Final = 12
"""Characters; each guess costs argon2id besides (NIST SP 800-63B asks for 8)."""


def judged(passphrase: str) -> str:
    """A passphrase that is long enough, and none that could never be entered.

    Raises:
        WeakPassphrase: it is too short.
        PassphraseUnfit: it is too long, or no text.
    """
    if len(passphrase.strip()) < MINIMUM_PASSPHRASE:
        raise WeakPassphrase(minimum=MINIMUM_PASSPHRASE)
    try:
        Opener.passphrase(passphrase).secret.wipe()
    except NoSlotOpens:
        raise PassphraseUnfit(maximum=MAXIMUM_PASSPHRASE) from None
    return passphrase


class Slots:
    """Opens the sealed root with what people bring.

    Args:
        backoff: counts failures.
        cost: what one guess at a passphrase costs.
    """

    def __init__(self, backoff: Backoff, cost: Argon2Cost) -> None:
        self._backoff = backoff
        self.cost = cost

    def seal(self, root: Secret, passphrase: str, paper: Secret) -> SealedRoot:
        """A new document with a passphrase slot and a recovery slot."""
        document = seal_root(root, Opener.passphrase(passphrase), self.cost)
        return add_slot(document, root, Opener.recovery(Secret(paper.reveal())))

    def opened_by(self, document: SealedRoot, offer: Offer) -> tuple[Secret, Slot]:
        """The root key, and the slot that gave it.

        Raises:
            WrongSecret: the offer opens no slot; the same whatever was wrong with it.
            RecoveryKeyMistyped: it looks like the recovery key and is none; tells the group.
            ShareMistyped, SharesUnfit, KeyFileMalformed: it cannot be what it shall be.
            VaultBackoff: too many wrong secrets, and this one could be guessed.
        """
        found = openers_of(offer)
        openers = (*found.full, *found.guessed)
        try:
            self._backoff.check()
        except VaultBackoff:
            # 256 bits cannot be guessed: paper and shares work even while others are kept waiting.
            if not found.full:
                # A slip of the pen in a recovery key is told at once: nothing is guessed at with it.
                if found.mistyped is not None:
                    raise found.mistyped from None
                raise
            openers = found.full
        opened = _first_that_opens(document, openers)
        if opened is None:
            self._backoff.fail()
            raise found.mistyped or WrongSecret()
        self._backoff.succeed()
        return opened


def _first_that_opens(
    document: SealedRoot, openers: tuple[Opener, ...]
) -> tuple[Secret, Slot] | None:
    found: tuple[Secret, Slot] | None = None
    # Every opener is tried, so that the time tells nothing about which one was meant.
    for opener in openers:
        try:
            opened = open_slot(document, opener)
        except NoSlotOpens:
            continue
        found = found or opened
    return found
