"""The box's side of encrypted scoring: a linear model over encrypted columns, without any key.

Threat model. The box holds the model and never sees a key, a value or a score; decrypted values must
not come back to it, nor into its logs. Requests are signed by a registered partner and are verified
before a ciphertext is parsed. One column is one ciphertext of 2,044 patients, so a model of n features
costs n plaintext products and needs no rotation, relinearisation or rescaling keys.

What it does not promise: that the model stays secret. The scores of n + 1 independent rows determine
a linear model, and one message carries 2,044; the errors inside an answer tell its key holder about
the weights as well. What a model's owner can do is policy of the caller: a quota in messages (count
every message as 2,048 rows, since nobody can see how many slots were used), models that may be known
to the partner, and `blur`, which drowns single scores in noise.
"""

import math
import secrets
from dataclasses import dataclass
from typing import Any, Final

import tenseal.sealapi as seal

from secure_compute.errors import ExchangeRefused, ModelUnfit
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

_RESOLUTION: Final = 1 / SCALE


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A linear or logistic regression (for the latter, scores are logits).

    Attributes:
        model: Its public name.
        columns: Feature names, in the order of the weights.
        weights: One for each column; finite, not all zero.
        bias: Added to every score.
        blur: Width of uniform noise that the box adds to every score; 0 for none.
    """

    model: str
    columns: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    blur: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < len(self.columns) == len(self.weights) <= MAX_COLUMNS:
            raise ModelUnfit(reason="columns and weights differ in number")
        if len(set(self.columns)) != len(self.columns):
            raise ModelUnfit(reason="a column is named twice")
        if not all(map(math.isfinite, (*self.weights, self.bias, self.blur))) or self.blur < 0:
            raise ModelUnfit(reason="a number in it is not finite")
        # A product with a plaintext of zero would show the world that it is zero.
        if max(map(abs, self.weights)) < _RESOLUTION:
            raise ModelUnfit(reason="all weights are zero")
        if self.bound > SCORE_LIMIT:
            raise ModelUnfit(reason="its scores can exceed {limit}", limit=SCORE_LIMIT)

    @property
    def bound(self) -> int:
        """The greatest absolute score that inputs within range can give, rounded up."""
        reach = INPUT_LIMIT * sum(map(abs, self.weights)) + abs(self.bias) + self.blur
        return math.ceil(min(reach, 2.0 * SCORE_LIMIT))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller knows about the session, and remembers from one request to the next.

    Attributes:
        session: The session that this partner opened.
        sequence: The number of the next request: one more than the last that was answered.
    """

    session: str
    sequence: int


def score(
    request: bytes, partner: VerifyKey, expected: Expected, model: LinearModel, key: SigningKey
) -> bytes:
    """Answer a request.

    Args:
        request: Bytes from `ScoringClient.encrypt`.
        partner: The registered partner's signature key.
        expected: Session and sequence number; replays and reordering are refused by them.
        model: What to evaluate.
        key: The box's identity, to sign the answer.

    Returns:
        The answer's bytes, for the partner alone.

    Raises:
        SignatureInvalid: The partner did not sign the request.
        ExchangeRefused: Another session, sequence, model or set of columns; malformed ciphertexts.
    """
    message = Message.open(request, partner, COLUMNS)
    asked = message.header
    if (asked.session, asked.sequence) != (expected.session, expected.sequence):
        raise ExchangeRefused(reason="the session or the sequence number is not the expected one")
    if asked.model != model.model or asked.columns != model.columns:
        raise ExchangeRefused(reason="the model or its columns are others")
    result = evaluate(from_bytes(message.parts), model)
    header = Header(
        kind=SCORES,
        session=asked.session,
        sequence=asked.sequence,
        rows=asked.rows,
        model=model.model,
        bound=model.bound,
        answers=message.digest,
    )
    return pack(header, [to_bytes(result)], key)[0]


def evaluate(columns: list[Any], model: LinearModel) -> Any:
    """The ciphertext of all scores: a weighted sum of the columns, and the bias.

    Args:
        columns: Ciphertexts at `SCALE`, in the order of the weights; they are consumed.
        model: What to evaluate.

    Raises:
        ExchangeRefused: A ciphertext has another shape, or the sum is transparent.
    """
    evaluator = seal.Evaluator(context())
    total: Any = None
    for ciphertext, weight in zip(columns, model.weights, strict=True):
        require_shape(ciphertext, SCALE)
        if abs(weight) < _RESOLUTION:
            continue
        try:
            evaluator.multiply_plain_inplace(ciphertext, encode(weight, SCALE))
            if total is None:
                total = ciphertext
            else:
                evaluator.add_inplace(total, ciphertext)
        except (RuntimeError, ValueError) as error:
            raise ExchangeRefused(reason="a ciphertext cannot be computed with") from error
    evaluator.add_plain_inplace(total, encode(_offsets(model), SCALE * SCALE))
    return total


def _offsets(model: LinearModel) -> "list[float] | float":
    if not model.blur:
        return model.bias
    noise = secrets.SystemRandom()
    half = model.blur / 2
    rows = [model.bias + noise.uniform(-half, half) for _ in range(ROWS)]
    return [*rows, *[model.bias] * SENTINELS]
