"""Who opens a backup besides the recovery key: officers with shares, a key file, and who does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.backup.errors import KeysRefused
from appliance.backup.keyfile import FULL, IDENTITY, unlock_document
from appliance.backup.presented import opened_by
from appliance.backup.target import DirectoryTarget
from appliance.commands.backup_restore import run_restore
from appliance.errors import WrongSecret
from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import read_sealed_root, write_sealed_root
from appliance.vault.offer import Offer
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import RecoveryKeyMistyped
from secure_compute.key_file import KeyFile
from secure_compute.recovery import parse_recovery
from secure_compute.sealed_root import (
    Opener,
    SealedRoot,
    add_slot,
    open_root,
    remove_slot,
    seal_root,
)
from secure_compute.secret import Secret
from secure_compute.shares import split
from secure_compute.slot_errors import ShareMistyped, SharesTooFew, SharesUnfit
from secure_compute.slot_kinds import PASSPHRASE, RECOVERY, SHARES
from tests.appliance.backup.conftest import CHEAP, SmallBox
from tests.appliance.backup.conftest import PASSPHRASE as WORDS
from tests.appliance.backup.test_backup_commands import parsed, typed
from tests.appliance.backup.test_recovering import NEW, recover

HOLDERS = ("李主任", "王主任", "陈主任")


def shared(box: SmallBox, needed: int = 2) -> tuple[str, ...]:
    """Give the box a slot that officers hold; what stands on their papers."""
    key = Secret.random()
    shares = split(key, needed, len(HOLDERS))
    fields = {
        "count": str(len(HOLDERS)),
        "holders": "\n".join(HOLDERS),
        "needed": str(needed),
        "set": shares[0].set_id,
    }
    add(box, Opener.found(SHARES, key, fields))
    return tuple(share.text() for share in shares)


def add(box: SmallBox, opener: Opener) -> None:
    document = read_sealed_root(box.layout)
    with open_root(document, Opener.recovery(parse_recovery(box.recovery))) as root:
        write_sealed_root(box.layout, add_slot(document, root, opener, CHEAP))


def kinds(place: Path) -> list[str]:
    return sorted(
        slot.kind for slot in SealedRoot.parse((place / "keys/root.json").read_bytes()).slots
    )


def test_officers_bring_a_box_back_without_the_recovery_key(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    papers = shared(box)
    box.back_up(target)
    place = tmp_path / "new"
    made = recover(box, target, place, secret="", shares=(papers[2], papers[0]))
    assert made.recovery_key == ""
    # What people held on paper opens the new box as it opened the old one.
    assert kinds(place) == [PASSPHRASE, RECOVERY, SHARES]
    for offer in (Offer(NEW), Offer(box.recovery), Offer(shares=papers[1:])):
        vault = SmallBox(StateLayout(place), box.clock).vault()
        vault.unlock(offer)
        vault.lock()
    with pytest.raises(WrongSecret):
        SmallBox(StateLayout(place), box.clock).vault().unlock(WORDS)


def test_shares_that_do_not_open_it_say_why(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    papers = shared(box)
    box.back_up(target)
    place = tmp_path / "new"
    with pytest.raises(SharesTooFew):
        recover(box, target, place, secret="", shares=papers[:1])
    with pytest.raises(SharesUnfit, match="twice"):
        recover(box, target, place, secret="", shares=(papers[0], papers[0]))
    typo = papers[1][:8] + ("0" if papers[1][8] != "0" else "1") + papers[1][9:]
    with pytest.raises(ShareMistyped, match="2"):
        recover(box, target, place, secret="", shares=(papers[0], typo))
    other = tuple(one.text() for one in split(Secret.random(), 2, 3))
    with pytest.raises(KeysRefused):
        recover(box, target, place, secret="", shares=other[:2])
    assert not (place / "keys").exists()
    assert recover(box, target, place, secret="", shares=papers[1:]).snapshot == 1


def test_a_key_file_with_its_words_opens_it_too(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    file = KeyFile.make()
    add(box, Opener.key_file("words of the file", file))
    box.back_up(target)
    text = file.text().encode()
    with pytest.raises(KeysRefused):
        opened_by(target, Offer("other words of it", key_file=text))
    assert opened_by(target, Offer("words of the file", key_file=text)).snapshot(1).number == 1


def test_a_passphrase_opens_backups_only_where_that_is_wanted(
    box: SmallBox, target: DirectoryTarget
) -> None:
    box.back_up(target)
    with pytest.raises(KeysRefused):
        opened_by(target, Offer(WORDS))
    wrapped = box.opened.wrapped(IDENTITY)
    document = read_sealed_root(box.layout)
    target.write("unlock.json", unlock_document(document, wrapped, FULL | {PASSPHRASE}))
    assert opened_by(target, Offer(WORDS)).snapshot(1).number == 1
    with pytest.raises(RecoveryKeyMistyped):
        opened_by(target, Offer(box.recovery[:-1] + "!"))


def test_a_vault_with_nothing_on_paper_is_backed_up_all_the_same(
    box: SmallBox, target: DirectoryTarget
) -> None:
    """Then the further backup keys of the settings alone open it."""
    document = read_sealed_root(box.layout)
    for slot in document.slots:
        document = remove_slot(document, slot.slot_id) if slot.kind == RECOVERY else document
    write_sealed_root(box.layout, document)
    box.back_up(target)
    with pytest.raises(KeysRefused):
        opened_by(target, Offer(box.recovery))


def test_a_slot_that_somebody_else_put_there_is_not_taken_over(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    """Who can write to the target knows no root key, so no relay of his is believed."""
    shared(box)
    box.back_up(target)
    value = parse_canonical(target.read("unlock.json"))
    document = SealedRoot.parse(value["root"].encode())
    strange = seal_root(Secret.random(), Opener.recovery(Secret.random()), CHEAP)
    mixed = replace(document, slots=(*document.slots, *strange.slots))
    target.write("unlock.json", canonical_bytes(value | {"root": mixed.to_bytes().decode()}))
    place = tmp_path / "new"
    recover(box, target, place)
    assert kinds(place) == [PASSPHRASE, RECOVERY, SHARES]


def test_officers_at_the_command_line(
    box: SmallBox,
    target: DirectoryTarget,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    papers = shared(box)
    box.back_up(target)
    words = ("restore", "--from", str(target.place), "--shares", "2")
    typed(monkeypatch, papers[0], "nonsense", "")
    assert run_restore(parsed(*words, state=tmp_path / "new")) == 1
    assert "2" in capsys.readouterr().err
    typed(monkeypatch, papers[0], papers[1], "")
    assert run_restore(parsed(*words, state=tmp_path / "new")) == 0
    told = capsys.readouterr().out
    assert "原有纸质密钥仍有效" in told
    assert "is not known" in told
    assert papers[0] not in told
