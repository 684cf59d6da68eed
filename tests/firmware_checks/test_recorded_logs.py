"""Logs of real machines replay to the registers that their TPMs held."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.document import as_json, read_log

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).parents[2].parent / "shared"))
LOGS = DATA / "fixtures/tpm-eventlogs"
RECORDED = LOGS / "go-tpm-tools/expected_pcrs.json"


@pytest.fixture
def logs():
    if not RECORDED.is_file():
        pytest.skip(
            "the recorded TPM logs are not on this machine; set WARDBOX_DATA to their folder"
        )
    return LOGS


def test_recorded_registers(logs):
    recorded = json.loads(RECORDED.read_text())
    assert recorded
    for name, entry in recorded.items():
        banks = as_json(read_log((RECORDED.parent / name).read_bytes()))["banks"]
        for bank, values in entry["banks"].items():
            assert {pcr: banks[bank].get(pcr) for pcr in values} == values, (name, bank)


def test_a_locality_of_three_is_among_them(logs):
    read = read_log((logs / "go-tpm-tools/glinux-alex.bin").read_bytes())
    assert read.replayed.locality == 3


def test_every_other_log_is_read(logs):
    files = [*logs.glob("*.bin"), *(logs / "tpm2-tools").glob("event-*.bin")]
    files.append(logs / "tpm2-tools/specid-vendordata.bin")
    assert len(files) > 5
    for path in files:
        read = read_log(path.read_bytes())
        misfits = [e for e in as_json(read)["events"] if e["digest_fits_data"] is False]
        assert not misfits, path.name


def test_cut_real_logs_end_in_a_sentence(logs):
    for path in (logs / "go-tpm-tools").glob("*.bin"):
        data = path.read_bytes()
        for cut in range(1, len(data), 997):
            with suppress(EventLogMalformed):
                read_log(data[:cut])
