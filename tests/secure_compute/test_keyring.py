"""Root key, derived and wrapped keys, the sealed root document and the recovery key on paper."""

import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_compute.errors import (
    AlgorithmUnknown,
    KeyMalformed,
    LastSlot,
    RecoveryKeyMistyped,
    SealBroken,
    SealedRootMalformed,
    SealMalformed,
    WrongSecret,
)
from secure_compute.keyring import Keyring, WrappedKey
from secure_compute.recovery import parse_recovery, recovery_text
from secure_compute.sealed_root import (
    Argon2Cost,
    Opener,
    SealedRoot,
    add_slot,
    open_root,
    remove_slot,
    seal_root,
)
from secure_compute.secret import Secret

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
ROOT = Secret(bytes(range(32)))


def ring() -> Keyring:
    return Keyring(Secret(ROOT.reveal()))


def test_derived_keys_follow_hkdf_and_differ_by_use():
    one = ring()
    assert one.derive("db") == ring().derive("db")
    assert one.derive("db") != one.derive("files")
    assert one.derive("wrap") != one.derive("db")
    # RFC 5869 by hand: extract with a salt of zeros, then the first block of expand.
    extracted = hmac.digest(bytes(32), ROOT.reveal(), "sha256")
    block = hmac.digest(extracted, b"wardbox/v1/db\x01", "sha256")
    assert one.derive("db").reveal() == block
    assert len(one.derive("db", 64)) == 64
    assert one.root_id == ring().root_id != Keyring(Secret.random()).root_id
    for use in ("", "DB", "a/b", "a" * 64, "\u5e93"):
        with pytest.raises(KeyMalformed):
            one.derive(use)


def test_wrapped_keys_survive_a_rotation_of_the_root():
    old, new = ring(), Keyring(Secret.random())
    wrapped, key = old.new_key("audit-signing", 3)
    stored = WrappedKey.parse(json.loads(json.dumps(wrapped.to_json())))
    assert stored == wrapped
    assert stored.key_id == "audit-signing/3"
    assert old.unwrap(stored) == key
    moved = old.rewrap(stored, new)
    assert new.unwrap(moved) == key
    with pytest.raises(SealBroken):
        new.unwrap(stored)
    with pytest.raises(SealBroken):
        old.unwrap(moved)


def test_a_wrapped_key_serves_only_its_use_and_version():
    keys = ring()
    wrapped, _ = keys.new_key("db", 1)
    for use, version in [("db", 2), ("files", 1)]:
        with pytest.raises(SealBroken):
            keys.unwrap(WrappedKey(use, version, wrapped.sealed))
    with pytest.raises(KeyMalformed):
        keys.new_key("db", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"use": "DB"},
        {"version": True},
        {"version": "1"},
        {"version": 0},
        {"sealed": 5},
        {"sealed": "!!"},
        {"sealed": ""},
        {"sealed": "\u00e9"},
        {"more": 1},
    ],
)
def test_malformed_wrapped_keys(change):
    wrapped, _ = ring().new_key("db")
    with pytest.raises((KeyMalformed, SealMalformed)):
        WrappedKey.parse(wrapped.to_json() | change)
    with pytest.raises(KeyMalformed):
        WrappedKey.parse([])


def test_a_wiped_keyring_opens_nothing():
    keys = ring()
    wrapped, _ = keys.new_key("db")
    keys.wipe()
    with pytest.raises(KeyMalformed):
        keys.unwrap(wrapped)
    with pytest.raises(KeyMalformed):
        keys.derive("db")
    with pytest.raises(KeyMalformed):
        Keyring(Secret(b"short"))


def _document() -> tuple[SealedRoot, Secret, Secret]:
    recovery, machine = Secret.random(), Secret.random()
    document = seal_root(ROOT, Opener.passphrase("正确的马 电池 订书钉"), CHEAP)
    document = add_slot(document, ROOT, Opener.recovery(recovery))
    return add_slot(document, ROOT, Opener.machine(machine)), recovery, machine


def test_every_slot_opens_the_root_and_nothing_else_does():
    document, recovery, machine = _document()
    document = SealedRoot.parse(document.to_bytes())
    for opener in (
        Opener.passphrase("正确的马 电池 订书钉"),
        Opener.recovery(recovery),
        Opener.machine(machine),
    ):
        assert open_root(document, opener) == ROOT
    sentences = set()
    for opener in (
        Opener.passphrase("wrong"),
        Opener.recovery(machine),
        Opener.machine(recovery),
        Opener.recovery(Secret.random()),
    ):
        with pytest.raises(WrongSecret) as caught:
            open_root(document, opener)
        sentences.add(str(caught.value))
    assert len(sentences) == 1
    only = seal_root(ROOT, Opener.machine(machine))
    with pytest.raises(WrongSecret):
        open_root(only, Opener.passphrase("anything"))


def test_passphrases_are_normalised_and_bounded():
    document = seal_root(ROOT, Opener.passphrase("caf\u00e9 wardbox"), CHEAP)
    assert open_root(document, Opener.passphrase("cafe\u0301 wardbox")) == ROOT
    for text in ("", "x" * 2000, "\ud800"):
        with pytest.raises(WrongSecret):
            Opener.passphrase(text)
    with pytest.raises(KeyMalformed):
        Opener.recovery(Secret(b"short"))
    assert "caf" not in repr(Opener.passphrase("cafe"))


def test_slots_come_and_go_but_never_the_last():
    document, recovery, _ = _document()
    assert b"\xe9\xa9\xac" not in document.to_bytes()
    first = document.slots[0].slot_id
    less = remove_slot(document, first)
    with pytest.raises(WrongSecret):
        open_root(less, Opener.passphrase("正确的马 电池 订书钉"))
    assert open_root(less, Opener.recovery(recovery)) == ROOT
    assert remove_slot(less, "0" * 16) == less
    alone = remove_slot(less, less.slots[1].slot_id)
    with pytest.raises(LastSlot):
        remove_slot(alone, alone.slots[0].slot_id)
    with pytest.raises(WrongSecret):
        add_slot(document, Secret.random(), Opener.machine(Secret.random()))
    while len(alone.slots) < 32:
        alone = add_slot(alone, ROOT, Opener.machine(Secret.random()))
    with pytest.raises(SealedRootMalformed):
        add_slot(alone, ROOT, Opener.machine(Secret.random()))


def test_every_changed_byte_of_the_document_is_refused():
    machine = Secret.random()
    data = seal_root(ROOT, Opener.machine(machine)).to_bytes()
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1
        with pytest.raises((SealedRootMalformed, WrongSecret, AlgorithmUnknown)):
            open_root(SealedRoot.parse(bytes(bad)), Opener.machine(machine))


def _edited(edit) -> bytes:
    value = json.loads(_document()[0].to_bytes())
    del value["check"]
    edit(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v.update(format="wardbox-sealed-root/2"),
        lambda v: v.update(root_id=5),
        lambda v: v.update(slots=[]),
        lambda v: v.update(slots=v["slots"] * 11),
        lambda v: v.update(slots=[v["slots"][0]] * 2),
        lambda v: v.update(slots={}),
        lambda v: v.update(more=1),
        lambda v: v["slots"][0]["kdf"].update(memory_kib=1 << 30),
        lambda v: v["slots"][0]["kdf"].update(passes=10**9),
        lambda v: v["slots"][0]["kdf"].update(lanes=True),
        lambda v: v["slots"][0]["kdf"].update(salt="AA=="),
        lambda v: v["slots"][0]["kdf"].update(salt=1),
        lambda v: v["slots"][0].update(kdf=None),
        lambda v: v["slots"][0].update(sealed=None),
        lambda v: v["slots"][0].update(sealed="AAAA"),
        lambda v: v["slots"][0].update(relay="AAAA"),
        lambda v: v["slots"][0].update(relay="!"),
        lambda v: v["slots"][0].update(relay=None),
        lambda v: v["slots"][0].update(id="../../../../etc"),
        lambda v: v["slots"][1]["kdf"].update(passes=1),
    ],
)
def test_malformed_documents(edit):
    with pytest.raises(SealedRootMalformed):
        SealedRoot.parse(_edited(edit))


@pytest.mark.parametrize(
    "cost", [Argon2Cost(64, 1, 16), Argon2Cost(1 << 21), Argon2Cost(64, 0), Argon2Cost(4)]
)
def test_a_cost_that_could_not_be_read_again_is_never_written(cost):
    with pytest.raises(SealedRootMalformed):
        seal_root(ROOT, Opener.passphrase("正确的马 电池 订书钉"), cost)
    kdf = {"memory_kib": cost.memory_kib, "passes": cost.passes, "lanes": cost.lanes}
    with pytest.raises(SealedRootMalformed):
        SealedRoot.parse(_edited(lambda v: v["slots"][0]["kdf"].update(kdf)))


def test_unknown_kinds_and_algorithms_say_so():
    for edit in (
        lambda v: v["slots"][0].update(kind="smile"),
        lambda v: v["slots"][0].update(kind=7),
        lambda v: v["slots"][0]["kdf"].update(algorithm="md5"),
    ):
        with pytest.raises(AlgorithmUnknown):
            SealedRoot.parse(_edited(edit))
    for data in (b"", b"[]", b"null", b"\xff", b"{" * 70_000):
        with pytest.raises(SealedRootMalformed):
            SealedRoot.parse(data)


@given(st.binary(min_size=32, max_size=32))
def test_a_recovery_key_comes_back_however_it_is_typed(data):
    text = recovery_text(Secret(data))
    groups = text.split("-")
    assert [len(group) for group in groups] == [5] * 13
    sloppy = " ".join(groups).lower().replace("0", "o").replace("1", "l")
    wide = "".join(chr(ord(c) + 0xFEE0) for c in text.replace("1", "I"))
    for typed in (text, sloppy, wide, text.replace("-", "\u2014"), text.replace("-", "")):
        assert parse_recovery(typed).reveal() == data


def test_every_single_mistake_names_its_group():
    key = Secret(bytes(range(7, 39)))
    signs = recovery_text(key).replace("-", "")
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    for at, right in enumerate(signs):
        for wrong in alphabet.replace(right, ""):
            with pytest.raises(RecoveryKeyMistyped, match=f"第 {at // 5 + 1} 组"):
                parse_recovery(signs[:at] + wrong + signs[at + 1 :])
    for at in range(64):
        if signs[at] != signs[at + 1]:
            with pytest.raises(RecoveryKeyMistyped):
                parse_recovery(signs[:at] + signs[at + 1] + signs[at] + signs[at + 2 :])
    groups = [signs[i : i + 5] for i in range(0, 65, 5)]
    groups[2], groups[9] = groups[9], groups[2]
    with pytest.raises(RecoveryKeyMistyped, match="group 3"):
        parse_recovery("-".join(groups))


@pytest.mark.parametrize("text", ["", "ABCDE", "U" * 65, "0" * 64, "0" * 66, "*" * 65, "0" * 5000])
def test_texts_that_cannot_be_a_recovery_key(text):
    with pytest.raises(RecoveryKeyMistyped):
        parse_recovery(text)
    with pytest.raises(KeyMalformed):
        recovery_text(Secret(b"short"))
