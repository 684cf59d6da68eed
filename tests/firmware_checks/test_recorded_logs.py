"""Logs of real machines replay to the registers that their TPMs held."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.document import as_json, read_log
from tests.firmware_checks.seeds import recorded_logs

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).parents[2].parent / "shared"))
LOGS = DATA / "fixtures/tpm-eventlogs"
RECORDED = LOGS / "go-tpm-tools/expected_pcrs.json"
REPLAYED = LOGS / "tpm2-tools/event-pretty"
NOT_IN_FORM = "data not in the form of its type"


@pytest.fixture
def logs():
    if not RECORDED.is_file():
        pytest.skip(
            "the recorded TPM logs are not on this machine; set WARDBOX_DATA to their folder"
        )
    return recorded_logs(DATA)


def recorded_banks(name):
    """Bank -> PCR -> value that a TPM held, or that tpm2-tools reckoned for a log without StartupLocality."""
    held = json.loads(RECORDED.read_text()).get(name)
    if held is not None:
        return held["banks"], "TPM"
    told = REPLAYED / f"{name}.yaml"
    if not told.is_file():
        return {}, "-"
    banks, bank = {}, ""
    for line in told.read_text().partition("\npcrs:\n")[2].splitlines():
        if found := re.fullmatch(r"  (\w+):", line):
            bank = found[1].upper()
        elif found := re.fullmatch(r"    (\d+) *: 0x([0-9a-f]+)", line):
            banks.setdefault(bank, {})[found[1]] = found[2]
    return banks, "tpm2-tools"


def test_every_recorded_bank(logs):
    """Prints the table: `pytest -s tests/firmware_checks/test_recorded_logs.py`."""
    right, wrong = 0, []
    print(f"\n{'log':40s} {'events':>6s}  banks right (by whom recorded)")
    for name, data in logs.items():
        shown = as_json(read_log(data))
        banks, by = recorded_banks(name)
        good = [
            bank
            for bank, values in banks.items()
            if values and {pcr: shown["banks"].get(bank, {}).get(pcr) for pcr in values} == values
        ]
        right += len(good)
        wrong += [(name, bank) for bank in banks if bank not in good]
        told = f"{len(good)}/{len(banks)} {' '.join(good)} ({by})" if banks else "none recorded"
        print(f"{name:40s} {len(shown['events']):6d}  {told}")
    print(f"{len(logs)} logs parsed, {right} of {right + len(wrong)} recorded banks right")
    assert wrong == []
    assert len(logs) >= 14
    assert right >= 16


def test_a_locality_of_three_is_among_them(logs):
    assert read_log(logs["glinux-alex.bin"]).replayed.locality == 3


def test_every_event_is_told_and_no_digest_belies_its_words(logs):
    for name, data in logs.items():
        for event in as_json(read_log(data))["events"]:
            assert event["words"], (name, event)
            assert NOT_IN_FORM not in event["words"], (name, event)
            assert event["digest_fits_data"] is not False, (name, event)


def test_real_names_are_told(logs):
    words = "\n".join(
        event["words"] for data in logs.values() for event in as_json(read_log(data))["events"]
    )
    for piece in (
        "PK: Debian UEFI Secure Boot (PK/KEK key)",
        "db: Microsoft Windows Production PCA 2011, Microsoft Corporation UEFI CA 2011",
        "dbx: 77 × SHA-256",
        "SbatLevel: sbat,1,2025021800 shim,4 grub,5",
        r"NVMe(0x1,FE-6E-B9-91-8C-38-25-00)/HD(2,GPT,406697b0-ce81-4b4f-b0c6-2bce7884b767,0x1000,0x3D0800)/\EFI\DEBIAN\GRUBX64.EFI",
        "Boot0003: UEFI: PXE IPv6 Intel(R) Ethernet Connection (2) I219-LM",
        "startup locality: 3",
        "kernel command line: /boot/vmlinuz-5.11.0-1006-gcp",
        "initrd that the kernel loads: Linux initrd",
        "the platform: AMD SEV-SNP",
        "machine owner keys (MokList)",
        "Exit Boot Services Returned with Success",
    ):
        assert piece in words, piece


def test_cut_real_logs_end_in_a_sentence(logs):
    for data in logs.values():
        for cut in range(1, len(data), 997):
            with suppress(EventLogMalformed):
                read_log(data[:cut])
