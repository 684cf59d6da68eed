"""Disks that are files, with real LUKS2 headers; what needs device-mapper is noted only."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.vault.device import DeviceFacts
from appliance.vault.luks import LuksVolume, Sight
from appliance.vault.luks_support import LuksSupport
from appliance.vault.tools import Tools
from models.engines.process import ProcessKeeper

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
ABLE = LuksSupport(aes=True, mapper=True, root=True)
HEADERS = ("luksFormat", "luksUUID", "luksHeaderBackup", "luksHeaderRestore", "luksAddKey",
           "luksRemoveKey", "erase", "token")  # fmt: skip


class HeaderTools(Tools):
    """cryptsetup's work on headers is real; what needs device-mapper is noted only."""

    def __init__(self) -> None:
        super().__init__(ProcessKeeper())
        self.kernel: list[tuple[str, ...]] = []
        self.arguments: list[str] = []
        self.failing: dict[str, tuple[int, str]] = {}

    def run(self, argv):
        self.arguments += argv
        real = argv[0] == "cryptsetup" and (argv[1] in HEADERS or "--test-passphrase" in argv)
        word = argv[1] if argv[0] == "cryptsetup" else argv[0]
        if word in self.failing:
            return self.failing[word]
        if real:
            return super().run(argv)
        self.kernel.append(argv)
        return 0, ""


def opens(device: Path, key: bytes) -> bool:
    words = ("cryptsetup", "open", "--test-passphrase", "--key-file=-", "--keyfile-size=64")
    done = subprocess.run((*words, str(device)), input=key.hex().encode(), check=False)
    return done.returncode == 0


def uuid_on(path: Path) -> str:
    done = subprocess.run(
        ("cryptsetup", "luksUUID", str(path)), capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def a_disk(path: Path) -> DeviceFacts:
    uuid = uuid_on(path)
    held = "crypto_LUKS" if uuid else ""
    return DeviceFacts(path, True, True, 8 << 30, True, True, held, uuid, not uuid)


def blank(path: Path) -> Path:
    """A disk of 64 MiB, as it comes from the shop."""
    if shutil.which("cryptsetup", path=f"/usr/sbin:{os.environ['PATH']}") is None:
        pytest.skip("cryptsetup is not installed: apt-get install cryptsetup-bin")
    path.unlink(missing_ok=True)
    with path.open("wb") as stream:
        stream.truncate(64 << 20)
    return path


def volume(box, record, tools, **more):
    sight = Sight(more.pop("support", lambda: ABLE), more.pop("facts", a_disk))
    return LuksVolume(box, record, tools, sight=sight, **more)
