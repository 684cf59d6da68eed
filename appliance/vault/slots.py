"""The slots of the sealed root key: which secret opens it, what a wrong one costs, replacing one."""

from typing import Final

from appliance.errors import VaultBackoff, WrongSecret
from appliance.settings.layout import StateLayout
from appliance.vault.backoff import Backoff
from appliance.vault.errors import WeakPassphrase
from appliance.vault.keyfile import read_sealed_root, write_sealed_root
from secure_compute.errors import KeyMalformed, RecoveryKeyMistyped
from secure_compute.errors import WrongSecret as NoSlotOpens
from secure_compute.recovery import parse_recovery
from secure_compute.sealed_root import (
    Argon2Cost,
    Opener,
    SealedRoot,
    add_slot,
    open_root,
    remove_slot,
    seal_root,
)
from secure_compute.secret import Secret

MINIMUM_PASSPHRASE: Final = 12
"""Characters; each guess costs argon2id besides (NIST SP 800-63B asks for 8)."""


def judged(passphrase: str) -> str:
    """A passphrase that is long enough.

    Raises:
        WeakPassphrase: it is not.
    """
    if len(passphrase.strip()) < MINIMUM_PASSPHRASE:
        raise WeakPassphrase(minimum=MINIMUM_PASSPHRASE)
    return passphrase


class Slots:
    """Opens and changes the sealed root.

    Args:
        layout: where the box keeps its state.
        backoff: counts failures.
        cost: what one guess at a passphrase costs.
    """

    def __init__(self, layout: StateLayout, backoff: Backoff, cost: Argon2Cost) -> None:
        self._layout = layout
        self._backoff = backoff
        self._cost = cost

    def seal(self, root: Secret, passphrase: str, paper: Secret) -> SealedRoot:
        """A new document with a passphrase slot and a recovery slot."""
        document = seal_root(root, Opener.passphrase(passphrase), self._cost)
        return add_slot(document, root, Opener.recovery(Secret(paper.reveal())))

    def root_for(self, document: SealedRoot, secret: str) -> Secret:
        """The root key that a typed secret opens.

        Raises:
            WrongSecret: it opens no slot; the same whatever was wrong with it.
            VaultBackoff: too many wrong secrets, and this one is no recovery key.
        """
        paper = _recovery_opener(secret)
        openers = [paper, _passphrase_opener(secret)]
        try:
            self._backoff.check()
        except VaultBackoff:
            # 256 bits cannot be guessed: the paper key works even while others are kept waiting.
            if paper is None:
                raise
            openers = [paper]
        root = _first_that_opens(document, openers)
        if root is None:
            self._backoff.fail()
            raise WrongSecret
        self._backoff.succeed()
        return root

    def replace(self, secret: str, opener: Opener) -> None:
        """Put a new slot in the place of those of its kind.

        Args:
            secret: the present passphrase or recovery key.
            opener: what shall open the root from now on.

        Raises:
            WrongSecret: the present secret opens no slot.
        """
        document = read_sealed_root(self._layout)
        with self.root_for(document, secret) as root:
            fresh = add_slot(document, root, opener, self._cost)
        for slot in document.slots:
            if slot.kind == opener.kind:
                fresh = remove_slot(fresh, slot.slot_id)
        write_sealed_root(self._layout, fresh)


def _recovery_opener(secret: str) -> Opener | None:
    try:
        return Opener.recovery(parse_recovery(secret))
    except (RecoveryKeyMistyped, KeyMalformed):
        return None


def _passphrase_opener(secret: str) -> Opener | None:
    try:
        return Opener.passphrase(secret)
    except NoSlotOpens:
        return None


def _first_that_opens(document: SealedRoot, openers: list[Opener | None]) -> Secret | None:
    found: Secret | None = None
    # Every opener is tried, so that the time tells nothing about which one was meant.
    for opener in openers:
        if opener is None:
            continue
        try:
            root = open_root(document, opener)
        except NoSlotOpens:
            continue
        found = found or root
    return found
