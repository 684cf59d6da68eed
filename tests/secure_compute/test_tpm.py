"""A key in a TPM (swtpm): it comes back, and not after a change, a clearing, a swap or damage."""

import contextlib
import time

import pytest

from secure_compute.errors import KeyMalformed
from secure_compute.secret import Secret
from secure_compute.slot_errors import TpmPolicyFailed, TpmReplaced, TpmUnavailable
from secure_compute.tpm import SealedInTpm, Tpm
from tests.fakes.soft_tpm import SoftTpm


@pytest.fixture
def chip(tmp_path):
    with SoftTpm(tmp_path / "tpm") as made:
        yield made


@pytest.mark.slow
def test_a_key_comes_back_over_reboots_until_a_measurement_changes(chip):
    tpm, key = Tpm(chip.tcti), Secret.random()
    sealed = SealedInTpm.parse(tpm.seal(key, (7, 0, 7)).to_fields())
    assert sorted(sealed.pcrs) == [0, 7]
    assert tpm.unseal(sealed) == key
    chip.reboot()
    tpm = Tpm(chip.tcti)
    assert tpm.unseal(sealed) == key
    chip.extend(4)
    assert tpm.unseal(sealed) == key
    chip.extend(7)
    with pytest.raises(TpmPolicyFailed, match="PCR 7"):
        tpm.unseal(sealed)
    again = tpm.seal(key, (0, 7))
    assert tpm.unseal(again) == key
    assert tpm.read((7,)) == {7: again.pcrs[7]}
    chip.extend(0)
    with pytest.raises(TpmPolicyFailed) as caught:
        tpm.unseal(sealed)
    assert caught.value.facts == {"registers": "PCR 0, PCR 7"}


@pytest.mark.slow
def test_a_cleared_or_another_tpm_is_told(chip):
    key = Secret.random()
    sealed = Tpm(chip.tcti).seal(key, (7,))
    chip.replace()
    with pytest.raises(TpmReplaced):
        Tpm(chip.tcti).unseal(sealed)
    sealed = Tpm(chip.tcti).seal(key, (7,))
    chip.clear()
    with pytest.raises(TpmReplaced):
        Tpm(chip.tcti).unseal(sealed)


@pytest.mark.slow
def test_a_tpm_that_locked_itself_out_still_gives_what_was_sealed(chip):
    """Nothing sealed here has a password to guess, so the lockout of others does not reach it."""
    tpm, key = Tpm(chip.tcti), Secret.random()
    sealed = tpm.seal(key, (7,))
    chip.lock_out()
    assert tpm.unseal(sealed) == key


@pytest.mark.slow
def test_damage_is_a_sentence_and_leaks_no_handles(chip):
    tpm, key = Tpm(chip.tcti), Secret.random()
    sealed = tpm.seal(key, (7,))
    for at in range(0, len(sealed.private), 4):
        bad = bytearray(sealed.private)
        bad[at] ^= 1
        with pytest.raises(TpmUnavailable):
            tpm.unseal(SealedInTpm(sealed.public, bytes(bad), sealed.parent, sealed.pcrs))
    for at in range(0, len(sealed.public), 4):
        bad = bytearray(sealed.public)
        bad[at] ^= 1
        with pytest.raises(TpmUnavailable):
            tpm.unseal(SealedInTpm(bytes(bad), sealed.private, sealed.parent, sealed.pcrs))
    assert tpm.unseal(sealed) == key


def test_no_tpm_is_a_sentence(tmp_path):
    for tcti in (f"device:{tmp_path}/tpmrm0", "swtpm:host=127.0.0.1,port=1", "nonsense"):
        with pytest.raises(TpmUnavailable):
            Tpm(tcti).read((7,))
    assert not Tpm(f"device:{tmp_path}/tpmrm0").present()
    with pytest.raises(TpmUnavailable):
        Tpm("swtpm:").seal(Secret.random(), ())
    with pytest.raises(KeyMalformed):
        Tpm().seal(Secret(b"short"), (7,))


@pytest.mark.slow
def test_a_silent_tpm_is_given_up_on_and_asked_again_once_it_speaks(chip):
    tpm, key = Tpm(chip.tcti, patience=2), Secret.random()
    sealed = tpm.seal(key, (7,))
    with chip.silent():
        for _ in range(2):
            with pytest.raises(TpmUnavailable, match="did not answer within 2 s"):
                tpm.unseal(sealed)
    spoken = False
    for _ in range(200):
        with contextlib.suppress(TpmUnavailable):
            assert tpm.unseal(sealed) == key
            spoken = True
            break
        time.sleep(0.05)
    assert spoken


@pytest.mark.slow
def test_a_tpm_whose_owner_has_a_password_is_told(chip):
    import tpm2_pytss as tss

    tpm, key = Tpm(chip.tcti), Secret.random()
    sealed = tpm.seal(key, (7,))
    with tss.ESAPI(chip.tcti) as esapi:
        esapi.hierarchy_change_auth(tss.ESYS_TR.OWNER, b"of somebody")
    for work in (lambda: tpm.unseal(sealed), lambda: tpm.seal(key, (7,))):
        with pytest.raises(TpmUnavailable, match="owner hierarchy has a password"):
            work()
    with tss.ESAPI(chip.tcti) as esapi:
        esapi.tr_set_auth(tss.ESYS_TR.OWNER, b"of somebody")
        esapi.hierarchy_change_auth(tss.ESYS_TR.OWNER, b"")
    assert tpm.unseal(sealed) == key
