"""Sealing to a slot whose secret is not at hand: its secret makes a key pair, the public half waits.

A slot's key (derived from a passphrase, a paper key, a TPM's secret, shares) is taken as the private
half of an X25519 pair. The root key is sealed to the public half, so that a new root key can be sealed
to every slot without asking anybody. The public half itself is sealed under the root key: whoever has
only the document can neither exchange it nor compute with it, a quantum computer included.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from secure_compute.envelope import Sealed, seal, unseal, unseal_key
from secure_compute.errors import KeyMalformed, SealBroken, SealMalformed
from secure_compute.secret import Secret, scrub
from secure_compute.suites import AES_256_GCM, expand

PUBLIC_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class Relay:
    """How a slot is reached.

    Attributes:
        ephemeral: The sender's public half of this sealing; 32 bytes.
        public: The slot's public half, sealed under the root key.
    """

    ephemeral: bytes
    public: Sealed

    def to_text(self) -> str:
        """Base64 of the ephemeral half and the envelope."""
        return b64encode(self.ephemeral + self.public.to_bytes()).decode()

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read what `to_text` wrote.

        Raises:
            SealMalformed, ValueError: It is something else.
        """
        if not isinstance(text, str):
            raise SealMalformed(reason="its header is damaged")
        data = b64decode(text, validate=True)
        if b64encode(data).decode() != text:
            # Base64 has spare bits at its end: one document, one text.
            raise SealMalformed(reason="its header is damaged")
        return cls(data[:PUBLIC_SIZE], Sealed.parse(data[PUBLIC_SIZE:]))


def public_of(key: Secret) -> bytes:
    """The public half of a slot's key (RFC 7748); 32 bytes."""
    return _private(key).public_key().public_bytes_raw()


def seal_to(public: bytes, root: Secret, slot_id: str, aad: bytes) -> tuple[Relay, Sealed]:
    """Seal a root key to a slot's public half.

    An ephemeral X25519 pair is agreed with it, and HKDF-SHA256 over the result and both public halves
    gives the key of the envelope.

    Args:
        public: The slot's public half.
        root: The root key.
        slot_id: Names the slot.
        aad: What is bound to both envelopes.

    Raises:
        KeyMalformed: The public half is none.
    """
    ephemeral = X25519PrivateKey.generate()
    sender = ephemeral.public_key().public_bytes_raw()
    with _agreed(ephemeral, public, sender, public) as key:
        sealed = seal(root.view(), key, slot_id, aad)
    with _keeper(root) as key:
        return Relay(sender, seal(public, key, slot_id, aad)), sealed


def open_with(key: Secret, relay: Relay | None, sealed: Sealed, aad: bytes) -> Secret:
    """Open a root key with a slot's key, and check that the document holds that slot's public half.

    Args:
        key: 32 bytes that the slot's secret gives.
        relay: None for a slot of an old document, which is sealed under the key itself.
        sealed: The root key.
        aad: What is bound to both envelopes.

    Raises:
        SealBroken: Another key, or a document that was altered.
    """
    if relay is None:
        return unseal_key(sealed, key, aad)
    public = public_of(key)
    try:
        with _agreed(_private(key), relay.ephemeral, relay.ephemeral, public) as agreed:
            root = unseal_key(sealed, agreed, aad)
        if public_in(relay, root, aad) != public:
            raise SealBroken
    except KeyMalformed:
        raise SealBroken from None
    return root


def public_in(relay: Relay, root: Secret, aad: bytes) -> bytes:
    """The slot's public half, for whoever holds the root key.

    Raises:
        SealBroken: Another root key, or a document that was altered.
    """
    with _keeper(root) as key:
        return unseal(relay.public, key, aad)


def _private(key: Secret) -> X25519PrivateKey:
    if len(key) != PUBLIC_SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
    return X25519PrivateKey.from_private_bytes(key.view())


def _agreed(private: X25519PrivateKey, public: bytes, sender: bytes, receiver: bytes) -> Secret:
    try:
        bare = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        # Wrong length, or a point of small order.
        raise KeyMalformed(reason="it is not a key of X25519") from error
    with Secret(bare) as shared:
        scrub(bare)
        info = b"wardbox/v1/slot-relay" + sender + receiver
        return expand(AES_256_GCM, shared, 32, info)


def _keeper(root: Secret) -> Secret:
    return expand(AES_256_GCM, root, 32, b"wardbox/v1/slot-public")
