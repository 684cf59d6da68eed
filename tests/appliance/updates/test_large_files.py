"""Files beyond what 32 bits count: refused before they are read, or taken with a few chunks of memory."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from appliance.updates import assembly
from appliance.updates.errors import ContentRefused
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.manifest import MAX_CHUNK, Blob, Chunk, Package, PackageFile, Requires
from appliance.updates.reading import read_package
from appliance.updates.staging import Staging
from tests.appliance.updates.packing import TITLE, laid_out, put


@pytest.fixture
def staging(tmp_path, monkeypatch):
    rows = [("timestamp.json", b"{}")]
    monkeypatch.setattr("appliance.updates.staging.metadata_of", lambda _: iter(rows))
    return Staging(tmp_path / "staging", "0" * 16, Holdings.none())


@pytest.mark.parametrize("size", [(2 << 30) + 1, (4 << 30) + 1])
def test_a_sparse_file_in_place_of_a_blob_costs_nothing(staging, tmp_path, size):
    bundle = laid_out(tmp_path / "stick", {"a": b"hello"})
    staging.prepare([bundle])
    os.truncate(tmp_path / "stick" / next(bundle.blobs()).place, size)
    with Stick(tmp_path / "stick") as opened, pytest.raises(ContentRefused):
        staging.take(opened, [bundle])


@pytest.mark.slow
def test_files_beyond_four_gigabytes_come_out_right(tmp_path, staging, monkeypatch):
    """Of zeros that are skipped on our disk, so that it costs none; memory stays a few chunks."""
    size, piece = (4 << 30) + 1, bytes(MAX_CHUNK)
    chunk = Chunk(sha256(piece).hexdigest(), MAX_CHUNK)
    last = Chunk(sha256(b"\0").hexdigest(), 1)
    whole = sha256()
    for _ in range(256):
        whole.update(piece)
    whole.update(b"\0")
    supply = {one.sha256: Blob(one.sha256, one.size, "plain") for one in (chunk, last)}
    for one, raw in ((chunk, piece), (last, b"\0")):
        put(tmp_path / "stick" / supply[one.sha256].place, raw)
    rows = PackageFile("files/a", size, 0o644, whole.hexdigest(), (*(chunk,) * 256, last))
    made = Package("data", "large", "1", TITLE, Requires(), (rows,), supply)
    package = read_package(made.to_bytes(), "x")
    assert (package.size, package.shipped) == (size, MAX_CHUNK + 1)
    monkeypatch.setattr(
        assembly, "write_all", lambda fd, raw: os.ftruncate(fd, os.lseek(fd, len(raw), os.SEEK_CUR))
    )
    before = peak_mb()
    staging.folder.mkdir(parents=True)
    with Stick(tmp_path / "stick") as opened:
        staging.take(opened, [package])
    staging.assemble(package, tmp_path / "made")
    assert (tmp_path / "made" / "files" / "a").stat().st_size == size
    assert peak_mb() - before < 160


def peak_mb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10
