"""Slots of a vault: added, tried, replaced, sealed anew and revoked; a TPM and a key server."""

import pytest

from appliance.errors import VaultBackoff, WrongSecret
from appliance.vault.errors import WeakPassphrase
from appliance.vault.keyfile import read_sealed_root
from appliance.vault.measured import changed_since
from appliance.vault.offer import Offer
from appliance.vault.slot_errors import SlotsPersonless, SlotUnfit, SlotUnknown
from appliance.vault.slot_making import SlotWish
from appliance.vault.unattended import Unattended
from appliance.vault.vault import Vault
from secure_compute.errors import RecoveryKeyMistyped
from secure_compute.slot_errors import (
    KeyFileMalformed,
    NetworkSlotRefused,
    ShareMistyped,
    SharesUnfit,
    TpmUnavailable,
)
from secure_compute.tpm import Tpm
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, no_server, ways_of
from tests.appliance.vault.slotted import ME, PRESENT, PaperTpm, ids
from tests.fakes.soft_tpm import SoftTpm
from tests.fakes.tang_server import TangServer
from tests.firmware_checks.logs import boot_log


@pytest.fixture
def chip():
    return PaperTpm()


@pytest.fixture
def made(layout, files, clock, chip):
    """A function that starts the box anew, as a boot of the machine does."""

    def start(boot="boot-1", **more):
        unattended = more.pop("unattended", None) or Unattended(chip, no_server)
        ways = ways_of(layout, clock, boot, unattended=unattended, **more)
        return Vault(layout, "wardbox/test", files, clock, cost=CHEAP, ways=ways)

    return start


@pytest.fixture
def vault(made):
    vault = made()
    vault.create(PASSPHRASE)
    return vault


def test_the_first_slots_are_listed_and_say_when_they_were_used(vault, clock):
    assert [slot.kind for slot, _ in vault.slots.listed()] == ["passphrase", "recovery"]
    vault.unlock(PASSPHRASE)
    (_, first), (_, second) = vault.slots.listed()
    assert (first.used, second.used) == (int(clock.now.timestamp()), None)
    vault.slots.test(PRESENT)
    assert vault.slots.listed()[0][1].tested == int(clock.now.timestamp())


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


def test_nothing_can_be_added_without_a_secret_or_what_it_needs(vault, chip):
    before = read_sealed_root(vault._layout)
    chip.broken = TpmUnavailable(reason_zh="没有", reason="it is gone")
    for wish, refusal in (
        (SlotWish("tpm"), TpmUnavailable),
        (SlotWish("passphrase", passphrase="short"), WeakPassphrase),
        (SlotWish("shares", needed=3, holders=("a", "b")), SharesUnfit),
        (SlotWish("shares", needed=2, holders=("a", "a")), SlotUnfit),
        (SlotWish("network", url="ftp://x", thumbprint="x"), SlotUnfit),
        (SlotWish("network", url="http://x"), SlotUnfit),
        (SlotWish("network", url="http://x", thumbprint="x"), NetworkSlotRefused),
        (SlotWish("machine"), SlotUnfit),
        (SlotWish("recovery", label="a\x1b[2J"), SlotUnfit),
        (SlotWish("recovery", label="x" * 65), SlotUnfit),
    ):
        with pytest.raises(refusal):
            vault.slots.add(PRESENT, wish, ME)
    with pytest.raises(WrongSecret):
        vault.slots.add(Offer("wrong wrong wrong"), SlotWish("recovery"), ME)
    with pytest.raises(SlotUnknown):
        vault.slots.reseal(PRESENT, None, ME)
    with pytest.raises(SlotUnknown):
        vault.slots.revoke(PRESENT, "f" * 16)
    assert read_sealed_root(vault._layout) == before


def test_shares_open_and_wrong_ones_are_told(vault):
    wish = SlotWish("shares", "officers", needed=2, holders=("李", "王", "陈"))
    first, second, third = vault.slots.add(PRESENT, wish, ME).shares
    vault.unlock(Offer(shares=(third, first)))
    vault.lock()
    others = vault.slots.add(PRESENT, wish, ME).shares
    for shares, refusal in (
        ((first,), SharesUnfit),
        ((first, others[1]), SharesUnfit),
        ((first, second[:-2] + ("00" if second[-2:] != "00" else "11")), ShareMistyped),
    ):
        with pytest.raises(refusal):
            vault.unlock(Offer(shares=shares))
    # None of these cost a try: they are told from what anybody can check.
    vault.unlock(PASSPHRASE)


def test_shares_are_no_way_round_the_wait_for_a_passphrase(vault):
    wish = SlotWish("shares", needed=2, holders=("李", "王"))
    shares = vault.slots.add(PRESENT, wish, ME).shares
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock("wrong wrong wrong")
    with pytest.raises(VaultBackoff):
        vault.unlock(PASSPHRASE)
    vault.unlock(Offer(shares=shares))


def test_a_key_file_opens_with_its_words_and_waits_like_a_passphrase(vault):
    wish = SlotWish("keyfile", passphrase="the words of the stick")
    content = vault.slots.add(PRESENT, wish, ME).key_file.encode()
    vault.unlock(Offer("the words of the stick", key_file=content))
    vault.lock()
    with pytest.raises(KeyFileMalformed):
        vault.unlock(Offer("the words of the stick", key_file=content[:-9]))
    for _ in range(3):
        with pytest.raises(WrongSecret):
            vault.unlock(Offer("other words of it", key_file=content))
    with pytest.raises(VaultBackoff):
        vault.unlock(Offer("the words of the stick", key_file=content))


def test_typing_errors_in_the_recovery_key_are_told_by_group(vault):
    paper = vault.slots.add(PRESENT, SlotWish("recovery"), ME).recovery_key
    groups = paper.split("-")
    groups[4] = groups[4][:2] + ("Z" if groups[4][2] != "Z" else "Y") + groups[4][3:]
    with pytest.raises(RecoveryKeyMistyped, match="group 5 is wrong"):
        vault.unlock("-".join(groups))
    with pytest.raises(RecoveryKeyMistyped, match="60 signs, not 65"):
        vault.unlock(paper[6:])
    vault.unlock(paper.replace("-", " ").lower())


def test_a_person_must_always_be_able_to_open(vault):
    vault.slots.add(PRESENT, SlotWish("tpm"), ME)
    vault.slots.revoke(PRESENT, ids(vault)["recovery"])
    with pytest.raises(SlotsPersonless):
        vault.slots.revoke(PRESENT, ids(vault)["passphrase"])
    with pytest.raises(SlotsPersonless):
        vault.slots.replace(PRESENT, ids(vault)["passphrase"], SlotWish("tpm"), ME)
    fresh = SlotWish("passphrase", passphrase="another passphrase")
    vault.slots.replace(PRESENT, ids(vault)["passphrase"], fresh, ME)
    with pytest.raises(WrongSecret):
        vault.unlock(PASSPHRASE)
    vault.unlock("another passphrase")


def test_a_revoked_slot_opens_nothing_after_the_rotation(vault, created_paper):
    vault.unlock(PASSPHRASE)
    old = read_sealed_root(vault._layout)
    vault.slots.revoke(PRESENT, ids(vault)["recovery"])
    vault.rotate_root()
    with pytest.raises(WrongSecret):
        vault.unlock(created_paper)
    assert read_sealed_root(vault._layout).root_id != old.root_id


@pytest.fixture
def created_paper(vault):
    return vault.slots.replace(
        PRESENT, ids(vault)["recovery"], SlotWish("recovery"), ME
    ).recovery_key


def test_the_clock_at_1970_locks_nobody_out_of_slots(vault, clock):
    clock.now = clock.now.replace(year=1970)
    vault.slots.add(PRESENT, SlotWish("recovery", "made in 1970"), ME)
    vault.unlock(PASSPHRASE)


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
