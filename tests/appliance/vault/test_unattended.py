"""A vault that opens by itself: a TPM and a key server at boot, what changed, and why not."""

import pytest

from appliance.vault.measured import changed_since, measured
from appliance.vault.slot_making import SlotWish
from appliance.vault.unattended import Unattended
from secure_compute.slot_errors import (
    NetworkSlotRefused,
    TpmPolicyFailed,
    TpmUnavailable,
)
from secure_compute.tpm import Tpm
from tests.appliance.vault.conftest import PASSPHRASE, no_server
from tests.appliance.vault.slotted import ME, PRESENT, PaperTpm
from tests.fakes.soft_tpm import SoftTpm
from tests.fakes.tang_server import TangServer
from tests.firmware_checks.logs import boot_log


@pytest.fixture
def vault(made):
    vault = made()
    vault.create(PASSPHRASE)
    return vault


def test_the_tpm_opens_at_boot_and_not_after_a_person_locked_it(vault, made):
    vault.slots.add(PRESENT, SlotWish("tpm", "board", pcrs=(7, 4)), ME)
    opened = made("boot-2")
    assert opened.resume() is opened.opened is not None
    assert opened.entered.startswith("tpm ")
    opened.lock()
    assert made("boot-2").resume() is None
    assert made("boot-3").resume() is not None
    locked = made("boot-3")
    locked.unlock(PASSPHRASE)
    locked.lock()
    again = made("boot-3")
    again.unlock(PASSPHRASE)
    again.close()
    assert made("boot-3").resume() is not None


def test_a_changed_pcr_is_told_with_what_to_do_and_sealed_anew(vault, made, chip):
    added = vault.slots.add(PRESENT, SlotWish("tpm", "board"), ME)
    chip.pcrs[7] = "ab" * 32
    box = made("boot-2")
    assert box.resume() is None
    (warning,) = box.status().warnings
    assert "PCR 7" in warning.sentence
    assert "wardbox vault slots reseal" in warning.way_out
    box.unlock(PASSPHRASE)
    assert box.status().warnings == ()
    fresh = box.slots.reseal(PRESENT, None, ME)
    assert fresh.slot_id != added.slot_id
    assert [note.label for slot, note in box.slots.listed() if slot.kind == "tpm"] == ["board"]
    box.close()
    assert made("boot-3").resume() is not None


@pytest.mark.parametrize("fault", ["absent", "replaced", "garbage"])
def test_a_tpm_that_does_not_help_leaves_the_others_and_says_why(vault, made, chip, fault):
    vault.slots.add(PRESENT, SlotWish("tpm"), ME)
    if fault == "absent":
        chip.broken = TpmUnavailable(reason_zh="没有", reason="it is gone")
    elif fault == "replaced":
        chip.seed = "000b" + "22" * 32
    else:
        chip.kept = {name: type(key).random() for name, key in chip.kept.items()}
    box = made("boot-2")
    assert box.resume() is None
    assert len(box.status().warnings) == 1
    box.unlock(PASSPHRASE)
    chip.broken = None
    box.slots.reseal(PRESENT, None, ME)
    box.close()
    assert made("boot-3").resume() is not None


def test_what_changed_is_told_in_lines(vault, made, chip):
    """Two recorded starts whose boot loader differs."""
    assert "no event log" in changed_since((), (7,), lambda: b"")[0]
    logs = [boot_log(app=b"shim 15.8")]
    unattended = Unattended(chip, no_server, lambda: logs[-1])
    box = made("boot-1", unattended=unattended)
    box.slots.add(PRESENT, SlotWish("tpm", pcrs=(4, 7)), ME)
    chip.pcrs[4] = "ab" * 32
    box = made("boot-2", unattended=unattended)
    assert box.resume() is None
    assert "it changed after the boot" in box.status().warnings[0].sentence
    logs.append(boot_log(app=b"shim 15.9"))
    box = made("boot-3", unattended=unattended)
    assert box.resume() is None
    first, *lines = box.status().warnings[0].sentence.splitlines()
    assert "PCR 4" in first
    assert [line[:7] for line in lines] == ["- PCR 4", "+ PCR 4"]
    (slot,) = (slot for slot, _ in box.slots.listed() if slot.kind == "tpm")
    with pytest.raises(TpmPolicyFailed, match="PCR 4") as caught:
        box.slots.test_unattended(slot.slot_id)
    assert caught.value.sentence.splitlines()[1:] == lines


def test_other_words_for_the_same_measurement_are_no_change():
    """The words are those of the version that sealed the slot; the digests are the firmware's."""
    log = boot_log()
    told = tuple(
        line.partition(": ")[0] + ": in the words of an older version"
        for line in measured((0, 4), lambda: log)
    )
    assert told
    assert "the same" in changed_since(told, (0, 4), lambda: log)[0]
    lines = changed_since(told, (0, 4), lambda: boot_log(app=b"shim 15.9"))
    assert [line[0] for line in lines] == ["-", "+"]
    assert "older version" in lines[0]


def test_a_key_server_opens_at_boot_and_another_one_does_not(vault, made, tmp_path):
    with TangServer(tmp_path / "keys") as server:
        real = made("boot-1", unattended=Unattended(PaperTpm()))
        wish = SlotWish("network", url=server.url, thumbprint="x" * 43)
        with pytest.raises(NetworkSlotRefused, match="not signed by"):
            real.slots.add(PRESENT, wish, ME)
        wish = SlotWish("network", "rack", url=f"{server.url}/", thumbprint=server.thumbprint())
        added = real.slots.add(PRESENT, wish, ME)
        real.slots.test_unattended(added.slot_id)
        box = made("boot-2", unattended=Unattended(PaperTpm()))
        assert box.resume() is not None
        assert box.entered == f"network {added.slot_id}"
        box.close()
    away = made("boot-3", unattended=Unattended(PaperTpm()))
    assert away.resume() is None
    assert "cannot be reached" in away.status().warnings[0].sentence
    away.unlock(PASSPHRASE)


@pytest.mark.slow
def test_a_real_tpm_from_the_first_boot_to_its_replacement(vault, made, tmp_path):
    with SoftTpm(tmp_path / "tpm") as soft:

        def boot(name):
            return made(name, unattended=Unattended(Tpm(soft.tcti), no_server))

        box = boot("boot-1")
        box.slots.add(PRESENT, SlotWish("tpm", "board"), ME)
        soft.reboot()
        box = boot("boot-2")
        assert box.resume() is not None
        box.close()
        soft.reboot()
        soft.extend(7)
        box = boot("boot-3")
        assert box.resume() is None
        assert "PCR 7" in box.status().warnings[0].sentence
        box.unlock(PASSPHRASE)
        box.slots.reseal(PRESENT, None, ME)
        box.close()
        box = boot("boot-4")
        assert box.resume() is not None
        box.close()
        soft.lock_out()
        box = boot("boot-5")
        assert box.resume() is not None
        box.close()
        for disaster in (soft.clear, soft.replace):
            disaster()
            box = boot("boot-6")
            assert box.resume() is None
            assert "cleared" in box.status().warnings[0].sentence
            box.unlock(PASSPHRASE)
            box.slots.reseal(PRESENT, None, ME)
            box.close()
            assert boot("boot-7").resume() is not None
        soft.stop()
        box = boot("boot-8")
        assert box.resume() is None
        box.unlock(PASSPHRASE)
