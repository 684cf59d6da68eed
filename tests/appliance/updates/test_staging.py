"""Staging: one pass, resumable, bounded, and nothing on our disk that was not hashed before."""

import errno
import os
import stat
import threading
from collections import Counter
from hashlib import sha256
from pathlib import Path
from threading import Lock

import pytest

from appliance.updates import landing
from appliance.updates.errors import (
    BaseMissing,
    ContentRefused,
    DiskFull,
    DiskRefused,
    StickUnreadable,
)
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.staging import RESERVE, Staging
from tests.appliance.updates.packing import laid_out, without_supply

NOISE = b"".join(sha256(bytes([number])).digest() for number in range(160))
FILES = {"a": NOISE, "b/c": b"", "b/d": b"hello", "b/e": b"hello"}


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A package on a stick; what signs for it is another room's test."""
    monkeypatch.setattr(
        "appliance.updates.staging.metadata_of", lambda _: iter([("timestamp.json", b"{}")])
    )
    return laid_out(tmp_path / "stick", FILES)


@pytest.fixture
def staging(tmp_path):
    return Staging(tmp_path / "staging", "0" * 16, Holdings.none())


def take(staging: Staging, stick: Path, package, **words) -> None:
    staging.prepare([package])
    with Stick(stick) as opened:
        staging.take(opened, [package], **words)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_bundle_is_taken_in_its_own_shape_and_put_together(bundle, staging, tmp_path):
    (tmp_path / "stick" / "autorun.inf").write_text("[autorun]")
    (tmp_path / "stick" / "chunks" / "stray").write_text("x")
    take(staging, tmp_path / "stick", bundle)
    there = contents(staging.folder)
    assert {name.split("/")[0] for name in there} == {"metadata", "targets", "chunks"}
    assert there[bundle.place] == bundle.to_bytes()
    assert "chunks/stray" not in there
    staging.check([bundle])
    staging.assemble(bundle, tmp_path / "made")
    assert contents(tmp_path / "made") == {f"files/{name}": raw for name, raw in FILES.items()}
    assert not (tmp_path / "made.tmp").exists()
    assert stat.S_IMODE((tmp_path / "made" / "files" / "a").stat().st_mode) == 0o644
    with pytest.raises(DiskRefused):
        staging.assemble(bundle, tmp_path / "made")


def test_progress_is_told_and_may_stop_the_copy(bundle, staging, tmp_path):
    # Far more chunks than hands: those that are under way when it is stopped come over.
    bundle = laid_out(tmp_path / "fine", FILES, size=100)
    told = []

    class Stopped(Exception):
        pass

    def progress(name, done, total):
        told.append((name, done, total))
        if len(told) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        take(staging, tmp_path / "fine", bundle, progress=progress)
    left = staging.bytes_to_copy([bundle])
    assert 0 < left < bundle.shipped
    told.clear()
    take(staging, tmp_path / "fine", bundle, progress=lambda *row: told.append(row))
    assert told[-1] == (bundle.target, bundle.shipped, bundle.shipped)
    assert staging.bytes_to_copy([bundle]) == 0


def test_a_stick_is_read_once_and_goes_on_where_it_stopped(bundle, staging, tmp_path, monkeypatch):
    read: Counter[str] = Counter()
    walk, alone = Stick._walk, Lock()

    def counted(self, path):
        with alone:
            read[str(path)] += 1
            third = read.total() == 3
        if third:
            raise StickUnreadable(name="x", reason="Input/output error")
        return walk(self, path)

    monkeypatch.setattr(Stick, "_walk", counted)
    with pytest.raises(StickUnreadable):
        take(staging, tmp_path / "stick", bundle)
    # The hands that had begun another blob brought it home.
    assert len(contents(staging.folder)) == read.total() - 1
    take(staging, tmp_path / "stick", bundle)
    times = sorted(read[blob.place] for blob in bundle.blobs())
    assert times == [*[1] * (len(times) - 1), 2]
    staging.check([bundle])


@pytest.mark.parametrize("spoil", [b"", b"x", b"!" * 1000])
def test_what_a_power_cut_spoiled_comes_again(bundle, staging, tmp_path, spoil):
    take(staging, tmp_path / "stick", bundle)
    before = contents(staging.folder)
    (staging.folder / next(bundle.blobs()).place).write_bytes(spoil)
    take(staging, tmp_path / "stick", bundle)
    assert contents(staging.folder) == before


def test_nothing_is_written_that_was_not_hashed_before(bundle, staging, tmp_path):
    blob = list(bundle.blobs())[2]
    path = tmp_path / "stick" / blob.place
    path.write_bytes(bytes(blob.size))
    with pytest.raises(ContentRefused):
        take(staging, tmp_path / "stick", bundle)
    assert not (staging.folder / blob.place).exists()
    assert not (staging.folder / "metadata").exists()


def test_a_stick_whose_second_read_gives_other_bytes(bundle, staging, tmp_path, monkeypatch):
    take(staging, tmp_path / "stick", bundle)
    for path in (tmp_path / "stick" / "chunks").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))
    staging.assemble(bundle, tmp_path / "made")
    assert contents(tmp_path / "made")["files/a"] == FILES["a"]


def test_a_staged_file_changed_behind_our_back(bundle, staging, tmp_path):
    take(staging, tmp_path / "stick", bundle)
    path = staging.folder / list(bundle.blobs())[1].place
    path.write_bytes(b"!" + path.read_bytes()[1:])
    with pytest.raises(ContentRefused):
        staging.check([bundle])
    with pytest.raises(ContentRefused):
        staging.assemble(bundle, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [_fifo, _link, _device, _folder, Path.unlink])
def test_links_special_files_and_holes_in_the_stick(bundle, staging, tmp_path, change):
    change(tmp_path / "stick" / next(bundle.blobs()).place)
    with pytest.raises(ContentRefused):
        take(staging, tmp_path / "stick", bundle)


@pytest.mark.parametrize("change", [_link, _fifo, _folder])
def test_links_and_special_files_in_staging(bundle, staging, tmp_path, change):
    """Not ours, then: refused, never followed."""
    take(staging, tmp_path / "stick", bundle)
    change(staging.folder / next(bundle.blobs()).place)
    with pytest.raises((DiskRefused, ContentRefused)):
        take(staging, tmp_path / "stick", bundle)
    with pytest.raises((DiskRefused, ContentRefused)):
        staging.assemble(bundle, tmp_path / "made")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails(bundle, staging, tmp_path, monkeypatch, number, call):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(f"appliance.updates.landing.os.{call}", fail)
    full = number in {errno.ENOSPC, errno.EDQUOT}
    with pytest.raises(DiskFull if full else DiskRefused):
        take(staging, tmp_path / "stick", bundle)
    monkeypatch.undo()


def test_space_is_looked_at_first(bundle, tmp_path):
    needed = bundle.shipped + bundle.size + RESERVE
    tight = Staging(tmp_path / "staging", "0" * 16, Holdings.none(), lambda _: needed - 1)
    with pytest.raises(DiskFull, match=f"{needed}"):
        take(tight, tmp_path / "stick", bundle)
    assert contents(tmp_path / "staging") == {}
    take(
        Staging(tmp_path / "staging", "0" * 16, Holdings.none(), lambda _: needed),
        tmp_path / "stick",
        bundle,
    )


def test_other_bundles_are_swept(bundle, staging, tmp_path):
    (tmp_path / "staging" / "ffff" / "chunks").mkdir(parents=True)
    (tmp_path / "staging" / "stray").write_text("x")
    take(staging, tmp_path / "stick", bundle)
    assert [path.name for path in (tmp_path / "staging").iterdir()] == ["0" * 16]
    staging.forget()
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_delta_needs_what_it_starts_from(bundle, staging, tmp_path):
    take(staging, tmp_path / "stick", bundle)
    staging.assemble(bundle, tmp_path / "made")
    bare = without_supply(bundle)
    with pytest.raises(BaseMissing):
        take(staging, tmp_path / "stick", bare)
    held = Holdings.of([(bundle, tmp_path / "made")])
    second = Staging(tmp_path / "second", "1" * 16, held)
    assert second.missing([bare]) == ()
    take(second, tmp_path / "stick", bare)
    second.assemble(bare, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "made")


def test_what_an_earlier_try_left_is_no_part_of_the_next(bundle, staging, tmp_path):
    take(staging, tmp_path / "stick", bundle)
    (tmp_path / "made.tmp" / "files").mkdir(parents=True)
    (tmp_path / "made.tmp" / "files" / "evil.so").write_text("x")
    staging.assemble(bundle, tmp_path / "made")
    assert "files/evil.so" not in contents(tmp_path / "made")


def test_hashing_and_writing_is_not_done_by_the_thread_that_reads(
    bundle, staging, tmp_path, monkeypatch
):
    names = set()
    check = landing.check_blob

    def watched(blob, content):
        names.add(threading.current_thread().name.rpartition("_")[0])
        check(blob, content)

    monkeypatch.setattr(landing, "check_blob", watched)
    take(staging, tmp_path / "stick", bundle)
    assert names == {"updates-landing"}
