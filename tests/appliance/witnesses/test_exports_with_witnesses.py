"""Exports with cosignatures: verify.py believes the TPM's key and a witness, and remembers an old disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.audit.export import export
from appliance.audit.export_order import Materials
from appliance.audit.rendering.meaning import Source
from tests.appliance.witnesses.conftest import Place
from tests.fakes.soft_tpm import SoftTpm


@pytest.fixture
def hardened(tmp_path):
    with SoftTpm(tmp_path / "tpm") as chip:
        made = Place(tmp_path / "disk", tcti=chip.tcti)
        yield made
        made.close()


def exported(place: Place, out: Path) -> Path:
    materials = Materials(
        reader=place.log.reader,
        source=Source("wardbox/test", "box", "1"),
        seal=place.log.seal,
        clock=place.clock,
        cosigned=place.service.cosigned,
        keys=lambda: tuple(one.vkey for one in list(place.service.keys())),
        head=place.service.cosign,
    )
    export(materials, out)
    return out


def verified(folder: Path, *more: str) -> tuple[int, str]:
    argv = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), *more]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_a_tpm_and_a_witness_vouch_and_an_old_disk_is_remembered(hardened, other, stick, tmp_path):
    place, memory = hardened, ("--remember", str(tmp_path / "memory.json"))
    other.meet(place)
    place.work(300)
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    assert all(one.ok for one in place.take(stick))
    old = place.copied(tmp_path / "old")
    place.work(20)
    first = exported(place, tmp_path / "first")
    tpm = place.service.status().second.vkey
    keys = (first / "cosigners.vkey").read_text().split()
    assert tpm in keys
    assert other.vkey() in keys
    status, told = verified(first, *memory, "--witness", other.vkey(), "--witness", str(tpm))
    assert status == 0, told
    assert "host-b/witness witnessed the first" in told
    assert "wardbox/test/cosigner witnessed the first" in told
    # A byte of either cosignature, and the export is refused.
    checkpoint = first / "checkpoint"
    good = checkpoint.read_text(encoding="utf-8")
    line = next(row for row in good.split("\n") if row.startswith("— wardbox/test/cosigner"))
    bad = line[:-10] + ("A" if line[-10] != "A" else "B") + line[-9:]
    checkpoint.write_text(good.replace(line, bad), encoding="utf-8")
    assert verified(first, *memory, "--witness", str(tpm))[0] == 1
    checkpoint.write_text(good, encoding="utf-8")
    # The disk of yesterday comes back: the auditor's own memory knows better.
    place.put_back(old)
    place.work(2)
    second = exported(place, tmp_path / "second")
    status, told = verified(second, *memory)
    assert status == 1
    assert "rolled back" in told
    trouble = place.service.status().second.trouble
    assert trouble is not None
    assert trouble.code == "rolled-back"


def test_the_stick_of_a_witness_is_held_against_an_export(place, other, stick, tmp_path):
    memory = ("--remember", str(tmp_path / "memory.json"), "--witness")
    forgotten = ("--remember", str(tmp_path / "nothing.json"), "--witness")
    other.meet(place)
    for _ in range(2):
        place.work(30)
        place.offer(stick)
        assert other.run("cosign", stick)[0] == 0
        assert all(one.ok for one in place.take(stick))
    early = exported(place, tmp_path / "early")
    place.work(5)
    place.offer(stick)
    assert other.run("cosign", stick)[0] == 0
    late = exported(place, tmp_path / "late")
    status, told = verified(late, *memory, other.vkey(), "--stick", str(stick))
    assert status == 0, told
    assert "so do 6 checkpoints on sticks" in told
    assert "host-b/witness witnessed the first" in told
    # A stick that has seen more than the export knows: rolled back, or exported before.
    status, told = verified(early, *forgotten, other.vkey(), "--stick", str(stick))
    assert status == 1
    assert "was rolled back, or the export is older" in told
