"""A signing key and a counter in a TPM (swtpm): neither leaves it, goes back, or serves strangers."""

import pytest

from secure_compute import tpm_cosigner
from secure_compute.secret import Secret
from secure_compute.slot_errors import TpmReplaced, TpmUnavailable
from secure_compute.tpm import Tpm
from secure_compute.tpm_cosigner import HeldKey, TpmCosigner
from secure_compute.verifier.p256 import p256_verify
from tests.fakes.soft_tpm import SoftTpm


class Word:
    """The vault's word for the TPM: a copy for each use, as the vault gives it."""

    def __init__(self) -> None:
        self._kept = Secret.random()

    def __call__(self) -> Secret:
        return self._kept.copy()


@pytest.fixture
def chip(tmp_path):
    with SoftTpm(tmp_path / "tpm") as made:
        yield made


@pytest.mark.slow
def test_it_signs_and_counts_over_reboots(chip):
    auth = Word()
    cosigner = TpmCosigner(Tpm(chip.tcti), auth)
    held = HeldKey.parse(cosigner.make().to_fields())
    first = cosigner.counter(held)
    assert cosigner.advance(held) == first + 1
    assert p256_verify(held.point, cosigner.sign(held, b"message"), b"message")
    chip.reboot()
    cosigner = TpmCosigner(Tpm(chip.tcti), auth)
    assert cosigner.counter(held) == first + 1
    assert cosigner.advance(held) == first + 2
    assert p256_verify(held.point, cosigner.sign(held, b"again"), b"again")


@pytest.mark.slow
def test_without_the_vaults_word_neither_key_nor_counter_serves(chip):
    held = TpmCosigner(Tpm(chip.tcti), Word()).make()
    stranger = TpmCosigner(Tpm(chip.tcti), Word())
    for attempt in (lambda: stranger.sign(held, b"x"), lambda: stranger.advance(held),
                    lambda: stranger.counter(held)):  # fmt: skip
        with pytest.raises(TpmUnavailable):
            attempt()


@pytest.mark.slow
def test_a_counter_made_anew_does_not_begin_anew(chip):
    cosigner = TpmCosigner(Tpm(chip.tcti), Word())
    first = cosigner.make()
    for _ in range(3):
        cosigner.advance(first)
    seen = cosigner.counter(first)
    cosigner.forget(first)
    with pytest.raises(TpmReplaced):
        cosigner.counter(first)
    cosigner.forget(first)
    assert cosigner.counter(cosigner.make()) > seen


@pytest.mark.slow
def test_two_boxes_on_one_tpm_have_counters_of_their_own(chip):
    one, two = (TpmCosigner(Tpm(chip.tcti), Word()) for _ in range(2))
    first, second = one.make(), two.make()
    assert first.index != second.index
    before = two.counter(second)
    one.advance(first)
    assert two.counter(second) == before


@pytest.mark.slow
def test_another_or_a_cleared_tpm_is_told(chip):
    cosigner = TpmCosigner(Tpm(chip.tcti), Word())
    held = cosigner.make()
    chip.clear()
    for attempt in (cosigner.counter, cosigner.advance, lambda key: cosigner.sign(key, b"x")):
        with pytest.raises(TpmReplaced):
            attempt(held)
    # Somebody makes an index of the same number: it is still another root key.
    again = cosigner.make()
    assert again.index == held.index
    with pytest.raises(TpmReplaced):
        cosigner.counter(held)


@pytest.mark.slow
def test_a_key_that_cannot_be_made_leaves_no_counter_behind(chip, monkeypatch):
    cosigner = TpmCosigner(Tpm(chip.tcti), Word())

    def refuse(*_):
        raise TpmUnavailable(reason_zh="否", reason="no")

    monkeypatch.setattr(cosigner, "_create", refuse)
    with pytest.raises(TpmUnavailable):
        cosigner.make()
    monkeypatch.undo()
    first = cosigner.make()
    assert first.index == tpm_cosigner._FIRST_INDEX
    monkeypatch.setattr(tpm_cosigner, "_INDICES", 1)
    with pytest.raises(TpmUnavailable, match="no room"):
        TpmCosigner(Tpm(chip.tcti), Word()).make()
    other = HeldKey.parse({**first.to_fields(), "parent": "00"})
    cosigner.forget(other)
    assert cosigner.counter(first)


@pytest.mark.slow
def test_a_tpm_that_fails_is_not_taken_for_another(chip, monkeypatch):
    import tpm2_pytss

    cosigner = TpmCosigner(Tpm(chip.tcti), Word())
    held = cosigner.make()

    def fail(*_):
        raise tpm2_pytss.TSS2_Exception(0x101)

    monkeypatch.setattr(tpm2_pytss.ESAPI, "tr_from_tpmpublic", fail)
    with pytest.raises(TpmUnavailable):
        cosigner.counter(held)


def test_no_tpm_is_a_sentence(tmp_path):
    cosigner = TpmCosigner(Tpm(f"device:{tmp_path}/none"), Word())
    assert not cosigner.present()
    with pytest.raises(TpmUnavailable):
        cosigner.make()
