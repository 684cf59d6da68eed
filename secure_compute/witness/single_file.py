"""The stand-alone `witness.py`, for machines that are no WardBox."""

from typing import Final

from secure_compute.verifier.single_file import joined

_PARTS: Final = (
    "verifier.ed25519",
    "verifier.p256",
    "verifier.reading",
    "verifier.notes",
    "verifier.tree",
    "verifier.laid",
    "witness.signing",
    "witness.growth",
    "witness.memory_file",
    "witness.stick",
    "witness.program",
)


def witness_source() -> bytes:
    """The program that a second host runs; UTF-8, Python 3.8 or later, standard library only."""
    return joined(_PARTS)
