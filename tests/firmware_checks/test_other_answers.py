"""Machines that lack what a check is about, machines that pass another way, and GPUs that attest."""

import ctypes
import json
import sys
import threading
from types import SimpleNamespace

import pytest

from firmware_checks.attestation.evidence import Attested, Rejected
from firmware_checks.check import Outcome
from firmware_checks.facts import Reason, Unread
from firmware_checks.probes import attestation, measured
from firmware_checks.probes.nvml import read_reports
from firmware_checks.probes.tree import Tree
from firmware_checks.quote.chain import Chain
from firmware_checks.quote.errors import QuoteUnavailable
from firmware_checks.quote.verify import Quote
from tests.firmware_checks.gpu_evidence import SOUND, manifest, report, value
from tests.firmware_checks.machine import sound
from tests.firmware_checks.measured_machine import TRUE, ran
from tests.firmware_checks.platform_changes import drop, flags, many, put
from tests.firmware_checks.platform_machine import LAN, TABLES, luks
from tests.firmware_checks.test_checks import outcome_of


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return sound(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def machine(kept):
    yield kept
    kept.restore()


NOWHERE = "0.0.0.0"  # noqa: S104 - what a controller without an address tells


def without_controller(machine):
    machine.drop("sys/firmware/dmi/entries/38-0")
    machine.put("sys/firmware/dmi/entries/1-0/type", "1\n")


LACKING = [
    ("bmc.firmware-floor", without_controller),
    ("bmc.not-exposed", without_controller),
    ("nvme.firmware-floor", drop("sys/class/nvme")),
    ("nic.firmware-floor", drop("sys/class/net/eth0")),
    ("nic.firmware-floor", put("sys/class/net/eth0/device/vendor", "0x1af4\n")),
    ("nic.firmware-floor", put("sys/class/net/eth0/device/bInterfaceClass", "02\n")),
    ("usb.closed", drop("sys/bus/usb")),
    ("thunderbolt.closed", drop("sys/bus/thunderbolt")),
    ("chassis.closed", drop("sys/class/hwmon/hwmon0")),
    ("confidential.host", flags("lm", "aes")),
    ("confidential.host", flags("lm", "aes", "hypervisor")),
    ("gpu.attested", lambda m: m.nvml(confidential_on=False)),
    ("gpu.spare-rows", lambda m: m.gpu(exhausted_banks={"unread": "unsupported"})),
]
PASSING = [
    (
        "dma.preboot",
        many(drop(f"{TABLES}/DMAR"), put(f"{TABLES}/IVRS", b"IVRS" + bytes(32) + b"\x02\0\0\0")),
    ),
    (
        "dma.preboot",
        many(
            drop(f"{TABLES}/DMAR"),
            put(
                "capture/fwupd-security.json",
                json.dumps(
                    {
                        "SecurityAttributes": [
                            {
                                "AppstreamId": "org.fwupd.hsi.PrebootDma",
                                "HsiResult": "enabled",
                                "Flags": ["success"],
                            }
                        ]
                    }
                ),
            ),
        ),
    ),
    ("bmc.not-exposed", put("capture/ipmitool-lan-print.txt", LAN.replace("10.9.8.7", NOWHERE))),
    ("bmc.not-exposed", put("capture/ipmitool-lan-print.txt", LAN.replace("0,1,2", "1,2,3"))),
    ("disk.sealed", lambda m: luks(m, a={"type": "systemd-tpm2", "tpm2-pcrs": [0, 7]})),
    ("kernel.kexec", put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")),
    ("gpu.not-slowed", lambda m: m.gpu(slowed=0x4)),
    ("secure-boot.revocations-new", drop("etc/wardbox/firmware-baselines")),
]


@pytest.mark.parametrize(("check_id", "change"), LACKING)
def test_what_is_not_there_needs_no_check(machine, check_id, change):
    change(machine)
    verdict = outcome_of(machine, check_id)
    assert verdict.outcome is Outcome.NOT_APPLICABLE, verdict
    assert verdict.evidence


@pytest.mark.parametrize(("check_id", "change"), PASSING)
def test_other_ways_of_being_sound(machine, check_id, change):
    change(machine)
    verdict = outcome_of(machine, check_id)
    assert verdict.outcome is Outcome.PASS, verdict


def test_a_measurement_that_the_maker_does_not_name_fails(machine):
    folder = "etc/wardbox/gpu-manifests"
    machine.put(f"{folder}/driver.swidtag", manifest(SOUND, "550.54.15", {0: value(9)}))
    verdict = outcome_of(machine, "gpu.attested")
    assert verdict.outcome is Outcome.FAIL
    assert any("measurements 0 differ" in seen.value for seen in verdict.evidence)
    # Of two manifests for one version, either may fit: boards differ.
    machine.put(f"{folder}/other.swidtag", manifest(SOUND, "550.54.15", {0: value(0)}))
    assert outcome_of(machine, "gpu.attested").outcome is Outcome.PASS


class Library:
    """NVML's Python face with one GPU that attests; its reports answer the nonce."""

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):  # noqa: N801 - the library's own name
        pass

    class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801
        pass

    def __init__(self, *, on=True, answers=True):
        self.on = on
        self.answers = answers
        self.open = 0

    def nvmlInit(self):  # noqa: N802
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlSystemGetConfComputeState(self):  # noqa: N802
        return SimpleNamespace(ccFeature=int(self.on))

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetConfComputeGpuAttestationReport(self, handle, nonce):  # noqa: N802
        if not self.answers:
            raise self.NVMLError_NotSupported
        raw = report(SOUND, nonce=bytes(nonce))
        held = (ctypes.c_uint8 * 0x2000)(*raw)
        return SimpleNamespace(attestationReport=held, attestationReportSize=len(raw))

    def nvmlDeviceGetConfComputeGpuCertificate(self, handle):  # noqa: N802
        held = (ctypes.c_uint8 * 0x1400)(*SOUND.pem)
        return SimpleNamespace(attestationCertChain=held, attestationCertChainSize=len(SOUND.pem))


def test_a_live_gpu_answers_a_fresh_nonce(monkeypatch, machine):
    library = Library()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    live = SimpleNamespace(live=True, names=Tree(machine.root).names, data=Tree(machine.root).data)
    found = attestation.evidence(live)
    assert isinstance(found.reports["0"], Attested)
    assert len(found.manifests) == 2
    assert library.open == 0
    monkeypatch.setattr(attestation, "read_reports", lambda _: read_reports(b"s" * 32))
    assert found.reports != attestation.evidence(live).reports
    assert attestation.evidence(live).reports["0"] == Rejected("the report answers another nonce")


def test_gpus_that_attest_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Library(on=False))
    assert read_reports(bytes(32)) == {}
    silent = Library(answers=False)
    monkeypatch.setitem(sys.modules, "pynvml", silent)
    found = read_reports(bytes(32))
    assert isinstance(found, Unread)
    assert found.reason is Reason.UNSUPPORTED
    assert silent.open == 0


def test_a_list_that_grows_while_it_is_read_is_read_again(machine):
    tree = Tree(machine.root)
    grown = iter(range(2))

    class Growing(Tree):
        def data(self, path, limit=1 << 26):
            found = super().data(path, limit)
            if path.endswith("runtime_measurements") and next(grown, None) is not None:
                # A program starts between the look at the register and the end of the list.
                ran((b"/usr/bin/true", TRUE), (b"/usr/bin/more", b"\4" * 32))(machine)
            return found

    found = measured.ima(Growing(machine.root))
    assert found.held == measured.ima(tree).held
    assert [entry.name for entry in found.entries][-1] == "/usr/bin/more"


def test_a_register_that_never_rests_is_not_judged(machine):
    numbers = iter(range(99))

    class Restless(Tree):
        def text(self, path, limit=1 << 20):
            if path.endswith("/10"):
                return f"{next(numbers):064x}"
            return super().text(path, limit)

    found = measured.ima(Restless(machine.root))
    assert isinstance(found.held, Unread)
    assert found.held.reason is Reason.FAILED


def chip(monkeypatch, whole):
    """A live machine with a TPM whose quote is quick and whose certificate comes by `whole`."""
    quick = Quote(b"n", b"a", b"s", b"p")

    def take(device, *, endorse=True):
        return whole() if endorse else quick

    monkeypatch.setattr(measured, "take_quote", take)
    monkeypatch.setattr(measured, "ENDORSED_SECONDS", 0.2)
    live = SimpleNamespace(live=True, exists=lambda _: True, names=lambda _: ())
    return quick, measured.quote(live)


def test_a_chip_that_is_slow_with_its_certificate_still_gives_its_quote(monkeypatch):
    gate = threading.Event()
    try:
        quick, found = chip(monkeypatch, gate.wait)
    finally:
        gate.set()
    assert found.quote is quick
    assert found.endorsement.reason is Reason.TIMED_OUT


def test_a_chip_that_refuses_its_certificate_still_gives_its_quote(monkeypatch):
    def refuse():
        raise QuoteUnavailable(reason="code 0x1")

    quick, found = chip(monkeypatch, refuse)
    assert found.quote is quick
    assert found.endorsement.reason is Reason.UNSUPPORTED


def test_a_quick_chip_gives_both(monkeypatch):
    whole = Quote(b"n", b"a", b"s", b"p", b"", bound=False)
    _, found = chip(monkeypatch, lambda: whole)
    assert found.quote is whole
    assert found.endorsement.chain is Chain.ABSENT


def test_a_machine_without_a_chip_loads_no_library(monkeypatch):
    monkeypatch.setattr(measured, "take_quote", lambda *_, **__: pytest.fail("it was asked"))
    found = measured.quote(SimpleNamespace(live=True, exists=lambda _: False))
    assert found.reason is Reason.ABSENT
