"""Golden baselines: taken, shown, compared, and refused when anything of them is off."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_checks.__main__ import main
from firmware_checks.errors import BaselineMalformed
from firmware_checks.facts import Reason, Unread
from firmware_checks.golden import MAX_BYTES, canonical, parse
from firmware_checks.posture import look, run_checks
from tests.firmware_checks.logs import agile_event, expected
from tests.firmware_checks.machine import EVENT_LOG, sound
from tests.firmware_checks.platform_machine import BASELINE, golden, program_log

PCR = "sys/class/tpm/tpm0/pcr-sha256/{}"


def restarted(machine, app):
    """The machine after a start with another boot program."""
    machine.put(EVENT_LOG, program_log(app))
    for pcr, value in expected(0x000B, app=app).items():
        machine.put(PCR.format(pcr), value + "\n")


def test_a_baseline_is_taken_shown_and_compared(tmp_path, capsys):
    machine = sound(tmp_path / "root")
    file = tmp_path / "server1.json"
    root = ["--root", str(tmp_path / "root")]
    assert main(["baseline", "capture", str(file), *root]) == 0
    said = capsys.readouterr().out
    taken = parse(file.read_bytes())
    assert f"sha256:{taken.digest}" in said
    assert (taken.vendor, taken.product, taken.bank) == ("Maker", "Server 1", "SHA256")
    assert taken.of("nvme").floors == {"SAMSUNG MZQL21T9": "GDC7502Q"}
    assert taken.of("nic").floors == {"0x15b3:0x1021": "28.39.3004 (MT_0000000838)"}
    assert main(["baseline", "show", str(file)]) == 0
    shown = capsys.readouterr().out
    assert taken.digest in shown
    assert "GDC7502Q" in shown
    assert main(["baseline", "diff", str(file), *root]) == 0
    restarted(machine, b"shim 15.9")
    assert main(["baseline", "diff", str(file), *root]) == 1
    told = capsys.readouterr().out
    assert "SHA256 PCR 4" in told
    assert "PCR 4 变化" in told
    assert "PCR 4 changed" in told
    assert "PCR 0" not in told


def test_the_machine_it_was_taken_from_passes_with_it(tmp_path, capsys):
    machine = sound(tmp_path / "root")
    file = tmp_path / "server1.json"
    main(["baseline", "capture", str(file), "--root", str(tmp_path / "root")])
    capsys.readouterr()
    machine.put(BASELINE, file.read_bytes())
    report = run_checks(tmp_path / "root")
    assert {found.check.id for found in report.findings if not found.good} == set()


def test_an_old_baseline_is_never_overwritten(tmp_path, capsys):
    sound(tmp_path / "root")
    file = tmp_path / "kept.json"
    file.write_text("kept")
    assert main(["baseline", "capture", str(file), "--root", str(tmp_path / "root")]) == 2
    assert "firmware.report-unwritable" in capsys.readouterr().err
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("sys/class/dmi", "maker and product"),
        ("sys/class/tpm", "registers of the TPM"),
        (EVENT_LOG, "event log cannot be read"),
        (PCR.format(7), "registers are missing"),
        ("sys/class/tpm/tpm0/pcr-sha256", "no strong bank"),
    ],
)
def test_no_baseline_is_taken_for_lack_of_data(tmp_path, capsys, gone, words):
    sound(tmp_path / "root").drop(gone)
    file = tmp_path / "x.json"
    assert main(["baseline", "capture", str(file), "--root", str(tmp_path / "root")]) == 2
    assert words in capsys.readouterr().err
    assert not file.exists()


def test_no_baseline_is_taken_of_a_log_that_lies(tmp_path, capsys):
    sound(tmp_path / "root").put(PCR.format(4), "ab" * 32)
    file = tmp_path / "x.json"
    assert main(["baseline", "capture", str(file), "--root", str(tmp_path / "root")]) == 2
    assert "does not lead" in capsys.readouterr().err


def test_a_change_is_told_event_by_event_in_the_check(tmp_path):
    machine = sound(tmp_path)
    restarted(machine, b"shim 15.9")
    found = {one.check.id: one.verdict for one in run_checks(tmp_path).findings}
    verdict = found["baseline.registers"]
    assert verdict.outcome.value == "fail"
    assert any("PCR 4 changed" in seen.value for seen in verdict.evidence)


def test_an_endless_log_is_not_compared_event_by_event(tmp_path):
    machine = sound(tmp_path)
    log = program_log(b"shim 15.9")
    machine.put(EVENT_LOG, log + agile_event(4, 0xD, b"x", (0x0004, 0x000B)) * 3000)
    machine.put(PCR.format(4), "ab" * 32)
    found = {one.check.id: one.verdict for one in run_checks(tmp_path).findings}
    assert found["baseline.registers"].outcome.value == "fail"
    assert any("the value differs" in seen.value for seen in found["baseline.registers"].evidence)


def test_events_in_another_order_hold_where_the_policy_says_so(tmp_path):
    machine = sound(tmp_path)
    machine.put(BASELINE, golden(registers={**parse(golden()).registers, 4: "cd" * 32}))
    found = {one.check.id: one.verdict for one in run_checks(tmp_path).findings}
    assert found["baseline.registers"].outcome.value == "pass"
    machine.put(
        BASELINE,
        golden(registers={**parse(golden()).registers, 4: "cd" * 32}, by_events=frozenset()),
    )
    found = {one.check.id: one.verdict for one in run_checks(tmp_path).findings}
    assert found["baseline.registers"].outcome.value == "fail"


def baseline_in_use(root, *shelves):
    found = look(root, shelves=shelves).golden
    return found.reason if isinstance(found, Unread) else found.revoked_since


def test_baselines_of_vendors_stand_on_shelves_and_own_ones_before_them(tmp_path):
    machine = sound(tmp_path / "root")
    shelf = tmp_path / "shelf"
    (shelf / "files").mkdir(parents=True)
    (shelf / "files/server1.json").write_bytes(golden(revoked_since="2025-05-07"))
    (shelf / "other.json").write_bytes(golden(product="Other"))
    root = machine.root
    assert baseline_in_use(root, shelf) == "2025-09-02"
    machine.drop("etc/wardbox/firmware-baselines")
    assert baseline_in_use(root) is Reason.ABSENT
    assert baseline_in_use(root, tmp_path / "gone") is Reason.ABSENT
    assert baseline_in_use(root, tmp_path / "gone", shelf) == "2025-05-07"
    (shelf / "again.json").write_bytes(golden())
    assert baseline_in_use(root, shelf) is Reason.MALFORMED
    machine.put(BASELINE, golden()[:-1])
    assert baseline_in_use(root, shelf) is Reason.MALFORMED


def test_manifests_of_gpus_stand_on_shelves_too(tmp_path):
    machine = sound(tmp_path / "root")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (tmp_path / "root/etc/wardbox/gpu-manifests").rename(shelf / "files")
    found = look(machine.root, shelves=(shelf,)).gpu_evidence
    assert len(found.manifests) == 2
    assert look(machine.root).gpu_evidence.manifests == ()


def test_diff_of_what_cannot_be_read(tmp_path, capsys):
    machine = sound(tmp_path / "root")
    file = tmp_path / "server1.json"
    file.write_bytes(golden())
    machine.drop("sys/class/tpm")
    machine.drop(EVENT_LOG)
    assert main(["baseline", "diff", str(file), "--root", str(tmp_path / "root")]) == 2
    assert "Could not compare" in capsys.readouterr().out


def changed(**fields):
    document = json.loads(golden())
    document.update(fields)
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def test_canonical_bytes_come_back():
    assert canonical(parse(golden())) == golden()
    assert parse(golden()).digest != parse(golden(revoked_since="")).digest


NO_BASELINES = [
    b"",
    b"[]",
    b"[" * 100_000,
    golden()[:-1],
    golden().replace(b'","', b'", "', 1),
    golden().replace(b"{", b'{"schema":"x",', 1),
    changed(schema="wardbox.firmware-baseline.v2"),
    changed(extra=1),
    changed(registers={"99": "ab" * 32}),
    changed(registers={"00": "ab" * 32}),
    changed(registers={"0": "AB" * 32}),
    changed(by_events=[True]),
    changed(revoked_since="yesterday"),
    changed(versions={"toaster": {"floors": {}, "blocked": {}}}),
    changed(versions={"bios": {"floors": {"a": "\x1b[2J"}, "blocked": {}}}),
    changed(machine={"vendor": "x" * 999, "product": "y"}),
    changed(events=[{"pcr": 0}]),
    b" " * (MAX_BYTES + 1),
]


@pytest.mark.parametrize("data", NO_BASELINES, ids=range(len(NO_BASELINES)))
def test_what_is_not_a_baseline_is_refused(data, tmp_path, capsys):
    with pytest.raises(BaselineMalformed):
        parse(data)
    file = tmp_path / "bad.json"
    file.write_bytes(data)
    assert main(["baseline", "show", str(file)]) == 2
    assert "firmware.baseline-malformed" in capsys.readouterr().err


def test_a_digest_that_is_demanded(tmp_path, capsys):
    file = tmp_path / "server1.json"
    file.write_bytes(golden())
    digest = parse(golden()).digest
    assert main(["baseline", "show", str(file), "--digest", f"sha256:{digest}"]) == 0
    assert main(["baseline", "show", str(file), "--digest", digest.upper()]) == 0
    assert main(["baseline", "show", str(file), "--digest", "0" * 64]) == 2
    assert "firmware.baseline-other" in capsys.readouterr().err


def test_a_missing_baseline_file(tmp_path, capsys):
    assert main(["baseline", "show", str(tmp_path / "gone")]) == 2
    assert "firmware.baseline-unreadable" in capsys.readouterr().err


@given(st.binary(max_size=200))
def test_random_bytes_are_no_baseline(data):
    with pytest.raises(BaselineMalformed):
        parse(data)
