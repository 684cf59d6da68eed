"""CKKS parameters of column-packed scoring, and ciphertexts as bytes (SEAL through tenseal)."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import tenseal.sealapi as seal

from secure_compute.canonical import canonical_bytes
from secure_compute.digest import digest_bytes
from secure_compute.errors import ExchangeRefused

DEGREE: Final = 4096
MODULI: Final = (36, 36, 37)
"""Bits of the coefficient moduli: 109 in all, the most that 128-bit security allows at this degree
(HomomorphicEncryption.org standard, ternary secrets); the last is not for data."""

SCALE: Final = 2.0**26
SLOTS: Final = DEGREE // 2
SENTINELS: Final = 4
ROWS: Final = SLOTS - SENTINELS
"""Patients in one message; the slots after them carry sentinels."""

INPUT_LIMIT: Final = 8
"""Absolute value of an input: standardised features are far inside."""

SCORE_LIMIT: Final = 2**16
"""Absolute value of a score. Data moduli of 72 bits less the scale of a product (52) leave 2^19
before values wrap around silently; this keeps a factor of eight away."""

MAX_CIPHERTEXT: Final = 1 << 18


def parameters_hash() -> str:
    """Digest of everything above that both sides must share."""
    shared = {
        "degree": DEGREE,
        "input_limit": INPUT_LIMIT,
        "moduli": list(MODULI),
        "scale_bits": 26,
        "scheme": "ckks",
        "sentinels": SENTINELS,
    }
    return str(digest_bytes(canonical_bytes(shared)))


@cache
def context() -> Any:
    """The SEAL context; the same for everybody, so made once."""
    parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    parameters.set_poly_modulus_degree(DEGREE)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(DEGREE, list(MODULI)))
    return seal.SEALContext(parameters, True, seal.SEC_LEVEL_TYPE.TC128)


def encode(values: "list[float] | float", scale: float) -> Any:
    """A plaintext of a value for each slot, or of one value in all slots."""
    plain = seal.Plaintext()
    seal.CKKSEncoder(context()).encode(values, scale, plain)
    return plain


def to_bytes(ciphertext: Any) -> bytes:
    """A ciphertext as SEAL serialises it. The binding writes files only; ciphertexts are public."""
    with TemporaryDirectory(prefix="wardbox-he-") as folder:
        path = Path(folder) / "ciphertext"
        ciphertext.save(str(path))
        return path.read_bytes()


def from_bytes(parts: tuple[bytes, ...]) -> list[Any]:
    """Read ciphertexts; SEAL checks that each is valid for the context.

    Raises:
        ExchangeRefused: One is malformed, too large, or made under other parameters.
    """
    loaded: list[Any] = []
    with TemporaryDirectory(prefix="wardbox-he-") as folder:
        path = Path(folder) / "ciphertext"
        for data in parts:
            if len(data) > MAX_CIPHERTEXT:
                raise ExchangeRefused(reason="a ciphertext is too large")
            path.write_bytes(data)
            ciphertext = seal.Ciphertext()
            try:
                ciphertext.load(context(), str(path))
            except (RuntimeError, ValueError) as error:
                raise ExchangeRefused(reason="a ciphertext is malformed") from error
            loaded.append(ciphertext)
    return loaded


def require_shape(ciphertext: Any, scale: float) -> None:
    """Demand two polynomials at this scale on the first level.

    Raises:
        ExchangeRefused: The ciphertext has another shape.
    """
    expected = (2, scale, DEGREE, len(MODULI) - 1)
    found = (
        ciphertext.size(),
        ciphertext.scale,
        ciphertext.poly_modulus_degree(),
        ciphertext.coeff_modulus_size(),
    )
    if found != expected or ciphertext.is_transparent():
        raise ExchangeRefused(reason="a ciphertext has another shape than agreed")
