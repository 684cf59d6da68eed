"""Real gocryptfs mounts: nothing readable below, no secret in sight, no mount left in the way."""

import mmap
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.errors import MountFailed, VaultDamaged, VaultExists
from appliance.vault.mount import GocryptfsMount, is_mounted
from models.engines.process import ProcessKeeper
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.vault_owner import real_vault

pytestmark = pytest.mark.usefixtures("fuse")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def state(tmp_path):
    state = tmp_path / "the box"
    yield state
    GocryptfsMount(StateLayout(state), ProcessKeeper()).unmount()


@pytest.fixture
def vault(state):
    vault = real_vault(state)
    vault.create(PASSPHRASE)
    yield vault
    vault.lock()


def processes():
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            found.append(
                (directory / "cmdline").read_bytes() + (directory / "environ").read_bytes()
            )
        except OSError:
            continue
    return found


def test_files_are_readable_only_while_unlocked(vault, state):
    layout = StateLayout(state)
    opened = vault.unlock(PASSPHRASE)
    assert {entry.name for entry in opened.mount.iterdir()} == {
        "shelf",
        "jobs",
        "exports",
        "uploads",
    }
    layout.shelf.joinpath("chart-of-wang.txt").write_text("readable words " * 100)
    with (
        layout.shelf.joinpath("chart-of-wang.txt").open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        assert mapped[:8] == b"readable"
    key = opened.key("files").hex().encode()
    assert not any(key in process for process in processes())
    vault.lock()
    assert not is_mounted(layout.files_mount)
    assert list(layout.files_mount.iterdir()) == []
    for path in layout.files_cipher.rglob("*"):
        assert "wang" not in path.name
        assert not path.is_file() or b"readable" not in path.read_bytes()
    vault.unlock(PASSPHRASE)
    assert layout.shelf.joinpath("chart-of-wang.txt").read_text().startswith("readable")


def test_an_open_file_does_not_keep_the_vault_from_locking(vault, state):
    vault.unlock(PASSPHRASE)
    path = StateLayout(state).jobs_dir / "log"
    path.write_text("x" * 10_000_000)
    handle = os.open(path, os.O_RDONLY)
    vault.lock()
    assert not is_mounted(StateLayout(state).files_mount)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    with pytest.raises(OSError, match="not connected"):
        os.pread(handle, 1 << 20, 5_000_000)
    with suppress(OSError):
        os.close(handle)
    assert not any(
        b"gocryptfs" in process and os.fsencode(state) in process for process in processes()
    )


def test_a_killed_owner_leaves_nothing_in_the_way(state):
    command = [sys.executable, "-m", "tests.appliance.vault.vault_owner", str(state)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout.readline() == b"mounted\n"
            process.send_signal(signal.SIGKILL)
    vault = real_vault(state)
    opened = vault.unlock(PASSPHRASE)
    assert opened.mount.joinpath("shelf", "model.gguf").read_bytes() == b"weights" * 1000
    vault.lock()


def test_a_mount_that_lives_on_without_its_owner_is_taken_over(vault, state):
    vault.unlock(PASSPHRASE)
    other = real_vault(state)
    opened = other.unlock(PASSPHRASE)
    opened.mount.joinpath("shelf", "a").write_text("a")
    other.lock()


def test_a_wrong_key_does_not_mount(vault, state):
    files = GocryptfsMount(StateLayout(state), ProcessKeeper())
    with pytest.raises(MountFailed) as caught:
        files.mount(bytes(32))
    assert "assword" in str(caught.value)
    assert not is_mounted(StateLayout(state).files_mount)


def test_a_missing_or_damaged_cipher_directory_is_told(vault, state):
    layout = StateLayout(state)
    conf = layout.files_cipher / "gocryptfs.conf"
    content = conf.read_bytes()
    conf.write_bytes(content[:-20])
    with pytest.raises(MountFailed):
        vault.unlock(PASSPHRASE)
    conf.unlink()
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)
    assert vault.status().state == "locked"
    conf.write_bytes(content)
    vault.unlock(PASSPHRASE)


def test_files_in_the_mount_point_are_not_hidden(vault, state):
    stray = StateLayout(state).files_mount / "stray"
    stray.write_text("x")
    with pytest.raises(MountFailed, match="not empty"):
        vault.unlock(PASSPHRASE)
    stray.unlink()
    vault.unlock(PASSPHRASE)


def test_encrypted_files_are_never_made_anew(vault, state):
    layout = StateLayout(state)
    vault.unlock(PASSPHRASE)
    layout.shelf.joinpath("m").write_text("m")
    vault.lock()
    with pytest.raises(VaultExists):
        GocryptfsMount(layout, ProcessKeeper()).prepare(bytes(32))


def test_mounts_are_read_from_the_kernels_table(tmp_path):
    table = tmp_path / "mountinfo"
    place = tmp_path / "a b"
    line = f"100 1 0:50 / {str(place).replace(' ', chr(92) + '040')} rw - fuse.gocryptfs x rw\n"
    table.write_text("garbage\n" + line)
    assert is_mounted(place, table)
    assert not is_mounted(tmp_path / "a", table)
    assert not is_mounted(place / "c", table)
