"""The encrypted files: gocryptfs as a kept child, its password through memory, stale mounts cleared."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from appliance.settings.layout import StateLayout
from appliance.vault.background import Background
from appliance.vault.errors import MountFailed, VaultDamaged, VaultExists
from appliance.vault.support import Programs, Support, detect, judge
from models.engines.process import KeptProcess
from secure_compute.guard import readable
from secure_compute.sealed_root import Slot

_MOUNT_WAIT_S: Final = 20.0
_POLL_S: Final = 0.02
_STOP_S: Final = 10.0
_MOUNTINFO: Final = Path("/proc/self/mountinfo")
_OWN_FILES: Final = frozenset(("gocryptfs.conf", "gocryptfs.diriv"))
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")
_FOLDERS: Final = ("shelf", "jobs", "exports", "uploads")


class Keeper(Protocol):
    """Starts programs: `models.engines.process.ProcessKeeper`."""

    async def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: Path | None = None,
        may_gain_privileges: bool = False,
    ) -> KeptProcess:
        """Start a program that ends with this process."""


class GocryptfsMount:
    """Makes, mounts and unmounts the encrypted files of one box.

    The password is 256 random bits, so the cheapest scrypt is enough. It reaches gocryptfs through an
    anonymous memory file that is overwritten at once; no argument, no environment and no disk ever
    holds it.

    Args:
        layout: where the box keeps its state.
        keeper: starts programs.
        look: finds out what the machine has.
        monotonic: seconds.
    """

    name: Final = "embedded"

    def __init__(
        self,
        layout: StateLayout,
        keeper: Keeper,
        look: Callable[[], Support] = detect,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layout = layout
        self._keeper = keeper
        self._look = look
        self._monotonic = monotonic
        self._background = Background()
        self._child: KeptProcess | None = None

    def check(self) -> None:
        """Pass, or say what the machine lacks.

        Raises:
            VaultUnsupported: AES instructions, FUSE or a program are missing.
        """
        judge(self._look())

    def prepare(self, key: bytes) -> None:
        """Make the encrypted directory; what an interrupted attempt left is made anew.

        Args:
            key: 32 bytes.

        Raises:
            VaultExists: it holds files already.
            MountFailed: gocryptfs refused.
        """
        programs = judge(self._look())
        cipher, mount = self._layout.files_cipher, self._layout.files_mount
        self.unmount()
        for directory in (self._layout.vault, cipher, mount):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {entry.name for entry in cipher.iterdir()}
        if names - _OWN_FILES:
            raise VaultExists(path=cipher)
        for name in names:
            (cipher / name).unlink()
        with password_file(key) as password:
            options = ("-init", "-q", "-nosyslog", "-scryptn", "10", "-passfile", password)
            code, said = self._run((str(programs.gocryptfs), *options, "--", str(cipher)))
        if code != 0:
            raise MountFailed(reason=said, path=mount)

    def mount(self, key: bytes) -> None:
        """Mount the files and make the folders of the box in them; a stale mount is cleared first.

        Args:
            key: 32 bytes, as given to `prepare`.

        Raises:
            VaultUnsupported: the machine cannot do it.
            VaultDamaged: the encrypted directory is missing.
            MountFailed: gocryptfs refused, or did not come up in time.
        """
        programs = judge(self._look())
        mount = self._layout.files_mount
        if not (self._layout.files_cipher / "gocryptfs.conf").is_file():
            path = self._layout.files_cipher
            raise VaultDamaged(path=path, reason="缺少 gocryptfs.conf is missing")
        self.unmount()
        mount.mkdir(mode=0o700, parents=True, exist_ok=True)
        if next(mount.iterdir(), None) is not None:
            raise MountFailed(reason=f"{mount} 不是空目录 is not empty", path=mount)
        with password_file(key) as password:
            self._child = self._start(self._mount_argv(programs, password))
            self._await_mount(self._child)
        for name in _FOLDERS:
            (mount / name).mkdir(mode=0o700, exist_ok=True)

    def unmount(self) -> None:
        """Unmount, whoever mounted it; nothing mounted is fine.

        Files that someone still holds open do not keep it: the mount is detached and gocryptfs ended.

        Raises:
            MountFailed: it is still mounted afterwards.
        """
        mount = self._layout.files_mount
        if is_mounted(mount):
            programs = judge(self._look())
            self._run((str(programs.fusermount), "-u", "-q", "--", str(mount)))
            if is_mounted(mount):
                code, said = self._run((str(programs.fusermount), "-u", "-z", "--", str(mount)))
                if code != 0 and is_mounted(mount):
                    raise MountFailed(reason=said, path=mount)
        child, self._child = self._child, None
        if child is not None:
            self._background.run(child.stop(_STOP_S))
            self._background.close()

    def tell(self, slots: Sequence[Slot]) -> None:
        """Nothing to do: no device is looked at for its key."""

    def grow(self, key: bytes) -> None:
        """Nothing to do: the files use what the disk of the state directory has."""

    def erase(self) -> None:
        """Unmount and destroy the wrapped key of the files: none of them can be read again."""
        self.unmount()
        (self._layout.files_cipher / "gocryptfs.conf").unlink(missing_ok=True)

    def _mount_argv(self, programs: Programs, password: str) -> tuple[str, ...]:
        options = ("-fg", "-q", "-nosyslog", "-kernel_cache", "-nosuid", "-nodev", "-noexec")
        naming = ("-fsname", "wardbox-files", "-passfile", password)
        places = (str(self._layout.files_cipher), str(self._layout.files_mount))
        return (str(programs.gocryptfs), *options, *naming, "--", *places)

    def _await_mount(self, child: KeptProcess) -> None:
        deadline = self._monotonic() + _MOUNT_WAIT_S
        mount = self._layout.files_mount
        while not is_mounted(mount):
            if not child.alive:
                self._background.run(child.wait())
                self._child = None
                raise MountFailed(reason=_last_words(child), path=mount)
            if self._monotonic() > deadline:
                self.unmount()
                raise MountFailed(reason="超时 it took too long", path=mount)
            time.sleep(_POLL_S)

    def _start(self, argv: tuple[str, ...]) -> KeptProcess:
        # gocryptfs finds fusermount on PATH; nothing else of our environment concerns it.
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        # An ordinary user mounts through the setuid fusermount3.
        return self._background.run(self._keeper.start(argv, environment, may_gain_privileges=True))

    def _run(self, argv: tuple[str, ...]) -> tuple[int, str]:
        child = self._start(argv)
        end = self._background.run(child.wait())
        if self._child is None:
            self._background.close()
        return end.code, _last_words(child)


def is_mounted(mount: Path, mountinfo: Path = _MOUNTINFO) -> bool:
    """Whether something is mounted exactly there, a dead FUSE mount included.

    The kernel's table is asked (proc(5), mountinfo), because looking at a dead mount itself fails.
    """
    wanted = str(mount.parent.resolve() / mount.name)
    for line in mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(" ")
        if len(fields) > 4 and _unescaped(fields[4]) == wanted:  # noqa: PLR2004  # fifth: mount point
            return True
    return False


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), text)


def _last_words(child: KeptProcess) -> str:
    lines = [line for line in child.tail() if line.strip()]
    return lines[-1] if lines else "gocryptfs 没有说明原因 gave no reason"


@contextmanager
def password_file(key: bytes) -> Iterator[str]:
    """A path under which a child of this user reads the password while the block lasts."""
    handle = os.memfd_create("wardbox-files")
    try:
        text = key.hex().encode() + b"\n"
        os.pwrite(handle, text, 0)
        with readable():
            yield f"/proc/{os.getpid()}/fd/{handle}"
    finally:
        os.pwrite(handle, bytes(65), 0)
        os.close(handle)
