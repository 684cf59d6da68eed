"""Slots of every kind: opened by their secret, strict when read, and salvaged one by one."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_compute.canonical import canonical_bytes
from secure_compute.errors import (
    AlgorithmUnknown,
    SealedRootMalformed,
    SecureComputeError,
    WrongSecret,
)
from secure_compute.groups import grouped, groups_for, ungrouped
from secure_compute.key_file import KeyFile
from secure_compute.reseal import reseal
from secure_compute.salvage import salvage
from secure_compute.sealed_root import (
    Argon2Cost,
    Opener,
    SealedRoot,
    add_slot,
    open_root,
    seal_root,
)
from secure_compute.secret import Secret
from secure_compute.shares import Share, combine, split
from secure_compute.slot_errors import KeyFileMalformed, ShareMistyped, SharesUnfit
from secure_compute.slot_kinds import KEY_FILE, NETWORK, SHARES, TPM
from secure_compute.tang import provision, thumbprint

CHEAP = Argon2Cost(64, 1, 1)
ROOT = Secret(bytes(range(32)))
PCRS = "7:" + "ab" * 32


def tpm_opener(key: Secret) -> Opener:
    fields = {"parent": "000b" + "00" * 32, "pcrs": PCRS, "private": "AAAA", "public": "AAAA"}
    return Opener.found(TPM, key, fields)


def shares_opener(key: Secret, shares: tuple[Share, ...]) -> Opener:
    first = shares[0]
    fields = {"count": str(first.count), "needed": str(first.needed), "set": first.set_id}
    names = "\n".join(f"officer {share.number}" for share in shares)
    return Opener.found(SHARES, key, {**fields, "holders": names})


def exchange_key() -> dict[str, str]:
    from Cryptodome.PublicKey import ECC

    from secure_compute.tang import _jwk

    return _jwk(ECC.generate(curve="P-521").pointQ)


def every_kind() -> tuple[SealedRoot, list[Opener]]:
    keys = [Secret.random() for _ in range(3)]
    binding, network = provision(exchange_key())
    place = {"url": "http://tang.hospital", "thumbprint": thumbprint(binding.exchange)}
    openers = [
        Opener.passphrase("correct horse battery"),
        Opener.recovery(keys[0]),
        tpm_opener(keys[1]),
        shares_opener(keys[2], split(keys[2], 2, 3)),
        Opener.key_file("a stick's own words", KeyFile.make()),
        Opener.found(NETWORK, network, {**binding.to_fields(), **place}),
    ]
    document = seal_root(ROOT, openers[0], CHEAP)
    for opener in openers[1:]:
        document = add_slot(document, ROOT, opener, CHEAP)
    return document, openers


EVERY, OPENERS = every_kind()


def test_every_kind_opens_after_a_journey_and_under_a_new_root():
    document = SealedRoot.parse(EVERY.to_bytes())
    fresh = Secret.random()
    moved = SealedRoot.parse(reseal(document, ROOT, fresh).to_bytes())
    for opener in OPENERS:
        assert open_root(document, opener) == ROOT
        assert open_root(moved, opener) == fresh
    with pytest.raises(WrongSecret):
        open_root(document, Opener.found(TPM, Secret.random()))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (TPM, {"pcrs": "24:" + "ab" * 32}), (TPM, {"pcrs": ""}), (TPM, {"pcrs": "7"}),
        (TPM, {"private": "!"}), (TPM, {"parent": "xyz"}), (TPM, {"more": "x"}),
        (TPM, {"pcrs": 7}), (TPM, {"algorithm": "tpm3"}), (TPM, {"public": "A" * 5000}),
        (SHARES, {"needed": "9"}), (SHARES, {"holders": "one"}), (SHARES, {"set": "zz"}),
        (SHARES, {"count": "three"}), (SHARES, {"holders": "a\na\nb"}),
        (KEY_FILE, {"file": "12"}), (KEY_FILE, {"memory_kib": 1 << 30}),
        (NETWORK, {"url": "file:///etc/passwd"}), (NETWORK, {"public": "AA.AA"}),
        (NETWORK, {"exchange": "nothing"}),
    ],
)  # fmt: skip
def test_a_slot_with_other_fields_is_refused(kind, change):
    value = json.loads(EVERY.to_bytes())
    slot = next(slot for slot in value["slots"] if slot["kind"] == kind)
    slot["kdf"] |= change
    del value["check"]
    with pytest.raises((SealedRootMalformed, AlgorithmUnknown)):
        SealedRoot.parse(canonical_bytes(value))


@pytest.mark.slow
def test_any_damaged_byte_costs_at_most_the_slot_it_lies_in():
    """Each byte of the document is changed; the openers of the other slots still open it."""
    fresh = Secret.random()
    document = seal_root(ROOT, Opener.recovery(fresh), CHEAP)
    for _ in range(2):
        document = add_slot(document, ROOT, tpm_opener(fresh))
    data = document.to_bytes()
    name = data.index(b'"root_id"')
    for at in range(len(data)):
        bad = data[:at] + bytes((data[at] ^ 0x11,)) + data[at + 1 :]
        if name <= at < name + len('"root_id":"') + 33:
            with pytest.raises(SecureComputeError):
                SealedRoot.parse(bad)
            continue
        left = salvage(bad)
        whole = [slot for slot in left.slots if slot in document.slots]
        assert len(whole) >= len(document.slots) - 1, at
        only = SealedRoot(left.root_id, tuple(whole))
        opened = [open_root(only, o) for o in (Opener.recovery(fresh), tpm_opener(fresh)) if
                  any(slot.kind == o.kind for slot in whole)]  # fmt: skip
        assert opened
        assert all(one == ROOT for one in opened)


def test_a_cut_document_keeps_its_first_slots():
    data = EVERY.to_bytes()
    # The root id stands before the slots, as canonical JSON sorts names.
    cut = data[: len(data) // 2]
    assert 0 < len(salvage(cut).slots) < len(EVERY.slots)
    for nothing in (b"", b"{", data[:60], b"\xff" * 100_000, b'{"id":"' * 9000):
        with pytest.raises(SealedRootMalformed):
            salvage(nothing)


@given(st.binary(min_size=1, max_size=48))
def test_groups_bring_every_byte_back(data):
    def refuse(zh, en):
        return AssertionError(en)

    text = grouped(data)
    assert len(text.split("-")) == groups_for(len(data))
    assert ungrouped(text.lower().replace("-", " "), len(data), refuse) == data


def test_any_k_of_n_shares_make_the_key_and_k_minus_one_do_not():
    key = Secret.random()
    shares = [Share.parse(share.text()) for share in split(key, 3, 5)]
    assert {share.number for share in shares} == {1, 2, 3, 4, 5}
    for chosen in itertools.permutations(shares, 3):
        assert combine(chosen) == key
    assert combine(shares) == key
    with pytest.raises(SharesUnfit, match="3 are needed, 2 are here"):
        combine(shares[:2])
    assert "value" not in repr(shares[0])


def test_shares_that_do_not_fit_are_told():
    shares, others = split(Secret.random(), 2, 3), split(Secret.random(), 2, 3)
    with pytest.raises(SharesUnfit, match=f"number 2 is of set {others[1].set_id}"):
        combine([shares[0], others[1]])
    with pytest.raises(SharesUnfit, match="share 1 came twice"):
        combine([shares[0], shares[0]])
    with pytest.raises(SharesUnfit):
        combine([])
    for needed, count in ((1, 3), (4, 3), (2, 17), (0, 0)):
        with pytest.raises(SharesUnfit):
            split(Secret.random(), needed, count)


def test_a_mistyped_share_is_told_by_its_place_and_group():
    text = split(Secret.random(), 2, 3)[1].text()
    groups = text.split("-")
    assert len(groups) == 16
    sign = "Z" if groups[6][2] != "Z" else "Y"
    groups[6] = groups[6][:2] + sign + groups[6][3:]
    with pytest.raises(ShareMistyped, match="Share 2 of those entered is mistyped: group 7"):
        Share.parse("-".join(groups), 2)
    with pytest.raises(ShareMistyped, match="75 signs, not 80"):
        Share.parse(text[:-6])
    odd = grouped(bytes(4) + bytes((1, 9, 3, 1)) + bytes(32))
    with pytest.raises(ShareMistyped, match="make no sense"):
        Share.parse(odd)
    with pytest.raises(ShareMistyped, match="version"):
        Share.parse(grouped(bytes(40)))


def test_a_key_file_needs_its_words_and_the_words_their_file():
    file = KeyFile.make()
    document = seal_root(ROOT, Opener.key_file("the words", file), CHEAP)
    again = KeyFile.parse(file.text().replace("\n", "\r\n").encode())
    assert open_root(document, Opener.key_file("the words", again)) == ROOT
    for words, other in (("other words", file), ("the words", KeyFile.make())):
        with pytest.raises(WrongSecret):
            open_root(document, Opener.key_file(words, other))
    with pytest.raises(WrongSecret):
        open_root(document, Opener.passphrase("the words"))


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 9000, b"wardbox-key-file/2\n", b"MZ\x90"], ids=range(4)
)
def test_another_file_is_no_key_file(content):
    with pytest.raises(KeyFileMalformed):
        KeyFile.parse(content)
    with pytest.raises(KeyFileMalformed, match="group"):
        KeyFile.parse(KeyFile.make().text()[::-1].replace("-", "-U", 1)[::-1].encode())
