"""Passwords and API keys: parameters, hostile texts, constant answers."""

import pytest
from argon2 import PasswordHasher

from secure_compute.errors import KeyMalformed, PasswordRefused
from secure_compute.passwords import (
    ApiKey,
    generate_password,
    hash_password,
    needs_rehash,
    verify_password,
)


def test_a_password_verifies_and_carries_todays_parameters():
    stored = hash_password("手术室的门朝北开")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(stored, "手术室的门朝北开")
    assert not verify_password(stored, "手术室的门朝南开")
    assert not verify_password(None, "手术室的门朝北开")
    assert not needs_rehash(stored)
    assert needs_rehash(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(b"x"))
    assert hash_password("cafe\u0301 au lait") != stored


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "\ud800" * 9, "x" * 1_000_000])
def test_passwords_that_cannot_be_used(password):
    with pytest.raises(PasswordRefused):
        hash_password(password)
    assert not verify_password(hash_password("x" * 256), password)


@pytest.mark.parametrize(
    "stored", ["", "plain", "$argon2id$v=19$m=1$bad", "\x00", "$2b$12$abcdefghijk"]
)
def test_a_damaged_hash_lets_nobody_in(stored):
    assert not verify_password(stored, "long enough")


def test_generated_passwords_are_readable_and_differ():
    made = {generate_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        assert [len(group) for group in password.split("-")] == [5] * 4
        assert not set(password) & set("0o1li")


def test_an_api_key_is_known_by_its_record_only():
    key = ApiKey.generate()
    record = key.record()
    assert ApiKey.parse(key.text) == key
    assert record.matches(ApiKey.parse(key.text))
    assert not record.matches(ApiKey(key.key_id, bytes(32)))
    assert not record.matches(ApiKey("a" * 12, key.secret))
    assert key.record() != record
    assert key.text.split(".")[1] not in repr(key) + repr(record)
    assert key.secret.hex() not in repr(record)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.b",
        "x" * 56,
        "' OR 1=1 --",
        "\x00" * 56,
        "\u0661" * 12 + "." + "A" * 43,
        "a" * 12 + "." + "A" * 42 + "B",
        "a" * 12 + "." + "A" * 43 + "\n",
        "A" * 12 + "." + "A" * 43,
        "a" * 1_000_000,
        '"' + "a" * 11 + "." + "A" * 43,
    ],
)
def test_other_texts_are_refused_in_one_sentence(text):
    with pytest.raises(KeyMalformed) as caught:
        ApiKey.parse(text)
    assert caught.value.facts == {"reason": "an API key reads id.secret"}
