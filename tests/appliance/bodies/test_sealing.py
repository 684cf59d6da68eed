"""A body comes back as it went in, agrees with its entry, and opens under nothing but its own keys."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.bodies.sealing import (
    Sealer,
    day_of,
    key_of,
    number_of,
    receipt_of,
    unseal_body,
)
from appliance.bodies.shape import NOTHING, body_of
from secure_compute.errors import SealBroken, SealMalformed
from secure_compute.secret import Secret
from secure_compute.suites import SM4_GCM
from tests.appliance.bodies.bodily import KEY, PATIENT, SALT, body, hashed, receipt, seal

TEXTS = st.one_of(st.none(), st.binary(max_size=400))


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.one_of(st.none(), st.just(PATIENT)), st.integers(1, 300))
def test_the_hashes_made_of_a_body_are_those_of_its_entry(prompt, answer, extract, patient, limit):
    name = receipt()
    made = body_of(seal(patient, limit), name, SALT, (prompt, answer, extract))
    lying = Sealer().seal(made)
    for text in (prompt, answer, extract):
        assert not text or len(text) < 8 or text not in lying.sealed + lying.wrapped
    with Secret(KEY) as key:
        kept = unseal_body(lying, key)
    texts = {"prompt": prompt, "answer": answer, "extract": extract}
    whole = {name: text for name, text in texts.items() if text is not None}
    assert kept.receipt == name
    assert kept.patient == patient
    assert kept.sizes == {name: len(text) for name, text in whole.items()}
    assert kept.texts == {name: text[:limit] for name, text in whole.items()}
    assert set(kept.cut) == {name for name, text in whole.items() if len(text) > limit}
    details = {f"{name}_hash": hashed(text) for name, text in whole.items()}
    assert kept.agrees(details)
    for name in set(whole) - set(kept.cut):
        assert not kept.agrees({**details, f"{name}_hash": hashed(b"other")})
        assert not kept.agrees({})


@pytest.mark.parametrize("algorithm", ["aes-256-gcm", SM4_GCM])
def test_nothing_else_opens_it(algorithm):
    name = receipt()
    lying = Sealer(algorithm).seal(body(name, patient=PATIENT))
    with Secret(KEY) as key, Secret(b"x" * 32) as other:
        assert unseal_body(lying, key).texts["answer"] == b"answer"
        foreign = Sealer(algorithm).seal(body(receipt(), patient=PATIENT))
        for wrong, used in (
            (lying, other),
            (replace(lying, receipt=number_of(receipt())), key),
            (replace(lying, patient=None), key),
            (replace(lying, patient=b"\x01" * 16), key),
            (replace(lying, sealed=foreign.sealed), key),
            (replace(lying, wrapped=foreign.wrapped), key),
            (replace(lying, sealed=lying.sealed[:-1]), key),
            (replace(lying, sealed=lying.sealed[:-1] + bytes([lying.sealed[-1] ^ 1])), key),
        ):
            with pytest.raises((SealBroken, SealMalformed)):
                unseal_body(wrong, used)


def test_two_bodies_of_the_same_words_look_different():
    name = receipt()
    first, second = Sealer().seal(body(name)), Sealer().seal(body(name))
    assert first.sealed != second.sealed
    assert first.wrapped != second.wrapped


def test_the_key_takes_the_day_and_the_patient():
    with Secret(b"d" * 32) as day, Secret(b"p" * 32) as patient, Secret(b"q" * 32) as other:
        keys = {key_of(day, None).reveal(), key_of(day, patient).reveal()}
        keys |= {key_of(day, other).reveal(), key_of(patient, day).reveal(), day.reveal()}
        assert len(keys) == 5


def test_a_receipt_tells_its_day():
    name = receipt(day=20_613)
    assert day_of(name) == 20_613
    assert receipt_of(number_of(name)) == name
    assert len(number_of(name)) == 15


def test_where_nothing_is_kept_there_is_no_body():
    assert body_of(NOTHING, receipt(), SALT, (b"prompt", None, None)) is None


def test_a_stream_that_was_cut_on_its_way_says_so():
    made = body_of(seal(limit=4), receipt(), SALT, (b"ab", b"abcdef", None), (2, 9000, 0))
    with Secret(KEY) as key:
        kept = unseal_body(Sealer().seal(made), key)
    assert kept.texts == {"prompt": b"ab", "answer": b"abcd"}
    assert kept.cut == ("answer",)
    assert kept.sizes["answer"] == 9000
