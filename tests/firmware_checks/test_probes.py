"""Probes: bounded, never out of the root, cut off when they hang."""

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_checks.catalogue import CHECKS
from firmware_checks.check import Outcome
from firmware_checks.facts import Facts, Reason, Unread
from firmware_checks.posture import judge
from firmware_checks.probes import nvml
from firmware_checks.probes.gather import PROBES, gather
from firmware_checks.probes.gpu import gpu
from firmware_checks.probes.kernel import split_command_line
from firmware_checks.probes.nvml import _answer, _ask, read_nvml
from firmware_checks.probes.storage import encrypted
from firmware_checks.probes.tree import Tree, number, switch
from tests.firmware_checks.machine import sound


def test_a_hung_probe_is_cut_off_and_the_others_answer(tmp_path):
    sound(tmp_path)
    gate = threading.Event()
    probes = {**PROBES, "cpu": lambda tree: gate.wait()}
    try:
        facts = gather(Tree(tmp_path), time.time, probes=probes, cut_off=0.5)
    finally:
        gate.set()
    assert isinstance(facts.cpu, Unread)
    assert facts.cpu.reason is Reason.TIMED_OUT
    outcomes = {found.check.id: found.verdict.outcome for found in judge(facts).findings}
    assert outcomes["cpu.aes"] is Outcome.COULD_NOT_CHECK
    assert outcomes["tpm.present"] is Outcome.PASS


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_broken_probe_is_no_pass(tmp_path):
    sound(tmp_path)
    probes = {**PROBES, "cpu": lambda tree: 1 // 0}
    facts = gather(Tree(tmp_path), time.time, probes=probes)
    assert isinstance(facts.cpu, Unread)
    assert facts.cpu.reason is Reason.FAILED


def test_probes_cover_every_fact():
    assert {*PROBES, "clock"} == set(Facts.__slots__)


def test_every_check_survives_every_unread_group():
    for reason in Reason:
        facts = Facts(**{name: Unread(reason, name) for name in Facts.__slots__})
        outcomes = {found.verdict.outcome for found in judge(facts).findings}
        assert outcomes == {Outcome.COULD_NOT_CHECK}
        assert len(judge(facts).findings) == len(CHECKS)


def test_a_pipe_does_not_hold_a_probe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = Tree(tmp_path).data("/pipe")
    assert isinstance(found, Unread)
    assert found.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("target", "reason"),
    [("/etc/hostname", Reason.OUTSIDE), ("../../../etc", Reason.OUTSIDE), ("gone", Reason.ABSENT)],
)
def test_links_do_not_lead_out(tmp_path, target, reason):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(target)
    found = Tree(root).data("/link")
    assert isinstance(found, Unread)
    assert found.reason is reason


def test_a_path_cannot_climb_out(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_text("x")
    found = Tree(tmp_path / "root").data("/../secret")
    assert isinstance(found, Unread)
    assert found.reason is Reason.OUTSIDE


def test_bounds(tmp_path):
    (tmp_path / "big").write_bytes(bytes(101))
    tree = Tree(tmp_path)
    found = tree.data("/big", 100)
    assert isinstance(found, Unread)
    assert found.reason is Reason.TOO_LARGE
    assert tree.data("/big", 101) == bytes(101)
    (tmp_path / "loop").symlink_to("loop")
    assert isinstance(tree.data("/loop"), Unread)
    assert isinstance(tree.names("/big"), Unread)
    assert isinstance(tree.data("/big/none"), Unread)
    assert isinstance(tree.data("/a\0b"), Unread)


def test_numbers_and_switches():
    assert number("12\n", "x") == 12
    assert isinstance(number("twelve", "x"), Unread)
    assert switch("Y", "x") is True
    assert switch("0", "x") is False
    assert isinstance(switch("maybe", "x"), Unread)


def test_devices_that_stand_on_one_another_end(tmp_path):
    machine = sound(tmp_path)
    machine.block("md0", slaves=("md1",))
    machine.block("md1", slaves=("md0",))
    assert isinstance(encrypted(Tree(tmp_path), "md0"), Unread)


@given(st.text(max_size=200))
def test_any_command_line_splits(line):
    assert all(isinstance(word, str) for word in split_command_line(line))


def test_quotes_in_a_command_line():
    line = 'a="b c" "d e=f" g -- init=/bin/sh'
    assert split_command_line(line) == ("a=b c", "d e=f", "g")


class NvmlDouble:
    """A library with one GPU that answers some questions and refuses others."""

    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1
    NVML_VOLATILE_ECC = 0
    NVML_PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS = 0
    NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR = 1
    NVML_TEMPERATURE_GPU = 0
    NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 1

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):  # noqa: N801 - the library's own name
        pass

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        return b"550.54.15"

    def nvmlDeviceGetCount(self):  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        if index == 1:
            raise self.NVMLError("GPU is lost")
        return index

    def nvmlDeviceGetEccMode(self, handle):  # noqa: N802
        return [1, 1]

    def nvmlDeviceGetTotalEccErrors(self, handle, kind, counter):  # noqa: N802
        return 0

    def nvmlDeviceGetRemappedRows(self, handle):  # noqa: N802
        return (0, 0, 0, 1)

    def nvmlDeviceGetTemperature(self, handle, sensor):  # noqa: N802
        return 41

    def nvmlDeviceGetTemperatureThreshold(self, handle, threshold):  # noqa: N802
        raise self.NVMLError_NotSupported

    def nvmlDeviceGetRowRemapperHistogram(self, handle):  # noqa: N802
        raise self.NVMLError_NotSupported

    def nvmlDeviceGetRetiredPages(self, handle, cause):  # noqa: N802
        raise self.NVMLError_NotSupported

    def __getattr__(self, name):
        if name.startswith("nvmlDevice"):
            return lambda handle: name.encode()
        return self.nvmlDeviceGetCount


def test_the_answer_of_nvml_becomes_facts(tmp_path):
    import json

    library = NvmlDouble()
    answer = {
        **_answer_without_system(library),
        "confidential_capable": True,
        "confidential_on": True,
    }
    machine = sound(tmp_path)
    machine.put("capture/nvml.json", json.dumps(answer))
    facts = gpu(Tree(tmp_path))
    first, second = facts.gpus
    assert facts.driver == "550.54.15"
    assert first.ecc_on is True
    assert first.remap_failed is True
    assert first.retired_pages.reason is Reason.UNSUPPORTED
    assert first.celsius == 41
    assert first.exhausted_banks.reason is Reason.UNSUPPORTED
    assert second.uuid.reason is Reason.FAILED
    assert "lost" in second.uuid.detail


def _answer_without_system(library):
    library.nvmlSystemGetConfComputeCapabilities = _refuse(library)
    library.nvmlSystemGetConfComputeState = _refuse(library)
    return _answer(library)


def _refuse(library):
    def refuse():
        raise library.NVMLError_NotSupported

    return refuse


def test_every_name_asked_of_nvml_exists():
    import re

    import pynvml

    source = Path(nvml.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r"\bnvml\.(nvml\w+|NVML\w+)", source))
    assert len(names) > 12
    assert not [name for name in names if not hasattr(pynvml, name)]


def test_nvml_on_this_machine_answers_or_says_why():
    answer = read_nvml()
    assert isinstance(answer, Unread) or {"driver", "gpus"} <= set(answer)


def test_a_refused_question_is_kept_as_such():
    library = NvmlDouble()
    assert _ask(library, _refuse(library)) == {"unread": "unsupported"}


def test_this_machine_answers_whatever_it_is():
    facts = gather(Tree(Path(os.sep)), time.time)
    assert len(judge(facts).findings) == len(CHECKS)
