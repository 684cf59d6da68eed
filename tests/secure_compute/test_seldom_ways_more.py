"""More ways that are seldom taken: damaged slots, key servers and TPMs that answer oddly."""

import base64
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from Cryptodome.PublicKey import ECC
from cryptography.exceptions import InvalidTag

from secure_compute import groups, plug, tang, tpm, tpm_cosigner
from secure_compute.errors import ExchangeRefused, KeyMalformed, SealBroken, WrongSecret
from secure_compute.homomorphic import exchange, parameters, scoring
from secure_compute.relay import Relay, open_with, public_of, seal_to
from secure_compute.sealed_root import Opener, open_root, seal_root
from secure_compute.secret import Secret
from secure_compute.slot_errors import NetworkSlotRefused, TpmUnavailable
from secure_compute.verifier.tree import fold, hash_leaf
from tests.secure_compute import exports
from tests.secure_compute.exports import export, leaves


def test_spare_bits_must_be_empty():
    number = (
        0x5A << groups._spare(1)
    ) | 1  # the last group's checks are right, its spare bits are not
    signs = [(number >> (5 * (3 - place))) & 31 for place in range(4)]
    text = "".join(groups._ALPHABET[one] for one in (*signs, groups._check(signs, 0)))
    with pytest.raises(KeyMalformed, match="group 1 is wrong"):
        groups.ungrouped(text, 1, lambda _, en: KeyMalformed(reason=en))


class Forgetful(plug.OpenSslModule):
    """A module that seals as the standard does and opens nothing."""

    def sm4_gcm(self, key):
        real = super().sm4_gcm(key)

        def refuse(*_):
            raise InvalidTag

        return SimpleNamespace(encrypt=real.encrypt, decrypt=refuse)


def test_a_module_that_opens_nothing_is_found():
    assert plug.faults(Forgetful()) == ["sm4"]


def test_a_slot_whose_public_half_is_another_s():
    with Secret(b"k" * 32) as key, Secret(b"r" * 32) as root, Secret(b"o" * 32) as other:
        relay, sealed = seal_to(public_of(key), root, "slot", b"aad")
        foreign, _ = seal_to(public_of(other), root, "slot", b"aad")
        with pytest.raises(SealBroken):
            open_with(key, Relay(relay.ephemeral, foreign.public), sealed, b"aad")


def test_an_old_slot_and_one_of_another_root():
    with Secret(b"r" * 32) as root, Secret(b"m" * 32) as machine:
        document = seal_root(root, Opener.machine(machine))
        slot = document.slots[0]
        old = replace(slot, relay=None)
        assert "relay" not in old.to_json()
        assert "relay" in slot.to_json()
        with pytest.raises(WrongSecret):
            open_root(replace(document, slots=(old,)), Opener.machine(machine))
        # A slot that opens to something that is not this document's root key.
        from secure_compute.sealed_root import slot_aad

        aad = slot_aad(document.root_id, slot.slot_id, slot.kind, slot.kdf)
        with Secret(b"x" * 32) as foreign:
            relay, sealed = seal_to(_public(document, machine), foreign, slot.slot_id, aad)
        bad = replace(slot, relay=relay, sealed=sealed)
        with pytest.raises(WrongSecret):
            open_root(replace(document, slots=(bad,)), Opener.machine(machine))


def _public(document, machine):
    from secure_compute.sealed_root import _derive

    with _derive(Opener.machine(machine), document.slots[0].kdf) as key:
        return public_of(key)


def test_messages_with_headers_that_are_none():
    for size, words in ((1 << 30, "too large"),):
        data = exchange._MAGIC + exchange._LENGTHS.pack(size, 64)
        with pytest.raises(ExchangeRefused, match=words):
            exchange.Message.open(data, None, "request")
    with pytest.raises(ExchangeRefused, match="malformed"):
        exchange._parse_header(b"{", "request")


def test_ciphertexts_that_are_too_large_or_cannot_be_computed_with(monkeypatch):
    with pytest.raises(ExchangeRefused, match="too large"):
        parameters.from_bytes((b"x" * (parameters.MAX_CIPHERTEXT + 1),))

    class Broken:
        def __init__(self, _):
            pass

        def multiply_plain_inplace(self, *_):
            raise RuntimeError("result ciphertext is transparent")

    monkeypatch.setattr(scoring, "require_shape", lambda *_: None)
    monkeypatch.setattr(scoring.seal, "Evaluator", Broken)
    model = SimpleNamespace(weights=(1.0,))
    with pytest.raises(ExchangeRefused, match="cannot be computed with"):
        scoring.evaluate([object()], model)


def advertisement(keys, sign=()) -> bytes:
    payload = base64.urlsafe_b64encode(json.dumps({"keys": keys}).encode()).rstrip(b"=").decode()
    return json.dumps({"payload": payload, "signatures": list(sign)}).encode()


def test_advertisements_that_nobody_signed():
    made = ECC.generate(curve="P-521")
    exchange_key = tang._jwk(made.pointQ) | {"alg": "ECMR", "key_ops": ["deriveKey"]}
    signer = tang._jwk(ECC.generate(curve="P-521").pointQ) | {"alg": "ES512", "key_ops": ["verify"]}
    signature = {"protected": "e30", "signature": "AAAA"}
    for keys, sign in (
        ([exchange_key], [signature]),
        ([exchange_key, signer], [signature]),
        ([signer], [signature]),
    ):
        with pytest.raises(NetworkSlotRefused):
            tang.read_advertisement(advertisement(keys, sign), None)


def test_bindings_and_answers_of_key_servers_that_are_none():
    made = ECC.generate(curve="P-521")
    fields = tang.provision(tang._jwk(made.pointQ))[0].to_fields()
    x, _, y = fields["public"].partition(".")
    with pytest.raises(ValueError, match=r"^$"):
        tang.TangBinding.parse(fields | {"public": f"{x}=.{y}"})
    with pytest.raises(NetworkSlotRefused, match="infinity"):
        tang._key_of(made.pointQ.point_at_infinity())


def test_fields_of_a_tpm_slot_that_are_spelt_otherwise():
    pcrs = {7: "ab" * 32, 2: "cd" * 32}
    sealed = tpm.SealedInTpm(b"public", b"private", "ab" * 34, pcrs)
    assert tpm.SealedInTpm.parse(sealed.to_fields()) == sealed
    swapped = " ".join(reversed(sealed.to_fields()["pcrs"].split(" ")))
    with pytest.raises(ValueError, match=r"^$"):
        tpm.SealedInTpm.parse(sealed.to_fields() | {"pcrs": swapped})


def test_a_tpm_that_keeps_no_measurements():
    esapi = SimpleNamespace(pcr_read=lambda _: (0, None, []))
    open_tpm = tpm.OpenTpm.__new__(tpm.OpenTpm)
    object.__setattr__(open_tpm, "esapi", esapi)
    saved, tpm._selection = tpm._selection, lambda numbers: numbers
    try:
        with pytest.raises(TpmUnavailable, match="SHA-256"):
            open_tpm.read((7,))
    finally:
        tpm._selection = saved


def test_a_damaged_object_of_a_tpm_is_told():
    code = tpm._FORMAT_ONE | 0x01F
    assert "damaged" in str(tpm._told(code))
    assert isinstance(tpm._told(0x101), TpmUnavailable)


def test_a_tpm_without_room_for_a_counter():
    taken = range(tpm_cosigner._FIRST_INDEX, tpm_cosigner._FIRST_INDEX + tpm_cosigner._INDICES)
    data = SimpleNamespace(data=SimpleNamespace(handles=list(taken)))
    chip = SimpleNamespace(
        tss=SimpleNamespace(TPM2_CAP=SimpleNamespace(HANDLES=1)),
        esapi=SimpleNamespace(get_capability=lambda *_: (False, data)),
    )
    cosigner = tpm_cosigner.TpmCosigner(tpm.Tpm("none"), lambda: Secret(bytes(32)))
    with pytest.raises(TpmUnavailable, match="no room"):
        cosigner._define(chip)


def test_an_empty_tree_and_a_proof_without_an_end(auditor):
    import hashlib

    assert fold([]) == hashlib.sha256(b"").digest()
    assert fold([hash_leaf(b"x")]) == hash_leaf(b"x")
    export(auditor.folder, leaves(300), pick=lambda index: index == 7)
    path = auditor.folder / "proofs.tlog-proof"
    path.write_bytes(path.read_bytes().split(b"\n\n")[0] + b"\n")
    exports.seal(auditor.folder)
    status, text = auditor.judge()
    assert status == 1
    assert "Proof 1 in proofs.tlog-proof" in text
