"""A quote of the TPM: taken from a real one (swtpm), judged strictly, and vouched for by its maker."""

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firmware_checks.eventlog.document import read_log
from firmware_checks.quote import attested
from firmware_checks.quote.chain import Chain, endorsement
from firmware_checks.quote.chip import take_quote
from firmware_checks.quote.errors import QuoteMalformed, QuoteUnavailable
from firmware_checks.quote.verify import Fault, Quote, digest_over, faults, signed
from tests.fakes.soft_tpm import SoftTpm
from tests.firmware_checks import measured_machine
from tests.firmware_checks.logs import agile_event, boot_log, spec_id
from tests.firmware_checks.measured_machine import maker, quote_fields
from tests.firmware_checks.seeds import attest

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).parents[2].parent / "shared"))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BANK = 0x000B


def made(**changes):
    fields = quote_fields(**changes)
    return Quote(
        *(bytes.fromhex(fields[name]) for name in ("nonce", "attested", "signature", "public", "endorsement")),
        fields["bound"],
    )  # fmt: skip


def test_a_quote_that_holds_and_every_way_in_which_one_does_not():
    led = read_log(boot_log()).replayed
    good = made()
    assert faults(good, led) == ()
    assert faults(made(nonce=b"m" * 32), led) == (Fault.NONCE,)
    assert faults(replace(good, nonce=b""), led) == (Fault.NONCE,)
    assert faults(made(pcrs=range(7)), led) == (Fault.REGISTERS,)
    assert faults(good, read_log(boot_log(app=b"evil")).replayed) == (Fault.LOG,)
    assert faults(good, read_log(boot_log((0x0004,))).replayed) == (Fault.LOG,)
    for name, value in (("signature", b""), ("public", b""), ("public", b"\4" + bytes(64))):
        assert faults(replace(good, **{name: value}), led) == (Fault.SIGNATURE,)


def test_no_bit_of_a_quote_can_be_changed():
    good = made()
    for at in range(len(good.attested)):
        changed = bytearray(good.attested)
        changed[at] ^= 1
        assert not signed(replace(good, attested=bytes(changed)))
    for at in range(64):
        changed = bytearray(good.signature)
        changed[at] ^= 1
        assert not signed(replace(good, signature=bytes(changed)))


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff" * 40, attest(b"n", range(8), bytes(32), magic=1), attest(b"n", range(8), bytes(32), kind=0x8017),
     attest(b"n", range(8), bytes(32), bank=0x7777), attest(b"n", range(8), bytes(32)) + b"x", bytes(5000)],
)  # fmt: skip
def test_what_is_no_quote_is_refused(data):
    with pytest.raises(QuoteMalformed) as refusal:
        attested.parse(data)
    assert "{" not in refusal.value.sentence + refusal.value.way_out


def test_every_cut_of_a_quote_is_refused():
    whole = attest(b"n" * 32, range(8), bytes(32))
    for cut in range(len(whole)):
        with pytest.raises(QuoteMalformed):
            attested.parse(whole[:cut])


def test_a_recorded_quote_is_read():
    path = DATA / "fixtures/ima/quote.out"
    if not path.is_file():
        pytest.skip("the recorded quote is not on this machine; set WARDBOX_DATA to its folder")
    found = attested.parse(path.read_bytes())
    assert found.bank.bank == "SHA256"
    assert len(found.digest) == 32
    assert len(found.nonce) == 20


def test_the_makers_certificate():
    root = maker()[1].public_bytes(measured_machine.Encoding.PEM)
    leaf = measured_machine.endorsement(36500)
    assert endorsement(leaf, (root,), NOW).chain is Chain.TRUSTED
    assert endorsement(leaf + bytes(300), (root,), NOW).chain is Chain.TRUSTED
    assert endorsement(b"", (root,), NOW).chain is Chain.ABSENT
    assert endorsement(leaf, (), NOW).chain is Chain.UNKNOWN_MAKER
    assert endorsement(b"\x30\x82\0\1x", (root,), NOW).chain is Chain.MALFORMED
    assert endorsement(leaf, (b"nonsense",), NOW).chain is Chain.MALFORMED
    assert endorsement(measured_machine.endorsement(30), (root,), NOW).chain is Chain.EXPIRED
    changed = bytearray(leaf)
    changed[-1] ^= 1
    assert endorsement(bytes(changed), (root,), NOW).chain is Chain.UNKNOWN_MAKER


def test_without_a_tpm_it_is_a_sentence(tmp_path):
    for tcti in (f"device:{tmp_path}/tpmrm0", "swtpm:host=127.0.0.1,port=1", "nonsense"):
        with pytest.raises(QuoteUnavailable) as refusal:
            take_quote(tcti)
        assert refusal.value.facts["reason"]


@pytest.fixture
def chip(tmp_path):
    with SoftTpm(tmp_path / "tpm") as started:
        yield started


def _measured(chip):
    """Measures a boot into the TPM, and gives its log."""
    log = spec_id((BANK,))
    for pcr, data in ((0, b"firmware"), (4, b"shim 15.8"), (7, b"Secure Boot"), (0, b"more")):
        chip.extend(pcr, hashlib.sha256(data).digest())
        log += agile_event(pcr, 5, data, (BANK,))
    return read_log(log).replayed


def test_a_real_tpm_vouches_for_the_log(chip):
    led = _measured(chip)
    first, second = take_quote(chip.tcti), take_quote(chip.tcti)
    assert faults(first, led) == faults(second, led) == ()
    assert first.nonce != second.nonce
    # A quote that was taken before is no answer to a fresh nonce.
    assert faults(replace(first, nonce=second.nonce), led) == (Fault.NONCE,)
    chip.extend(4)
    assert faults(take_quote(chip.tcti), led) == (Fault.LOG,)
    assert first.endorsement == b""
    assert not first.bound


@pytest.mark.parametrize("kind", ["EK-ECC256", "EK-RSA2048"])
def test_the_tpm_proves_that_its_maker_vouches_for_it(chip, kind):
    _certify(chip, kind)
    taken = take_quote(chip.tcti)
    root = maker()[1].public_bytes(measured_machine.Encoding.PEM)
    assert taken.bound
    assert endorsement(taken.endorsement, (root,), NOW).chain is Chain.TRUSTED


def test_a_certificate_of_another_tpm_is_found_out(chip):
    _certify(chip, "EK-ECC256", other=True)
    assert not take_quote(chip.tcti).bound


def _certify(chip, kind, *, other=False):
    """Leaves a certificate in the TPM as its maker does."""
    import tpm2_pytss as tss
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from tpm2_pytss import utils

    with tss.ESAPI(chip.tcti) as esapi:
        _, template = utils.create_ek_template(kind, utils.NVReadEK(esapi))
        handle, public, *_ = esapi.create_primary(None, template, tss.ESYS_TR.ENDORSEMENT)
        esapi.flush_context(handle)
        key = load_der_public_key(public.to_der())
        if other:
            key = measured_machine.attestation_key().public_key()
        root, _ = maker()
        made = measured_machine._certificate("TPM", "Some Maker Root", key, root, ca=False)
        data = made.public_bytes(measured_machine.Encoding.DER)
        index = 0x01C0000A if kind == "EK-ECC256" else 0x01C00002
        wanted = tss.TPMA_NV
        area = tss.TPM2B_NV_PUBLIC(
            tss.TPMS_NV_PUBLIC(
                nvIndex=index,
                nameAlg=tss.TPM2_ALG.SHA256,
                attributes=wanted.AUTHREAD | wanted.OWNERREAD | wanted.OWNERWRITE | wanted.NO_DA,
                dataSize=len(data),
            )
        )
        place = esapi.nv_define_space(b"", area)
        for at in range(0, len(data), 512):
            esapi.nv_write(place, data[at : at + 512], at, tss.ESYS_TR.OWNER)


def test_digests_over_registers_that_were_never_extended():
    assert digest_over((0,), {}, 32, 3) == hashlib.sha256(bytes(31) + b"\3").digest()
