"""What updates look at outside: mounted sticks, the machine's classes, the newest entry of the log."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.errors import AuditEntryUnknown
from appliance.services.updating import doubt_of, hardware_classes, past_of
from appliance.updates.errors import DiskRefused
from appliance.updates.health import examine
from appliance.updates.packs import PackShelf
from appliance.updates.sticks import mounted
from appliance.witnesses.second import REPLACED, ROLLED_BACK, Trouble


def _mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Path:
    monkeypatch.setattr("appliance.updates.sticks._PLACES", (str(tmp_path / "media"),))
    file = tmp_path / "mounts"
    file.write_text("".join(f"/dev/sdb1 {line} exfat rw 0 0\n" for line in lines))
    return file


def test_sticks_with_a_bundle_come_first(tmp_path, monkeypatch):
    for name in ("photos", "ward box/wardbox-update/metadata", "zip/metadata"):
        (tmp_path / "media" / name).mkdir(parents=True)
    for name in ("ward box/wardbox-update", "zip"):
        (tmp_path / "media" / name / "metadata" / "timestamp.json").write_text("{}")
    media = str(tmp_path / "media")
    mounts = _mounts(
        tmp_path, monkeypatch, f"{media}/photos", f"{media}/ward\\040box", f"{media}/zip", "/", "x"
    )
    found = mounted(mounts)
    assert [(one.directory.name, one.bundle) for one in found] == [
        ("wardbox-update", True),
        ("zip", True),
        ("photos", False),
    ]


def test_a_machine_that_tells_no_mounts_has_no_sticks(tmp_path):
    assert mounted(tmp_path / "gone") == ()


def test_the_classes_of_a_machine():
    card = SimpleNamespace(vendor="nvidia", name="NVIDIA H20-3e")
    assert hardware_classes(SimpleNamespace(accelerators=(card, card))) == {
        "cpu",
        "nvidia",
        "nvidia-h20-3e",
    }
    assert hardware_classes(SimpleNamespace(accelerators=())) == {"cpu"}


def test_the_newest_entry_of_the_log_is_certainly_past():
    log = SimpleNamespace(
        reader=SimpleNamespace(head=lambda: SimpleNamespace(time=1_700_000_000_000_000))
    )
    assert past_of(log)() == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)

    def empty():
        raise AuditEntryUnknown(what="x")

    log.reader.head = empty
    assert past_of(log)().year == 1970


async def test_a_check_that_fails_or_hangs_does_not_keep_the_others_from_running():
    async def well():
        return True, "好", "well"

    async def broken():
        raise DiskRefused(reason="EIO")

    async def hanging():
        import asyncio

        await asyncio.Event().wait()

    found = await examine({"a": broken, "b": hanging, "c": well}, patience_s=0.05)
    assert [(one.name, one.ok) for one in found] == [("a", False), ("b", False), ("c", True)]
    assert "EIO" in found[0].en
    assert "0 s" in found[1].en


@pytest.mark.parametrize("said", [b"", b"../../etc\n", b"\xff\xfe", b"9.9\n", b"x" * 500])
def test_a_pointer_that_names_no_version_names_none(tmp_path, said):
    packs = PackShelf(tmp_path)
    (tmp_path / "new").mkdir()
    packs.place("data", "icd", "1.0", tmp_path / "new")
    packs.switch("data", "icd", "1.0")
    assert packs.in_use("data", "icd") == "1.0"
    (tmp_path / "data" / "icd" / "current").write_bytes(said)
    assert packs.in_use("data", "icd") is None
    assert packs.current("data") == {}


def test_a_silent_tpm_is_no_doubt_and_one_that_remembers_more_is():
    witnesses = SimpleNamespace(trouble=None)
    doubt = doubt_of(witnesses)
    assert doubt() is None
    witnesses.trouble = Trouble("unavailable", "没有 TPM", "there is no TPM")
    assert doubt() is None
    for trouble in (ROLLED_BACK, REPLACED):
        witnesses.trouble = trouble
        assert doubt() == (trouble.zh, trouble.en)
