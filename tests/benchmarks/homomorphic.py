"""Encrypted scoring of 30 features: packed columns against the naive dot product, in one run."""

import random
import time
from collections.abc import Callable

import tenseal

from secure_compute.homomorphic.client import ScoringClient
from secure_compute.homomorphic.exchange import COLUMNS, Message
from secure_compute.homomorphic.parameters import ROWS, from_bytes
from secure_compute.homomorphic.scoring import Expected, LinearModel, evaluate, score
from secure_compute.signing import SigningKey

FEATURES = 30
NAIVE_ROWS = 10
ROUNDS = 5


def main() -> None:
    """Measure and print."""
    source = random.Random(7)
    weights = tuple(source.gauss(0, 1) for _ in range(FEATURES))
    model = LinearModel("benchmark", tuple(f"f{i}" for i in range(FEATURES)), weights, 0.5)
    rows = [[source.gauss(0, 1) for _ in range(FEATURES)] for _ in range(ROWS)]

    naive = _naive(rows[:NAIVE_ROWS], model)
    partner, box = SigningKey.generate(), SigningKey.generate()
    client = ScoringClient(partner, box.verify_key, decimals=4)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(model.columns)}
    columns = {name: [max(-8.0, min(8.0, v)) for v in values] for name, values in columns.items()}

    encrypting = _seconds(lambda: client.encrypt("benchmark", columns)) / ROWS
    request = client.encrypt("benchmark", columns)
    parts = Message.open(request, partner.verify_key, COLUMNS).parts
    packed = min(_evaluate_once(parts, model) for _ in range(ROUNDS)) / ROWS
    expected = Expected(client.session, 2)
    started = time.perf_counter()
    answer = score(request, partner.verify_key, expected, model, box)
    whole = (time.perf_counter() - started) / ROWS
    started = time.perf_counter()
    scores = client.decrypt(answer)
    decrypting = (time.perf_counter() - started) / ROWS
    truth = [sum(w * x for w, x in zip(weights, row, strict=True)) + 0.5 for row in rows]
    error = max(abs(a - b) for a, b in zip(scores.values, truth, strict=True))

    print(f"naive dot                    {naive * 1e6:12.1f} us/patient")
    print(f"packed columns, evaluation   {packed * 1e6:12.2f} us/patient")
    print(
        f"packed columns, whole answer {whole * 1e6:12.2f} us/patient (verify, load, score, sign)"
    )
    print(f"partner: encrypt             {encrypting * 1e6:12.2f} us/patient")
    print(f"partner: verify and decrypt  {decrypting * 1e6:12.2f} us/patient")
    print(f"request {len(request) / ROWS:.0f} B/patient, answer {len(answer) / ROWS:.0f} B/patient")
    print(f"greatest error, rounded to 4 decimals: {error:.1e}")
    print(f"ratio naive / evaluation   {naive / packed:10,.0f}")
    print(f"ratio naive / whole answer {naive / whole:10,.0f}")


def _naive(rows: list[list[float]], model: LinearModel) -> float:
    """What a first try looks like: one vector for each patient and a dot product; seconds each."""
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 40, 60], n_threads=1
    )
    context.global_scale = 2**40
    context.generate_galois_keys()
    vectors = [tenseal.ckks_vector(context, row) for row in rows]
    weights = list(model.weights)
    return _seconds(lambda: [vector.dot(weights) + model.bias for vector in vectors]) / len(rows)


def _evaluate_once(parts: tuple[bytes, ...], model: LinearModel) -> float:
    ciphertexts = from_bytes(parts)
    return _seconds(lambda: evaluate(ciphertexts, model))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
