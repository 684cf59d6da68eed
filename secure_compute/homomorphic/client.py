"""The partner's side of encrypted scoring: keys, encrypted columns, checked and rounded scores.

Threat model. The partner hospital holds the secret key and the patients' values; the box holds the
model. The box sees ciphertexts only and follows the protocol, but may be curious. What the partner
relies on: CKKS at 128-bit security, one key per session, and that decrypted scores never travel back
to the box: two exact decryptions with their ciphertexts reveal the key (Li and Micciancio 2021). So
scores are released rounded, the key exists in this object only, and an answer is decrypted once.

What it does not promise: that the box used the model it names (its signature on the answer says who
claims so), or that the model stays secret from the partner. See `scoring` for the box's side.
"""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tenseal.sealapi as seal

from secure_compute.errors import ExchangeRefused, InputRefused, ScoresImplausible
from secure_compute.homomorphic.exchange import (
    COLUMNS,
    MAX_COLUMNS,
    SCORES,
    Header,
    Message,
    pack,
)
from secure_compute.homomorphic.parameters import (
    INPUT_LIMIT,
    ROWS,
    SCALE,
    SCORE_LIMIT,
    SENTINELS,
    context,
    encode,
    from_bytes,
    require_shape,
    to_bytes,
)
from secure_compute.signing import SigningKey, VerifyKey

MAX_DECIMALS: Final = 4
"""Digits that a released score may have: the error is about 1e-5 times the sum of the weights."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What is released.

    Attributes:
        model: Which model the box says it used.
        values: One score for each row, rounded; for a logistic model these are logits.
    """

    model: str
    values: tuple[float, ...]

    def probabilities(self) -> tuple[float, ...]:
        """The logistic function of each score, to as many digits as a logit deserves."""
        return tuple(round(0.5 * (1 + math.tanh(value / 2)), MAX_DECIMALS) for value in self.values)


@dataclass(frozen=True, slots=True)
class _Pending:
    digest: str
    rows: int
    model: str


class ScoringClient:
    """One session: a fresh secret key that is never stored or sent, and the requests made under it.

    Symmetric encryption with seeded ciphertexts: half the size, and no public key to be sent.
    """

    def __init__(self, signing_key: SigningKey, box: VerifyKey, decimals: int = 3) -> None:
        """Start a session.

        Args:
            signing_key: The partner's identity.
            box: The box's identity.
            decimals: Digits of released scores, 0 to `MAX_DECIMALS`.
        """
        if not 0 <= decimals <= MAX_DECIMALS:
            raise InputRefused(reason="scores have 0 to {limit} decimals", limit=MAX_DECIMALS)
        self.session: Final = secrets.token_hex(16)
        self._signing_key = signing_key
        self._box = box
        self._decimals = decimals
        self._sequence = 0
        self._pending: dict[int, _Pending] = {}
        secret = seal.KeyGenerator(context()).secret_key()
        self._encryptor: Any = seal.Encryptor(context(), secret)
        self._decryptor: Any = seal.Decryptor(context(), secret)

    def encrypt(self, model: str, columns: Mapping[str, Sequence[float]]) -> bytes:
        """A request: each feature of all patients in one ciphertext.

        Args:
            model: Which model to ask.
            columns: Feature name to values, all equally long, at most `ROWS`; each value finite and
                at most `INPUT_LIMIT` in size (standardise first).

        Raises:
            InputRefused: The values do not fit.
        """
        rows = _check_columns(columns)
        parts = [self._seal(values) for values in columns.values()]
        self._sequence += 1
        header = Header(COLUMNS, self.session, self._sequence, rows, model, tuple(columns))
        data, digest = pack(header, parts, self._signing_key)
        self._pending[self._sequence] = _Pending(digest, rows, model)
        return data

    def decrypt(self, answer: bytes) -> Scores:
        """Verify, decrypt, check and round an answer.

        Raises:
            SignatureInvalid: The box did not sign it.
            ExchangeRefused: It answers no open request of this session.
            ScoresImplausible: The sentinels or the range do not hold; the result is discarded.
        """
        message = Message.open(answer, self._box, SCORES)
        header = message.header
        asked = self._pending.get(header.sequence)
        if header.session != self.session or asked is None or header.answers != asked.digest:
            raise ExchangeRefused(reason="it answers no open request of this session")
        if (header.rows, header.model) != (asked.rows, asked.model) or header.bound > SCORE_LIMIT:
            raise ExchangeRefused(reason="it answers another question")
        del self._pending[header.sequence]
        (ciphertext,) = from_bytes(message.parts)
        require_shape(ciphertext, SCALE * SCALE)
        plain = seal.Plaintext()
        self._decryptor.decrypt(ciphertext, plain)
        slots: list[complex] = seal.CKKSEncoder(context()).decode_complex(plain)
        _check_slots(slots, header.rows, header.bound)
        # Adding zero turns a rounded -0.0 into 0.0.
        rounded = [round(value.real, self._decimals) + 0.0 for value in slots[: header.rows]]
        return Scores(header.model, tuple(rounded))

    def _seal(self, values: Sequence[float]) -> bytes:
        probe = 2 * secrets.SystemRandom().random() - 1
        padding = [0.0] * (ROWS - len(values))
        slots = [*map(float, values), *padding, probe, -probe, probe / 2, 0.0]
        return to_bytes(self._encryptor.encrypt_symmetric(encode(slots, SCALE)))


def _check_columns(columns: Mapping[str, Sequence[float]]) -> int:
    if not 1 <= len(columns) <= MAX_COLUMNS:
        raise InputRefused(reason="there must be 1 to {limit} columns", limit=MAX_COLUMNS)
    rows = len(next(iter(columns.values())))
    if not 1 <= rows <= ROWS:
        raise InputRefused(reason="there must be 1 to {limit} rows", limit=ROWS)
    for name, values in columns.items():
        if len(values) != rows:
            raise InputRefused(reason="column {name} has another length", name=name)
        # Written so that a NaN fails too.
        if not all(abs(value) <= INPUT_LIMIT for value in values):
            raise InputRefused(
                reason="column {name} holds values beyond {limit}", name=name, limit=INPUT_LIMIT
            )
    return rows


def _check_slots(slots: Sequence[complex], rows: int, bound: int) -> None:
    """Sentinels know no weights, yet must obey them: scores are affine in the inputs.

    Altered ciphertexts, other keys and overflow disturb all slots at once, and with them f(r) +
    f(-r) = 2 f(0) = 2 (2 f(r/2) - f(r)), the empty rows, and the imaginary parts.
    """
    slack = 1e-3 + 2e-5 * bound
    plus, minus, half, zero = slots[-SENTINELS:]
    errors = [abs(plus + minus - 2 * zero), abs(2 * half - plus - zero)]
    errors += [abs(value.imag) for value in slots]
    if max(errors) > slack:
        raise ScoresImplausible(reason="the sentinels do not hold")
    if max(abs(value.real) for value in slots[:rows]) > bound + slack:
        raise ScoresImplausible(reason="a score lies outside the model's range")
