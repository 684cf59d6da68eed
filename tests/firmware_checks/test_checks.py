"""Every check on a sound machine, on machines spoiled in one place, and on ones that hide a fact."""

import pytest

from firmware_checks.catalogue import CHECKS, find
from firmware_checks.check import Outcome
from firmware_checks.posture import run_checks
from firmware_checks.probes import hardware
from firmware_checks.probes.gather import PROBES
from firmware_checks.probes.tree import Tree
from tests.firmware_checks.machine import sound
from tests.firmware_checks.ruined import RUIN, ruined
from tests.firmware_checks.spoiled import (
    FAILURES,
    HIDDEN,
    OTHERWISE,
    SIG,
    UNREAD,
    both,
    cmdline,
    drop,
    put,
    swap_on,
)


class FactsAskedFor:
    """Facts gathered when a check asks for them: one check needs few of the probes."""

    def __init__(self, root):
        self.tree = Tree(root)

    def __getattr__(self, name):
        probes = {**PROBES, "clock": lambda tree: hardware.clock(tree, lambda: 0.0)}
        value = probes[name](self.tree)
        setattr(self, name, value)
        return value


def outcome_of(machine, check_id):
    return find(check_id).judge(FactsAskedFor(machine.root))


def cases(table):
    return [
        pytest.param(check_id, change, id=f"{check_id}-{number}")
        for check_id, changes in table.items()
        for number, change in enumerate(changes)
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """One machine for all tables: it is spoiled, judged and mended."""
    machine = sound(tmp_path_factory.mktemp("machine"))
    yield machine
    # By now nobody trusts the tests' own maker of GPUs any more.
    found = run_checks(machine.root).findings
    assert {one.check.id for one in found if not one.good} == {"gpu.attested"}


@pytest.fixture
def machine(kept):
    yield kept
    kept.restore()


def test_every_check_has_a_failing_and_a_hiding_machine():
    ids = {check.id for check in CHECKS}
    assert ids == set(FAILURES) == set(HIDDEN)
    assert set(OTHERWISE) < ids
    assert all(FAILURES.values())
    assert all(HIDDEN.values())


@pytest.mark.parametrize("check_id", [check.id for check in CHECKS])
def test_a_sound_machine_passes(machine, check_id):
    if check_id in OTHERWISE:
        assert outcome_of(machine, check_id).outcome is Outcome.NOT_APPLICABLE
        OTHERWISE[check_id](machine)
    verdict = outcome_of(machine, check_id)
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.evidence


@pytest.mark.parametrize(("check_id", "change"), cases(FAILURES))
def test_a_spoiled_machine_fails(machine, check_id, change):
    change(machine)
    verdict = outcome_of(machine, check_id)
    assert verdict.outcome is Outcome.FAIL, verdict
    assert verdict.evidence


@pytest.mark.parametrize(("check_id", "change"), cases(HIDDEN))
def test_a_hidden_fact_is_no_pass(machine, check_id, change):
    change(machine)
    verdict = outcome_of(machine, check_id)
    assert verdict.outcome is Outcome.COULD_NOT_CHECK, verdict
    assert verdict.evidence


def test_an_empty_root_passes_nothing(tmp_path):
    report = run_checks(tmp_path)
    assert report.counts == {
        "pass": 0,
        "fail": 0,
        "not-applicable": 0,
        "could-not-check": len(CHECKS),
    }
    assert report.exit_status == 2
    assert report.posture.level == 0


SOUND_VARIANTS = [
    ("kernel.command-line", cmdline("iommu=pt mitigations=auto,nosmt init=/sbin/init quiet")),
    ("kernel.command-line", cmdline("ro quiet -- single init=/bin/sh")),
    ("kernel.command-line", cmdline('dyndbg="file a single +p" quiet')),
    ("kernel.module-signatures", put(SIG, "N\n")),
    ("swap.protected", swap_on("/dev/zram0", slaves=())),
    ("swap.protected", swap_on("/dev/dm-3", uuid="CRYPT-PLAIN-swap")),
    ("swap.protected", swap_on("/swap\\040file", "file")),
    (
        "gpu.memory-health",
        lambda m: m.gpu(
            remap_pending=UNREAD, remap_failed=UNREAD, retired_pages=0, retirement_pending=False
        ),
    ),
    ("memory.encryption", both(drop("sys/module/kvm_amd"), cmdline("mem_encrypt=on"))),
    (
        "memory.encryption",
        both(drop("sys/module/kvm_amd"), put("proc/cpuinfo", "flags: hypervisor tdx_guest\n")),
    ),
    (
        "disk.encrypted",
        both(
            lambda m: m.block("dm-1", uuid="LVM-x", dm_name="vg-root", slaves=("dm-0",)),
            put("proc/self/mountinfo", "27 1 0:40 / / rw - ext4 /dev/mapper/vg-root rw\n"),
        ),
    ),
    (
        "core-dumps.off",
        both(
            put("proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P %u\n"),
            put("etc/systemd/coredump.conf.d/wardbox.conf", "[Coredump]\nStorage=none\n"),
        ),
    ),
    ("core-dumps.off", put("proc/sys/kernel/core_pattern", "core\n")),
]


@pytest.mark.parametrize(("check_id", "change"), SOUND_VARIANTS)
def test_other_sound_machines_pass_too(machine, check_id, change):
    change(machine)
    verdict = outcome_of(machine, check_id)
    assert verdict.outcome is Outcome.PASS, verdict


def test_a_btrfs_of_two_disks_is_as_good_as_its_worse_one(tmp_path):
    machine = sound(tmp_path)
    machine.put("proc/self/mountinfo", "27 1 0:40 / / rw - btrfs /dev/mapper/root rw\n")
    machine.block("sdb1", partition=True)
    for member in ("dm-0", "sdb1"):
        (tmp_path / "sys/fs/btrfs/uuid/devices" / member).mkdir(parents=True)
    assert outcome_of(machine, "disk.encrypted").outcome is Outcome.FAIL
    machine.drop("sys/fs/btrfs/uuid/devices/sdb1")
    assert outcome_of(machine, "disk.encrypted").outcome is Outcome.PASS
    machine.drop("sys/fs/btrfs")
    assert outcome_of(machine, "disk.encrypted").outcome is Outcome.COULD_NOT_CHECK


def test_gpu_checks_do_not_apply_only_where_the_bus_shows_none(tmp_path):
    machine = sound(tmp_path)
    machine.drop("sys/bus/pci/devices/0000:41:00.0")
    report = run_checks(tmp_path)
    gpu = [found.verdict.outcome for found in report.findings if found.check.id.startswith("gpu.")]
    assert set(gpu) == {Outcome.NOT_APPLICABLE}
    machine.empty("sys/bus/pci/devices")
    machine.drop("capture/nvml.json")
    assert outcome_of(machine, "gpu.driver").outcome is Outcome.COULD_NOT_CHECK


def test_a_board_of_amd_has_no_engine_of_intel(machine):
    text = (machine.root / "proc/cpuinfo").read_text()
    machine.put("proc/cpuinfo", text.replace("fpu", "fpu svm"))
    assert outcome_of(machine, "engine.version").outcome is Outcome.NOT_APPLICABLE


def test_a_bad_server(machine):
    report = run_checks(ruined(machine).root)
    failed = {found.check.id for found in report.findings if found.verdict.outcome is Outcome.FAIL}
    assert len(failed) > 55, sorted(set(RUIN) - failed)
    assert report.posture.level == 0
    assert report.exit_status == 1


# Where the thing itself is taken away, a check about it does not apply.
DEVICES = (
    "/pci/devices/0000:",
    "/class/net/eth0",
    "/class/nvme",
    "/hwmon",
    "/bus/usb",
    "/thunderbolt",
)


@pytest.mark.slow
def test_hiding_one_file_or_folder_makes_no_check_not_applicable(machine):
    paths = [
        path.relative_to(machine.root).as_posix()
        for path in machine.root.rglob("*")
        if not path.is_symlink()
    ]
    wrong = []
    for path in paths:
        machine.drop(path)
        facts = FactsAskedFor(machine.root)
        wrong += [
            (check.id, path)
            for check in CHECKS
            if check.judge(facts).outcome is Outcome.NOT_APPLICABLE
            and check.id not in {"confidential.guest", "tdx.event-log"}
            and not any(part in f"/{path}" for part in DEVICES)
        ]
        machine.restore()
    assert wrong == []
