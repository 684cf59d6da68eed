"""Bodies: the texts behind one entry of the record, on their way in and as they are read back."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

KEPT: Final = "kept"
"""What an entry says in its detail `body` when its body was durable before it."""

Why = Literal["none", "forgotten", "low-space", "failed", "expired", "missing"]
"""Why there is no body: none was wanted, its patient had been forgotten before, the disk was short, it
could not be written, its days are over, or it is not where it should be."""

PARTS: Final = ("prompt", "answer", "extract")
"""The texts of a body, in order; `extract` is what was taken from a patient's record."""


class Seal(Struct, frozen=True):
    """What a request's body will be sealed with, decided before anything is asked.

    Attributes:
        key: 32 bytes under which the body's own key is wrapped; empty where no body is kept.
        patient: pseudonym of the patient whom the request names, 32 hexadecimal digits, or None.
        state: what the entry will say: "kept", or why not.
        limit: most bytes that are kept of each text.
    """

    key: bytes = b""
    patient: str | None = None
    state: str = "none"
    limit: int = 0


NOTHING: Final = Seal()


class Body(Struct, frozen=True, array_like=True, gc=False):
    """A body on its way to the process that seals it; `Body(*row)` makes it again there.

    Attributes:
        receipt: receipt of the entry that it belongs to.
        key: see `Seal`.
        patient: see `Seal`.
        salt: salt of the entry's hashes, 32 bytes.
        texts: the texts in the order of `PARTS`, as far as they are kept; None where there is none.
        sizes: their bytes before they were cut; 0 where there is none.
    """

    receipt: str
    key: bytes
    patient: str | None
    salt: bytes
    texts: tuple[bytes | None, bytes | None, bytes | None]
    sizes: tuple[int, int, int]


def body_of(
    seal: Seal,
    receipt: str,
    salt: bytes,
    texts: tuple[bytes | None, bytes | None, bytes | None],
    sizes: tuple[int, int, int] | None = None,
) -> Body | None:
    """The body of an entry; None where none is kept.

    Args:
        seal: what was decided for the request.
        receipt: its receipt.
        salt: salt of the entry's hashes.
        texts: the texts in the order of `PARTS`; what is too long is cut here.
        sizes: bytes of each before whoever gathered it cut it; by default as they are.
    """
    if not seal.key:
        return None
    limit = seal.limit
    prompt, answer, extract = texts
    if sizes is None:
        sizes = (len(prompt or b""), len(answer or b""), len(extract or b""))
    kept = (
        None if prompt is None else prompt[:limit],
        None if answer is None else answer[:limit],
        None if extract is None else extract[:limit],
    )
    return Body(receipt, seal.key, seal.patient, salt, kept, sizes)


@dataclass(frozen=True, slots=True)
class Kept:
    """A body as it was read back.

    Args:
        receipt: receipt of its entry.
        patient: pseudonym of the patient, or None.
        salt: salt of the entry's hashes.
        texts: by name of `PARTS`; only those that there are.
        sizes: their bytes before they were cut, by the same names.
    """

    receipt: str
    patient: str | None
    salt: bytes
    texts: Mapping[str, bytes]
    sizes: Mapping[str, int]

    @property
    def cut(self) -> tuple[str, ...]:
        """Names of the texts of which only the beginning is kept."""
        return tuple(name for name, text in self.texts.items() if len(text) < self.sizes[name])

    def agrees(self, details: Mapping[str, object]) -> bool:
        """Whether every whole text has the salted hash that the entry holds (SHA-256 of salt, text).

        Args:
            details: of the entry: `prompt_hash`, `answer_hash`, `extract_hash`, hexadecimal.
        """
        for name, text in self.texts.items():
            if name in self.cut:
                continue
            made = sha256(self.salt + text).hexdigest()
            if not hmac.compare_digest(made, str(details.get(f"{name}_hash"))):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The keys of the patient were destroyed, and with them the body; `when` in Unix seconds."""

    patient: str
    when: int


@dataclass(frozen=True, slots=True)
class NotKept:
    """There is no body, and why."""

    why: Why


Found = Kept | Forgotten | NotKept
"""What became of the body of an entry."""
