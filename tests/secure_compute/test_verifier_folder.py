"""The auditor's verifier and the files of an export: lists that lie, tiles, links, sizes, memory."""

import errno
import runpy
import sys

import pytest

from secure_compute.verifier import reading
from secure_compute.verifier.reading import Head, Refused, Unreadable, blocks, read_part
from secure_compute.verifier.tree import KEPT_TILES, Tiles, fold, hash_leaf, hash_node
from tests.secure_compute.exports import VKEY, export, leaves, seal

SUMS = {
    "unsafe": lambda lines: [lines[0].replace("box.vkey", "../x"), *lines[1:]],
    "absolute": lambda lines: [lines[0].replace("box.vkey", "/etc/passwd"), *lines[1:]],
    "no digest": lambda lines: ["x" + lines[0][1:], *lines[1:]],
    "reordered": lambda lines: lines[::-1],
    "doubled": lambda lines: [lines[0], *lines],
    "shouted": lambda lines: [lines[0].upper(), *lines[1:]],
}


def reseal(folder, text: str) -> None:
    """Sign another list of digests, as only the box itself could."""
    import hashlib

    from secure_compute.note import sign_note
    from tests.secure_compute.exports import KEY, ORIGIN

    (folder / "SHA256SUMS").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    note = sign_note(f"wardbox-audit-export/2\n{ORIGIN}\n{digest}\n", ORIGIN, KEY)
    (folder / "seal.note").write_bytes(note.to_bytes())


@pytest.mark.parametrize("case", SUMS)
def test_lists_that_are_none(auditor, case):
    export(auditor.folder, leaves(5))
    lines = (auditor.folder / "SHA256SUMS").read_text().splitlines()
    reseal(auditor.folder, "".join(f"{line}\n" for line in SUMS[case](lines)))
    status, text = auditor.judge()
    assert status == 1
    assert "unsafe or misplaced line" in text


def test_a_list_that_leaves_a_file_out(auditor):
    export(auditor.folder, leaves(5))
    lines = (auditor.folder / "SHA256SUMS").read_text().splitlines()
    reseal(auditor.folder, "".join(f"{line}\n" for line in lines if "summary" not in line))
    status, text = auditor.judge()
    assert status == 1
    assert "'summary.html' is no part of this export" in text


def test_a_seal_over_something_else(auditor):
    export(auditor.folder, leaves(5))
    sums = (auditor.folder / "SHA256SUMS").read_text()
    reseal(auditor.folder, sums + "\n")
    (auditor.folder / "SHA256SUMS").write_text(sums)
    assert "not the one that the box signed" in auditor.judge()[1]


@pytest.mark.parametrize("size", [5, 300, 600])
def test_tiles_that_were_altered_are_named_even_when_sealed(auditor, size):
    for name in ("tile/0/000", "tile/0/001.p/44", "tile/0/001", "tile/1/000.p/2", "tile/0/000.p/5"):
        export(auditor.folder, leaves(size))
        path = auditor.folder / name
        if not path.is_file():
            continue
        good = path.read_bytes()
        for bad in (
            good[:9] + bytes([good[9] ^ 1]) + good[10:],
            good[:-1],
            good + b"x",
            b"",
            good * 500,
        ):
            path.write_bytes(bad)
            seal(auditor.folder)
            status, text = auditor.judge()
            assert status == 1
            assert "tile" in text


def test_names_of_tiles_and_how_many_are_kept(tmp_path):
    tiles = Tiles(tmp_path, Head(256 * 1_234_067 + 5, b""))
    assert tiles.name(0, 1_234_066) == "tile/0/x001/x234/066"
    assert tiles.name(0, 1_234_067) == "tile/0/x001/x234/067.p/5"
    count = KEPT_TILES + 3
    tiles = Tiles(tmp_path, Head(256 * count, b""))
    (tmp_path / "tile/0").mkdir(parents=True)
    row = [hash_leaf(b"%d" % number) for number in range(256)]
    for number in range(count):
        (tmp_path / tiles.name(0, number)).write_bytes(b"".join(row))
        assert tiles.load(0, number)[0] == b"".join(row)
    assert len(tiles.rows) == KEPT_TILES
    assert tiles.load(0, count - 1) is tiles.load(0, count - 1)
    assert fold([row[0], row[1]]) == hash_node(row[0], row[1])


def test_an_archive_of_a_range_verifies_and_says_that_nothing_is_missing(auditor):
    export(auditor.folder, leaves(700), first=200, last=520)
    status, text = auditor.judge()
    assert (status, "200 to 520 are exported, without a gap" in text) == (0, True)
    lines = leaves(700)[200:521]
    for bad in (lines[:-1], lines[1:], lines[:100] + lines[101:], [*lines, leaves(700)[521]]):
        export(auditor.folder, leaves(700), first=200, last=520, lines=bad)
        assert auditor.judge()[0] == 1
    export(auditor.folder, leaves(700), first=200, last=520, entries=320)
    assert "320 entries, the export holds 321" in auditor.judge()[1]


def test_what_is_too_large_or_cannot_be_read_is_told(tmp_path):
    (tmp_path / "part").write_bytes(b"x" * 100)
    with pytest.raises(Refused, match="too large"):
        read_part(tmp_path, "part", 99)
    (tmp_path / "part").unlink()
    (tmp_path / "part").mkdir()
    for name in ("part", "nul\0", "none"):
        with pytest.raises(Unreadable, match="cannot be read"):
            read_part(tmp_path, name)

    class Failing:
        def read(self, _):
            raise OSError(errno.EIO, "I/O error")

    with pytest.raises(Unreadable, match="stick/entries"):
        list(blocks(Failing(), "stick/entries"))
    for number, data in ((3, b"a\nb\n" + b"x" * 50), (2, b"a\n" + b"x" * 50 + b"\nb\n")):
        (tmp_path / "long").write_bytes(data)
        with pytest.raises(Refused, match=f"Line {number} of long is too long"):
            list(reading.lines_of(tmp_path, "long", 20))


def test_a_file_without_an_end_is_read_in_little_memory(auditor):
    import tracemalloc

    export(auditor.folder, leaves(5))
    with (auditor.folder / "entries.ndjson").open("ab") as stream:
        stream.truncate(1 << 30)  # a line of a gigabyte; the file system keeps it as a hole
    tracemalloc.start()
    status, text = auditor.judge()
    assert tracemalloc.get_traced_memory()[1] < 32_000_000
    tracemalloc.stop()
    assert status == 1
    assert "Line 6 of entries.ndjson is too long" in text


def test_a_memory_that_cannot_be_written(auditor, tmp_path):
    export(auditor.folder, leaves(5))
    auditor.memory = tmp_path / "none" / "memory.json"
    status, text = auditor.judge()
    assert status == 2
    assert "cannot be written" in text


def test_it_runs_as_a_program(auditor, monkeypatch):
    export(auditor.folder, leaves(5))
    words = ["verify.py", str(auditor.folder), "--remember", str(auditor.memory), "--box-key", VKEY]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.delitem(sys.modules, "secure_compute.verifier.judge")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("secure_compute.verifier.judge", run_name="__main__")
    assert caught.value.code == 0
