"""Programs that are asked: bounded in time and size, killed with all they started."""

import json
import os
import time
from pathlib import Path

import pytest

from firmware_checks.facts import KernelFacts, Reason, Unread
from firmware_checks.platform_facts import Card
from firmware_checks.probes import accelerators, devices, ethtool, tool
from firmware_checks.probes.gather import gather
from firmware_checks.probes.platform import hsi
from firmware_checks.probes.tool import ask, run
from firmware_checks.probes.tree import Tree
from tests.firmware_checks.machine import sound


def script(tmp_path, text):
    path = tmp_path / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def reason_of(found):
    assert isinstance(found, Unread), found
    return found.reason


def test_what_a_program_prints(tmp_path):
    assert run([script(tmp_path, "echo hello")]) == "hello\n"
    assert reason_of(run([script(tmp_path, "echo hello; exit 3")])) is Reason.FAILED
    assert reason_of(run([script(tmp_path, "true")])) is Reason.MALFORMED
    assert reason_of(run([script(tmp_path, "exec cat /dev/zero")], limit=9999)) is Reason.TOO_LARGE
    assert reason_of(run([str(tmp_path / "gone")])) is Reason.FAILED


def test_a_program_sees_nothing_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    told = run([script(tmp_path, "env; read line; echo got:$line")])
    assert "hunter2" not in told
    assert "got:\n" in told
    assert "LC_ALL=C" in told


@pytest.mark.parametrize("text", ["sleep 600", "exec >&-; sleep 600", "sleep 600 & echo x; wait"])
def test_a_program_that_hangs_is_killed_with_its_children(tmp_path, text):
    pids = tmp_path / "pids"
    begun = f"echo $$ >> {pids}\n(sleep 599 & echo $! >> {pids}; wait) &\n"
    assert reason_of(run([script(tmp_path, begun + text)], seconds=0.5)) is Reason.TIMED_OUT
    started = [int(line) for line in pids.read_text().split()]
    assert len(started) == 2
    end = time.monotonic() + 20
    while any(_runs(pid) for pid in started) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(_runs(pid) for pid in started)


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def test_a_captured_machine_starts_no_program(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "run", lambda *_: pytest.fail("a program was started"))
    assert reason_of(ask(Tree(tmp_path), ("id",), "id.txt")) is Reason.ABSENT
    (tmp_path / "capture").mkdir()
    (tmp_path / "capture/id.txt").write_text("uid=0\n")
    assert ask(Tree(tmp_path), ("id",), "id.txt") == "uid=0"


def test_the_live_machine_is_asked_or_says_that_there_is_no_such_program():
    live = Tree(Path(os.sep))
    assert ask(live, ("echo", "x"), "unused") == "x\n"
    assert reason_of(ask(live, ("no-such-program-here",), "unused")) is Reason.ABSENT


def test_the_worse_of_two_attributes_of_one_name_counts(tmp_path):
    machine = sound(tmp_path)
    rows = [
        {"AppstreamId": "org.fwupd.hsi.Spi.Ble", "HsiResult": "enabled", "Flags": ["success"]},
        {"AppstreamId": "org.fwupd.hsi.Spi.Ble", "HsiResult": "not-enabled", "Flags": []},
        {"AppstreamId": "org.fwupd.hsi.Spi.Ble", "HsiResult": "x", "Flags": ["obsoleted"]},
    ]
    for order in (rows, rows[::-1]):
        text = json.dumps({"SecurityAttributes": order})
        machine.put("capture/fwupd-security.json", text)
        assert hsi(Tree(tmp_path))["Spi.Ble"].result == "not-enabled"


def test_tokens_of_luks(tmp_path):
    machine = sound(tmp_path)
    head = "eyJjbGV2aXMiOnsicGluIjoidHBtMiIsInRwbTIiOnsicGNyX2lkcyI6IjAsNyJ9fX0"
    for tokens, wanted in (
        ({}, None),
        ({"0": {"type": "systemd-recovery"}}, None),
        ({"0": {"type": "systemd-tpm2", "tpm2-pcrs": [7, 11]}}, (7, 11)),
        ({"0": {"type": "systemd-tpm2"}}, ()),
        ({"0": {"type": "clevis", "jwe": {"protected": head}}}, (0, 7)),
        ({"0": {"type": "clevis", "jwe": {"protected": "!!"}}}, None),
        ({"31": {"type": "wardbox", "slots": ["passphrase", "tpm"], "tpm2-pcrs": [7]}}, (7,)),
        ({"31": {"type": "wardbox", "slots": ["passphrase"], "tpm2-pcrs": []}}, None),
        ({"0": "nonsense", "1": {"type": "clevis"}}, None),
    ):
        text = json.dumps({"keyslots": {}, "tokens": tokens})
        machine.put("capture/luks-nvme0n1p3.json", text)
        (volume,) = devices.luks(Tree(tmp_path))
        assert (volume.device, volume.sealed_to) == ("/dev/nvme0n1p3", wanted)


def test_a_machine_without_devices_says_so_only_where_others_are(tmp_path):
    machine = sound(tmp_path)
    machine.drop("sys/class/nvme")
    assert devices.nvme(Tree(tmp_path)) == ()
    machine.drop("sys/class")
    assert reason_of(devices.nvme(Tree(tmp_path))) is Reason.ABSENT


def test_the_kernel_is_asked_for_the_firmware_of_a_card():
    assert isinstance(ethtool.nic_firmware("lo"), str | Unread)
    assert reason_of(ethtool.nic_firmware("no-such-card-0")) is Reason.FAILED
    assert reason_of(ethtool.nic_firmware("x" * 40)) is Reason.MALFORMED


def test_cards_of_other_makers():
    duo = (
        "| 1     310P3       | OK            | NA          49                0     / 0            |\n"
        "| 0     0           | 0000:01:00.0  | 7           1448 / 44278                           |\n"
        "| NPU     Chip      | Process id    | Process name             | Process memory(MB)      |\n"
        "| 4       0         | 3072791       | VLLMWorker_TP            | 28170                   |\n"
    )
    assert accelerators.parse_npu_smi(duo) == [Card("1", "Ascend 310P3", "OK", 49.0, None)]
    two = (
        "| 0       MetaX C500             Off | 0000:01:00.0        | 0%            Native |\n"
        "| 37C     29W / 225W              P0 | 666/65536 MiB       | Available            |\n"
        "| 1       MetaX C500             Off | 0000:02:00.0        | N/A           Native |\n"
        "| N/A     N/A / N/A               P0 | 0/65536 MiB         | Not Available        |\n"
    )
    first, second = accelerators.parse_mx_smi(two)
    assert (first.health, first.celsius) == ("Available", 37.0)
    assert (second.health, second.celsius) == ("Not Available", None)
    amd = '{"card0": {"Card Vendor": "Advanced Micro Devices, Inc.", "Temperature (C)": "30"}}'
    assert accelerators.parse_hy_smi(amd) == []
    assert accelerators.parse_hy_smi("[]") == []


@pytest.mark.parametrize(
    "torn",
    [
        "| 0 MX1 x | y |\n| 37C | z |" + " " * 900_000,
        "\n" * 900_000,
        "Card 0\n" + "\n" * 900_000 + "x",
        "| 1 a" + "a" * 900_000 + "| OK",
        "Card 1\n" * 100_000,
        (": x\n" * 200_000),
        "a" * 900_000,
    ],
    ids=range(7),
)
def test_torn_answers_are_read_in_linear_time(torn):
    for maker in accelerators.MAKERS:
        if maker.parse is not accelerators.parse_hy_smi:
            assert len(maker.parse(torn)) < 50_000
    assert sum(map(len, devices.fields(torn).values())) < 200_000


def test_a_maker_s_display_chip_is_no_accelerator(tmp_path):
    # The management controller of a Huawei server shows itself as a graphics card of that maker.
    machine = sound(tmp_path)
    machine.drop("sys/bus/pci/devices/0000:c1:00.0")
    machine.pci("0000:07:00.0", "0x19e5", "0x030000")
    assert accelerators.accelerators(Tree(tmp_path))["ascend"].on_bus == ()


@pytest.mark.slow
def test_a_machine_whose_every_program_hangs_is_judged_in_time(tmp_path, monkeypatch):
    for name in ("fwupdmgr", "ipmitool", "cryptsetup", "npu-smi", "hy-smi", "cnmon", "mx-smi"):
        (tmp_path / name).write_text("#!/bin/sh\nsleep 600\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(tool, "_PATH", f"{tmp_path}:/usr/bin:/bin")
    facts = gather(Tree(Path(os.sep)), time.time, cut_off=60)
    # Each was cut off by itself, long before its probe would have been.
    assert facts.hsi.reason is Reason.TIMED_OUT
    assert "fwupdmgr" in facts.hsi.source
    assert isinstance(facts.kernel, KernelFacts)
