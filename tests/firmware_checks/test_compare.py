"""Two boots differ event by event, in a sentence; a log is compared with the TPM's registers."""

import json

from firmware_checks.__main__ import main
from firmware_checks.eventlog.algorithms import SHA256
from firmware_checks.eventlog.compare import changes, mismatches
from firmware_checks.eventlog.document import read_log
from firmware_checks.eventlog.measured import measurements, strongest_bank
from firmware_checks.eventlog.programs import Program, authenticode, identity, read_image
from tests.firmware_checks.logs import agile_event, boot_log, spec_id
from tests.firmware_checks.machine import EVENT_LOG, sound
from tests.firmware_checks.seeds import SBAT, image, pe

BANK = 0x000B
FILE = r"\EFI\debian\shimx64.efi"


def started(program, **changes):
    """A boot whose PCR 4 has the digest of this program, and PCR 8 a kernel's command line."""
    return read_log(started_log(program, **changes))


def started_log(program, *, kernel=b"6.1.0-13", extra=()):
    log = spec_id((BANK,))
    log += agile_event(0, 8, b"v1", (BANK,))
    digest = authenticode(read_image(program), SHA256)
    event = bytearray(agile_event(4, 0x80000003, image(FILE), (BANK,)))
    event[14:46] = digest
    log += bytes(event)
    log += agile_event(8, 13, b"kernel_cmdline: /vmlinuz-" + kernel + b"\0", (BANK,))
    for more in extra:
        log += agile_event(*more, (BANK,))
    return log


OLD, NEW = pe(sbat=SBAT.replace(b"15.8", b"15.7")), pe(sbat=SBAT)
KNOWN = {
    authenticode(read_image(data), SHA256).hex(): identity(read_image(data), FILE)
    for data in (OLD, NEW)
}


def told(before, after, known=KNOWN):
    return [
        (one.en, one.zh)
        for one in changes(
            measurements(before, "SHA256", known), measurements(after, "SHA256", known)
        )
    ]


def test_a_new_shim_is_told_by_its_versions():
    assert told(started(OLD), started(NEW)) == [
        ("PCR 4 changed: shim 15.7 -> 15.8", "PCR 4 变化:shim 15.7 -> 15.8")
    ]


def test_without_versions_the_file_and_the_digests_are_told():
    ((en, _),) = told(started(OLD), started(NEW), {})
    assert en.startswith(rf"PCR 4 changed: {FILE} (")
    assert "->" in en


def test_a_new_kernel_is_told_by_its_command_line():
    ((en, _),) = told(started(OLD), started(OLD, kernel=b"6.1.0-17"))
    assert en.startswith("PCR 8 changed: ")
    assert "6.1.0-13 -> " in en
    assert en.endswith("6.1.0-17")


def test_what_comes_and_goes_and_what_is_the_same():
    more = started(OLD, extra=((5, 0x80000007, b"Exit Boot Services Invocation"),))
    assert told(started(OLD), started(OLD)) == []
    assert [en for en, _ in told(started(OLD), more)] == [
        "PCR 5 has new: 固件动作 firmware action: Exit Boot Services Invocation"
    ]
    assert next(zh for _, zh in told(more, started(OLD))).startswith("PCR 5 不再有")
    only = changes(measurements(more, "SHA256"), measurements(started(NEW), "SHA256"), (4,))
    assert {one.pcr for one in only} == {4}


def test_a_log_against_registers():
    read = read_log(boot_log(locality=3))
    held = {bank: dict(values) for bank, values in read.replayed.banks.items()}
    assert mismatches(read.replayed, held) == ()
    held["SHA256"][4] = "ab" * 32
    held["SHA1"].pop(0)
    (one,) = mismatches(read.replayed, held)
    assert (one.bank, one.pcr, one.held) == ("SHA256", 4, "ab" * 32)
    # A register that nothing was measured into holds what it starts with.
    held = {"SHA256": {9: "00" * 32, 17: "ff" * 32, 10: "11" * 32}}
    assert [one.pcr for one in mismatches(read.replayed, held, (9, 10, 17))] == [10]
    assert strongest_bank(read) == "SHA256"


def test_the_command_compares_two_logs(tmp_path, capsys):
    old, new, esp = tmp_path / "old", tmp_path / "new", tmp_path / "esp"
    (esp / "EFI/debian").mkdir(parents=True)
    (esp / "EFI/debian/shimx64.efi").write_bytes(NEW)
    (esp / "EFI/debian/old.EFI").write_bytes(OLD)
    (esp / "EFI/debian/broken.efi").write_bytes(b"MZ nothing")
    old.write_bytes(boot_log())
    new.write_bytes(boot_log(app=b"shim 15.9"))
    words = ["eventlog", str(new), "--against", str(old), "--programs", str(esp)]
    assert main(words) == 1
    assert "PCR 4 changed: " in capsys.readouterr().out
    assert main([*words, "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert [one["pcr"] for one in shown["changes"]] == [4]
    assert main(["eventlog", str(old), "--against", str(old)]) == 0
    assert "no change" in capsys.readouterr().out
    sha1 = tmp_path / "sha1"
    sha1.write_bytes(boot_log((0x0004,)))
    assert main(["eventlog", str(sha1), "--against", str(new), "--json"]) == 2
    assert "no bank in common" in capsys.readouterr().out


def test_the_command_compares_with_this_machine(tmp_path, capsys):
    log = tmp_path / "log"
    log.write_bytes(boot_log())
    assert main(["eventlog", str(log), "--tpm", "--json"]) in {1, 2}
    assert "tpm" in json.loads(capsys.readouterr().out)


def test_programs_by_what_they_carry():
    image_of = read_image
    assert identity(image_of(NEW), FILE) == Program("shim", "15.8", FILE)
    assert identity(image_of(pe()), FILE).title == FILE
    told_by = pe(code=b"UEFI SHIM\n$Version: 15.4 $\n$BuildMachine".ljust(512, b"\0"))
    assert identity(image_of(told_by)).title == "shim 15.4"
    loader = pe(code=b"#### LoaderInfo: systemd-boot 252.6-1 ####".ljust(512, b"\0"))
    assert identity(image_of(loader)).title == "systemd-boot 252.6-1"


def test_signatures_and_the_checksum_are_left_out_of_the_digest():
    bare, signed = read_image(pe(sbat=SBAT)), read_image(pe(sbat=SBAT, signed=b"S" * 64))
    other = read_image(pe(sbat=SBAT, signed=b"T" * 64))
    assert authenticode(signed, SHA256) == authenticode(other, SHA256)
    # The directory of the signatures is not measured either.
    assert authenticode(bare, SHA256) == authenticode(signed, SHA256)
    changed = bytearray(pe(sbat=SBAT))
    changed[600] ^= 1
    assert authenticode(read_image(bytes(changed)), SHA256) != authenticode(bare, SHA256)


def machine_with(root, program, old_too=()):
    """A sound machine that started with this shim, which lies on its EFI system partition."""
    machine = sound(root)
    read, data = started(program), started_log(program)
    machine.put(EVENT_LOG, data)
    for pcr, value in read.replayed.banks["SHA256"].items():
        machine.put(f"sys/class/tpm/tpm0/pcr-sha256/{pcr}", value)
    for pcr in (1, 2, 3, 5, 6, 7):
        machine.put(f"sys/class/tpm/tpm0/pcr-sha256/{pcr}", "0" * 64)
    for number, one in enumerate((program, *old_too)):
        machine.put(f"boot/efi/EFI/debian/shim{number}.efi", one)
    return machine


def test_a_baseline_tells_versions_of_both_sides(tmp_path, capsys):
    """The program of the baseline is named when it is captured: it need not be there later."""
    machine_with(tmp_path / "old", OLD)
    machine_with(tmp_path / "new", NEW)
    file = tmp_path / "golden.json"
    assert main(["baseline", "capture", str(file), "--root", str(tmp_path / "old")]) == 0
    capsys.readouterr()
    assert main(["baseline", "diff", str(file), "--root", str(tmp_path / "new")]) == 1
    told = capsys.readouterr().out
    assert "PCR 4 changed: shim 15.7 -> 15.8" in told
    assert "PCR 4 变化:shim 15.7 -> 15.8" in told
