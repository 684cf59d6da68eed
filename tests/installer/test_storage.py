"""The back end of the vault: chosen by what the machine can do, told with its reason, kept for ever."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.assembly import build_files
from appliance.vault.choice import LABELLED, Eyes, choose
from appliance.vault.device import DeviceFacts, look
from appliance.vault.errors import DeviceRefused, VaultDamaged, VaultUnsupported
from appliance.vault.luks import LuksVolume
from appliance.vault.luks_support import LuksSupport
from appliance.vault.mount import GocryptfsMount
from appliance.vault.record import (
    StorageRecord,
    luks_record,
    read_record,
    recorded,
    write_record,
)
from appliance.vault.support import Support
from installer import preflight
from installer.answers import Answers
from installer.host import Machine, Rehearsal
from installer.places import MADE_FOR, Site, pins_digest
from installer.steps import storage
from installer.steps.packages import LIBRARIES, SystemPackages
from installer.steps.storage import Storage, told

ROOT = Path(__file__).resolve().parents[2]
GOCRYPTFS = Support(True, True, Path("/usr/bin/gocryptfs"), Path("/usr/bin/fusermount3"))
ABLE = LuksSupport(aes=True, mapper=True, root=True)
BLANK = DeviceFacts(LABELLED, True, True, 64 << 30, True, True, "", "", True)
ABSENT = DeviceFacts(LABELLED)


def eyes(device=ABSENT, luks=ABLE, embedded=GOCRYPTFS):
    return Eyes(lambda: luks, lambda: embedded, lambda path: replace(device, path=path))


def test_a_blank_partition_of_that_name_is_taken():
    choice = choose("auto", erase=False, eyes=eyes(BLANK))
    assert choice.device == LABELLED
    assert told(choice)[0].startswith("LUKS2")


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (eyes(), "no disk"),
        (eyes(BLANK, luks=replace(ABLE, mapper=False)), "device-mapper"),
        (eyes(BLANK, luks=replace(ABLE, root=False)), "root"),
        (eyes(replace(BLANK, signature="ext4 'photos'", blank=False)), "photos"),
        (eyes(replace(BLANK, free=False)), "in use"),
    ],
)
def test_else_the_embedded_one_with_its_reason_and_what_is_lost(seen, word):
    choice = choose("auto", erase=False, eyes=seen)
    assert choice.device is None
    assert word in choice.why_en
    assert "swap" in told(choice)[-1]


def test_a_disk_is_never_erased_because_nobody_asked():
    used = replace(BLANK, signature="ext4 'photos'", blank=False)
    with pytest.raises(DeviceRefused, match="photos"):
        choose("luks:/dev/sdz", erase=False, eyes=eyes(used))
    assert choose("luks:/dev/sdz", erase=True, eyes=eyes(used)).device == Path("/dev/sdz")


def test_no_box_runs_unencrypted():
    nothing = Support(aes=False, fuse=True, gocryptfs=None, fusermount=None)
    for wish in ("auto", "embedded"):
        with pytest.raises(VaultUnsupported, match="never runs unencrypted"):
            choose(wish, erase=False, eyes=eyes(embedded=nothing))
    with pytest.raises(VaultUnsupported, match="never runs unencrypted"):
        choose("luks:/dev/sdz", erase=True, eyes=eyes(BLANK, luks=replace(ABLE, aes=False)))


def test_devices_are_read_and_never_written(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(8 << 20))
    assert look(disk).blank
    assert not look(disk).signature
    disk.write_bytes(bytes(4 << 20) + b"a letter" + bytes(4 << 20))
    before = disk.read_bytes()
    assert look(disk).blank in (True, False)
    assert disk.read_bytes() == before
    assert look(tmp_path / "none") == DeviceFacts(tmp_path / "none")
    assert look(tmp_path) == DeviceFacts(tmp_path, exists=True)


@pytest.fixture
def site(tmp_path):
    return Site(checkout=tmp_path, cache=tmp_path / "cache", state=tmp_path / "state")


def test_the_choice_is_made_once(site, tmp_path, monkeypatch):
    said = []
    host = Machine(tmp_path / "log", said.append)
    monkeypatch.setattr(
        storage, "choose", lambda wish, *, erase: choose(wish, erase=erase, eyes=eyes())
    )
    step = Storage(site, Answers())
    assert step.needed()
    step.apply(Rehearsal(said.append))
    assert step.needed()
    step.apply(host)
    assert not step.needed()
    record = read_record(StateLayout(site.state))
    assert (record.backend, record.stage) == ("embedded", "chosen")
    assert any("no disk" in line for line in said)
    assert isinstance(build_files(StateLayout(site.state)), GocryptfsMount)


def test_a_box_that_stands_is_never_moved(site):
    layout = StateLayout(site.state)
    layout.keys.mkdir(parents=True)
    layout.sealed_root.write_text("{}")
    assert not Storage(site, Answers(storage="luks:/dev/sdz")).needed()


def test_a_record_of_a_device_gives_that_back_end(site, tmp_path):
    layout = StateLayout(site.state)
    record = luks_record(Path("/dev/sdz"), "因为", "because")
    write_record(layout, record)
    assert read_record(layout) == record
    assert isinstance(build_files(layout), LuksVolume)
    choice = choose("luks:/dev/sdz", erase=False, eyes=eyes(BLANK))
    assert recorded(choice).device == "/dev/sdz"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-3],
        lambda text: text.replace("luks", "none"),
        lambda text: text.replace("chosen", "maybe"),
        lambda text: text.replace("/dev/", "dev/"),
        lambda text: text.replace("wardbox-storage/1", "wardbox-storage/2"),
        lambda text: text.replace('"uuid":"', '"uuid":"x'),
        lambda text: "[1]",
        lambda text: "",
    ],
)
def test_an_altered_record_is_refused_and_nothing_guessed(site, change):
    layout = StateLayout(site.state)
    write_record(layout, luks_record(Path("/dev/sdz"), "因为", "because"))
    path = layout.storage_record
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(VaultDamaged):
        build_files(layout)


def test_the_preflight_refuses_a_device_before_anything_is_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "detect_luks", lambda: replace(ABLE, missing=("cryptsetup",)))
    answers = Answers(storage=f"luks:{tmp_path}/no-disk", port=1)
    finding = preflight.survey(tmp_path, answers, ours=False).storage
    assert "no such device" in finding.en
    assert "没有这个设备" in finding.zh
    assert preflight.survey(tmp_path, answers, ours=True).storage is None
    fuseless = replace(preflight.survey(tmp_path, answers, ours=True), fuse=False)
    assert not any("fuse" in one.en for one in preflight.judge(fuseless, answers))


def test_what_was_shipped_ready_is_not_built_again(site):
    site.pins.write_text("a==1\n")
    assert not site.shipped
    shipped = site.checkout / "offline" / "environment"
    shipped.mkdir(parents=True)
    (shipped / MADE_FOR).write_text(pins_digest(site.pins))
    assert not site.shipped
    engine = site.checkout / "offline" / "engine" / site.engine.name
    engine.mkdir(parents=True)
    (engine / "built.json").write_text("{}")
    assert site.shipped
    assert (site.environment, site.engine) == (shipped, engine)
    site.pins.write_text("a==2\n")
    assert not site.shipped
    assert site.environment.parent == site.cache / "env"


def test_a_shipped_environment_needs_no_compiler():
    nothing = SystemPackages(find=lambda name: None, find_library=lambda name: None, building=False)
    assert set(nothing.missing()) == {"gocryptfs", "fuse3", "tar", *LIBRARIES.values()}
    assert "cryptsetup-bin" in SystemPackages(find=lambda name: None, luks=True).missing()


def test_the_ground_is_laid_with_the_standard_library_alone():
    words = (sys.executable, "-S", "-c", "import installer.installation")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_embedded_record_holds_no_device(site):
    layout = StateLayout(site.state)
    write_record(layout, StorageRecord("embedded", "", "", "因为", "because"))
    assert read_record(layout).device == ""
