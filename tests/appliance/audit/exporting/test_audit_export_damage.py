"""Every byte of an export: changed, removed, added, cut, doubled, gone; the verifier refuses each."""

from pathlib import Path

import pytest

from appliance.audit.export import export
from appliance.audit.export_order import Selection
from appliance.audit.query import Query
from tests.appliance.audit.conftest import note
from tests.appliance.audit.exporting.conftest import files_of, made_of


def every_damage(folder: Path, step: int):
    """Each file with one byte changed, one removed, one added, cut short, doubled, emptied, gone."""
    for name in files_of(folder):
        path = folder / name
        good = path.read_bytes()
        for at in range(0, len(good), step if len(good) > 2000 else 1 if step < 50 else 41):
            yield path, good, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        for at in range(0, len(good), max(step, len(good) // 2)):
            yield path, good, good[:at] + good[at + 1 :]
            yield path, good, good[:at] + b" " + good[at:]
        yield path, good, good[:-1]
        yield path, good, good + good
        yield path, good, b""
        yield path, good, None


def check_every_damage(folder: Path, judge, step: int) -> int:
    key, tried = (folder / "box.vkey").read_text(), 0
    for path, good, bad in every_damage(folder, step):
        path.unlink() if bad is None else path.write_bytes(bad)
        status, said = judge(folder, "--box-key", key)
        assert status in {1, 2}, (path, bad, said)
        assert "Traceback" not in said
        tried += 1
        path.write_bytes(good)
    assert judge(folder, "--box-key", key)[0] == 0
    return tried


@pytest.mark.parametrize("query", [None, Query(actor="key:a")])
def test_damage_anywhere_is_refused(box, tmp_path, judge, quick_signatures, query):
    log = box.open()
    for number in range(3):
        log.append(note(number)).result(10)
    export(made_of(log, box), tmp_path / "out", Selection(filter=query))
    assert check_every_damage(tmp_path / "out", judge, 2999) > 150


@pytest.mark.slow
@pytest.mark.parametrize("query", [None, Query(actor="key:a")])
def test_damage_of_every_byte_of_the_proof_is_refused(
    box, tmp_path, judge, quick_signatures, query
):
    log = box.open()
    for number in range(3):
        log.append(note(number)).result(10)
    export(made_of(log, box), tmp_path / "out", Selection(filter=query))
    assert check_every_damage(tmp_path / "out", judge, 29) > 5000
