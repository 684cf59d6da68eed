"""Encrypted scoring end to end: right scores, signed order, and everything that must be refused."""

import random

import pytest

from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import (
    ExchangeRefused,
    InputRefused,
    ModelUnfit,
    ScoresImplausible,
    SecureComputeError,
    SignatureInvalid,
)
from secure_compute.homomorphic.client import ScoringClient
from secure_compute.homomorphic.exchange import COLUMNS, SCORES, Header, Message, pack
from secure_compute.homomorphic.parameters import (
    ROWS,
    SCALE,
    context,
    from_bytes,
    parameters_hash,
    to_bytes,
)
from secure_compute.homomorphic.scoring import Expected, LinearModel, evaluate, score
from secure_compute.signing import SigningKey

PARTNER, BOX = SigningKey.from_seed(b"p" * 32), SigningKey.from_seed(b"b" * 32)
NAMES = ("age", "iop", "lens")
MODEL = LinearModel("risk-1", NAMES, (0.75, -1.5, 0.001), 0.25)


@pytest.fixture
def client():
    return ScoringClient(PARTNER, BOX.verify_key)


def columns(rows=5, seed=1):
    source = random.Random(seed)
    return {name: [source.uniform(-8, 8) for _ in range(rows)] for name in NAMES}


def answer(client, request, model=MODEL, sequence=1):
    return score(request, PARTNER.verify_key, Expected(client.session, sequence), model, BOX)


def truth(values, model=MODEL):
    return [
        sum(w * x for w, x in zip(model.weights, row, strict=True)) + model.bias
        for row in zip(*(values[name] for name in model.columns), strict=True)
    ]


@pytest.mark.parametrize("rows", [1, 100, ROWS])
def test_scores_equal_the_plain_model(client, rows):
    values = columns(rows)
    scores = client.decrypt(answer(client, client.encrypt("risk-1", values)))
    assert scores.model == "risk-1"
    assert len(scores.values) == rows
    for got, want in zip(scores.values, truth(values), strict=True):
        assert abs(got - want) < 1.6e-3
        assert got == round(got, 3)
    for chance, logit in zip(scores.probabilities(), scores.values, strict=True):
        assert 0 <= chance <= 1
        assert (chance > 0.5) == (logit > 0) or abs(logit) < 1e-3


def test_zero_weights_and_large_models(client):
    model = LinearModel("big", NAMES, (0.0, 7000.0, -100.0), -1000.0)
    values = {name: [8, -8, 0] for name in NAMES}
    scores = client.decrypt(answer(client, client.encrypt("big", values), model))
    for got, want in zip(scores.values, truth(values, model), strict=True):
        assert abs(got - want) < 1


def test_blur_hides_single_scores_and_spares_the_sentinels(client):
    model = LinearModel("risk-1", NAMES, MODEL.weights, MODEL.bias, blur=2.0)
    values = {name: [1.0] * 200 for name in NAMES}
    got = client.decrypt(answer(client, client.encrypt("risk-1", values), model)).values
    want = truth(values)[0]
    assert len(set(got)) > 150
    assert all(abs(value - want) < 1.01 for value in got)


def test_each_session_has_a_key_of_its_own(client):
    other = ScoringClient(PARTNER, BOX.verify_key)
    request = client.encrypt("risk-1", columns())
    foreign = Message.open(other.encrypt("risk-1", columns()), PARTNER.verify_key, COLUMNS)
    asked = Message.open(request, PARTNER.verify_key, COLUMNS)
    result = to_bytes(evaluate(from_bytes(foreign.parts), MODEL))
    header = Header(SCORES, client.session, 1, 5, "risk-1", (), MODEL.bound, asked.digest)
    with pytest.raises(ScoresImplausible):
        client.decrypt(pack(header, [result], BOX)[0])


def test_replays_and_answers_to_other_questions_are_refused(client):
    one = client.encrypt("risk-1", columns())
    two = client.encrypt("risk-1", columns(7))
    with pytest.raises(ExchangeRefused):
        answer(client, one, sequence=2)
    with pytest.raises(ExchangeRefused):
        score(one, PARTNER.verify_key, Expected("0" * 32, 1), MODEL, BOX)
    reply = answer(client, two, sequence=2)
    client.decrypt(reply)
    with pytest.raises(ExchangeRefused):
        client.decrypt(reply)
    with pytest.raises(ExchangeRefused):
        ScoringClient(PARTNER, BOX.verify_key).decrypt(answer(client, one))
    lie = Header(
        SCORES,
        client.session,
        1,
        4,
        "risk-1",
        (),
        50,
        Message.open(one, PARTNER.verify_key, COLUMNS).digest,
    )
    part = Message.open(answer(client, one), BOX.verify_key, SCORES).parts[0]
    for forged in (pack(lie, [part], BOX)[0], pack(lie, [part], PARTNER)[0]):
        with pytest.raises((ExchangeRefused, SignatureInvalid)):
            client.decrypt(forged)


def test_scores_outside_the_declared_range_are_discarded(client):
    request = client.encrypt("risk-1", {name: [8.0] for name in NAMES})
    asked = Message.open(request, PARTNER.verify_key, COLUMNS)
    result = to_bytes(evaluate(from_bytes(asked.parts), MODEL))
    header = Header(SCORES, client.session, 1, 1, "risk-1", (), 1, asked.digest)
    with pytest.raises(ScoresImplausible, match="range"):
        client.decrypt(pack(header, [result], BOX)[0])


def test_a_flipped_ciphertext_that_is_signed_again_does_not_pass(client):
    request = client.encrypt("risk-1", columns())
    asked = Message.open(request, PARTNER.verify_key, COLUMNS)
    part = Message.open(answer(client, request), BOX.verify_key, SCORES).parts[0]
    header = Header(SCORES, client.session, 1, 5, "risk-1", (), MODEL.bound, asked.digest)
    for at in range(0, len(part), len(part) // 25):
        bad = bytearray(part)
        bad[at] ^= 4
        fresh = ScoringClient(PARTNER, BOX.verify_key)
        fresh.__dict__.update(client.__dict__ | {"_pending": dict(client._pending)})
        with pytest.raises(SecureComputeError):
            fresh.decrypt(pack(header, [bytes(bad)], BOX)[0])


def test_every_altered_region_of_a_request_is_refused(client):
    request = client.encrypt("risk-1", columns())
    for at in [*range(0, 900, 7), *range(900, len(request), 5003), len(request) - 1]:
        bad = bytearray(request)
        bad[at] ^= 1
        with pytest.raises((SignatureInvalid, ExchangeRefused)):
            answer(client, bytes(bad))
    for cut in (b"", request[:4], request[:10], request[:500], request[:-1], request + b"x"):
        with pytest.raises((SignatureInvalid, ExchangeRefused)):
            answer(client, cut)
    with pytest.raises(SignatureInvalid):
        score(request, BOX.verify_key, Expected(client.session, 1), MODEL, BOX)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"rows": ROWS + 1},
        {"rows": True},
        {"session": "x"},
        {"sequence": 0},
        {"kind": "scores"},
        {"format": "2"},
        {"parameters": "sha256:" + "0" * 64},
        {"columns": [1, 2, 3]},
        {"columns": ["a"]},
        {"parts": [1, 2, 3]},
        {"parts": [[0, ""]] * 3},
        {"parts": [[5, "sha256:" + "0" * 64]] * 3},
        {"bound": -1},
        {"more": 1},
        {"model": None},
    ],
    ids=str,
)
def test_signed_nonsense_is_still_refused(client, change):
    request = client.encrypt("risk-1", columns())
    size = int.from_bytes(request[4:8], "big")
    value = parse_canonical(request[10 : 10 + size]) | change
    header = canonical_bytes(value)
    signature = PARTNER.sign(b"wardbox/v1/encrypted-scoring\n" + header)
    data = request[:4] + len(header).to_bytes(4, "big") + b"\x00\x40" + header + signature
    with pytest.raises(ExchangeRefused):
        answer(client, data + request[10 + size + 64 :])


def test_signed_garbage_instead_of_ciphertexts(client):
    good = Message.open(client.encrypt("risk-1", columns()), PARTNER.verify_key, COLUMNS).parts
    product = to_bytes(evaluate(from_bytes(good), MODEL))
    header = Header(COLUMNS, client.session, 1, 5, "risk-1", NAMES)
    for part in (b"garbage", bytes(1000), good[0][:-9], good[0][:20], product):
        data, _ = pack(header, [good[0], part, good[2]], PARTNER)
        with pytest.raises(ExchangeRefused):
            answer(client, data)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": []},
        {"a": [0.0] * (ROWS + 1)},
        {"a": [1.0], "b": [1.0, 2.0]},
        {"a": [8.01]},
        {"a": [float("nan")]},
        {"a": [float("-inf")]},
        {str(n): [0.0] for n in range(4097)},
    ],
    ids=lambda v: str(len(v)),
)
def test_inputs_that_do_not_fit(client, values):
    with pytest.raises(InputRefused):
        client.encrypt("risk-1", values)


@pytest.mark.parametrize(
    ("names", "weights", "bias", "blur"),
    [
        ((), (), 0, 0),
        (("a",), (1, 2), 0, 0),
        (("a", "a"), (1, 2), 0, 0),
        (("a",), (float("nan"),), 0, 0),
        (("a",), (float("inf"),), 0, 0),
        (("a",), (0.0,), 1, 0),
        (("a",), (1e-9,), 1, 0),
        (("a",), (9000.0,), 0, 0),
        (("a",), (1.0,), 1e9, 0),
        (("a",), (1.0,), float("nan"), 0),
        (("a",), (1.0,), 0, -1),
    ],
)
def test_models_that_do_not_fit(names, weights, bias, blur):
    with pytest.raises(ModelUnfit):
        LinearModel("m", names, weights, bias, blur)


def test_another_model_or_other_columns(client):
    request = client.encrypt("risk-1", columns())
    for model in (
        LinearModel("risk-2", NAMES, MODEL.weights, 0),
        LinearModel("risk-1", NAMES[::-1], MODEL.weights, 0),
    ):
        with pytest.raises(ExchangeRefused):
            answer(client, request, model)
    with pytest.raises(InputRefused):
        ScoringClient(PARTNER, BOX.verify_key, decimals=9)


def test_the_parameters_are_those_that_were_measured():
    assert context().parameters_set()
    assert SCALE == 2**26
    assert parameters_hash().startswith("sha256:")
    key_size = sum(
        modulus.bit_count() for modulus in context().key_context_data().parms().coeff_modulus()
    )
    assert key_size == 109
