"""The vault on a LUKS2 device: everything inside it, opened with a key of the vault through memory."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault import luks_token
from appliance.vault.device import LEAST_BYTES, DeviceFacts, judge, look
from appliance.vault.errors import (
    ForeignDevice,
    HeaderDamaged,
    MountFailed,
    VaultDamaged,
    VaultExists,
)
from appliance.vault.luks_support import LuksSupport, detect_luks, judge_luks
from appliance.vault.mount import is_mounted, password_file
from appliance.vault.record import Stage, StorageRecord, write_record
from appliance.vault.tools import Tools
from secure_compute.sealed_root import Slot

_FOLDERS: Final = ("shelf", "jobs", "exports", "uploads")
_KEY: Final = ("--keyfile-size", "64")
# The key is 256 random bits: stretching it would only make each opening slow.
_FORMAT: Final = (
    "--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "sha256",
    "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--label", "wardbox-vault",
    "--batch-mode",
)  # fmt: skip
_OPTIONS: Final = "nodev,nosuid,noexec,noatime"
_MAPPER: Final = Path("/dev/mapper")
_CLEAN: Final = (0, 1)
_BUSY_S: Final = 10.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Sight:
    """How the volume looks at the machine; doubles in tests.

    Args:
        support: finds out what the machine has.
        facts: reads a device.
        monotonic: seconds.
    """

    support: Callable[[], LuksSupport] = detect_luks
    facts: Callable[[Path], DeviceFacts] = look
    monotonic: Callable[[], float] = time.monotonic


class LuksVolume:
    """Makes, opens, grows and closes the encrypted volume of one box.

    The volume is mounted where the embedded back end has its directory, so that databases and files
    stand at the same places with either.

    Args:
        layout: where the box keeps its state.
        record: which device, and how far its making got.
        tools: runs cryptsetup and its neighbours.
        erase: a person said that whatever is on the device may go.
        sight: how the machine is looked at.
    """

    name: Final = "luks"

    def __init__(
        self,
        layout: StateLayout,
        record: StorageRecord,
        tools: Tools,
        *,
        erase: bool = False,
        sight: Sight | None = None,
    ) -> None:
        self._layout = layout
        self._record = record
        self._tools = tools
        self._erase = erase
        self._sight = sight or Sight()

    @property
    def mapping(self) -> Path:
        """The readable block device, while the volume is open."""
        return _MAPPER / f"wardbox-{self._record.uuid}"

    def check(self) -> None:
        """Pass, or say what the machine lacks.

        Raises:
            VaultUnsupported: AES instructions, device-mapper or a program are missing.
        """
        judge_luks(self._sight.support())

    def prepare(self, key: bytes) -> None:
        """Format the device and make its file system; what an interrupted attempt left is made anew.

        The record says "formatting" before the first byte is written, and the header carries the
        record's identifier: a repeated call knows its own unfinished work from a foreign disk.

        Args:
            key: 32 bytes.

        Raises:
            VaultExists: the device holds a finished vault of this box.
            DeviceRefused: it holds something else, is in use or too small.
            MountFailed: cryptsetup or mke2fs refused.
        """
        if self._record.stage == "ready":
            raise VaultExists(path=self._record.device)
        self.unmount()
        device = Path(self._record.device)
        # Before this box began to write, no identifier on the disk can be its own.
        ours = self._record.uuid if self._record.stage == "formatting" else ""
        judge(self._sight.facts(device), erase=self._erase, ours=ours, least=LEAST_BYTES)
        self._keep("formatting")
        self.format(key)
        self._open(key)
        try:
            made = ("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "wardbox-vault")
            self._must(*made, str(self.mapping))
        finally:
            self._close()
        self._keep("ready")

    def format(self, key: bytes) -> None:
        """Write the LUKS header for this key and keep a copy of it beside the other keys."""
        with password_file(key) as file:
            identity = ("--uuid", self._record.uuid, "--key-file", file)
            self._must("cryptsetup", "luksFormat", *_FORMAT, *_KEY, *identity, self._record.device)
        self.copy_header()

    def mount(self, key: bytes) -> None:
        """Open the volume, check and grow its file system, mount it and make the folders of the box.

        Args:
            key: 32 bytes, as given to `prepare`.

        Raises:
            VaultUnsupported: the machine cannot do it.
            VaultDamaged: the device was never finished.
            ForeignDevice: the device is away, or another one.
            HeaderDamaged: its header is not what was written.
            MountFailed: it does not open, or its file system does not mount.
        """
        self.check()
        if self._record.stage != "ready":
            path = self._layout.storage_record
            raise VaultDamaged(path=path, reason="磁盘尚未建成 the device was never finished")
        self.unmount()
        self._open(key)
        place = self._layout.vault
        try:
            self._must("e2fsck", "-p", str(self.mapping), fine=_CLEAN)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._must("mount", "-t", "ext4", "-o", _OPTIONS, str(self.mapping), str(place))
            # A device that was made larger is used whole; nothing happens when it was not.
            self._must("resize2fs", str(self.mapping))
        except BaseException:
            self.unmount()
            raise
        place.chmod(0o700)
        for folder in (self._layout.files_mount, *map(self._layout.files_mount.joinpath, _FOLDERS)):
            folder.mkdir(mode=0o700, exist_ok=True)

    def unmount(self) -> None:
        """Unmount and close, whoever opened it; nothing open is fine.

        Raises:
            MountFailed: somebody holds files open; the volume closes by itself with the last of them.
        """
        place = self._layout.vault
        until = self._sight.monotonic() + _BUSY_S
        while is_mounted(place):
            code, said = self._tools.run(("umount", str(place)))
            if code != 0 and self._sight.monotonic() > until:
                self._tools.run(("umount", "--lazy", str(place)))
                self._tools.run(("cryptsetup", "close", "--deferred", self.mapping.name))
                raise MountFailed(reason=said, path=place)
            if code != 0:
                time.sleep(_POLL_S)
        self._close()

    def tell(self, slots: Sequence[Slot]) -> None:
        """Let the header tell which slots hold its key, and what it is sealed to."""
        draft = self._layout.luks_header.with_suffix(".token")
        luks_token.tell(self._tools, str(self._device()), slots, draft)

    def rekey(self, old: bytes, new: bytes) -> None:
        """Let another key open the volume; the old one stays until `forget`.

        Interrupted between the two, both open it and calling again is harmless.
        """
        with password_file(old) as file, password_file(new) as fresh:
            if self._opens_with(fresh):
                return
            fast = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--batch-mode")
            sizes = (*_KEY, "--new-keyfile-size", "64", "--key-file", file)
            self._must("cryptsetup", "luksAddKey", *fast, *sizes, str(self._device()), fresh)
        self.copy_header()

    def forget(self, old: bytes) -> None:
        """Take a key away; the last one is never taken."""
        with password_file(old) as file:
            if not self._opens_with(file):
                return
            # Without --batch-mode cryptsetup refuses to remove the last key unasked.
            self._must("cryptsetup", "luksRemoveKey", *_KEY, str(self._device()), file)
        self.copy_header()

    def grow(self, key: bytes) -> None:
        """Use the whole of a device that was made larger, while it is mounted."""
        with password_file(key) as file:
            self._must("cryptsetup", "resize", *_KEY, "--key-file", file, self.mapping.name)
        self._must("resize2fs", str(self.mapping))

    def erase(self) -> None:
        """Destroy every key slot and the copy of the header: nothing on the device can be read again."""
        self.unmount()
        if self._sight.facts(Path(self._record.device)).uuid == self._record.uuid:
            self._must("cryptsetup", "erase", "--batch-mode", self._record.device)
        self._layout.luks_header.unlink(missing_ok=True)
        self._keep("formatting")

    def copy_header(self) -> None:
        """Keep a copy of the header, which opens with nothing but the key that is wrapped here."""
        part = self._layout.luks_header.with_suffix(".part")
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        target = ("--header-backup-file", str(part))
        self._must("cryptsetup", "luksHeaderBackup", str(self._device()), *target)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(self._layout.luks_header)

    def restore_header(self) -> None:
        """Write the copy of the header back; what else is on the device is not touched.

        Raises:
            ForeignDevice: the copy belongs to another device, or the device is not there.
            MountFailed: the volume is open, or cryptsetup refused.
        """
        self._require_there(Path(self._record.device))
        copy = str(self._layout.luks_header)
        code, said = self._tools.run(("cryptsetup", "luksUUID", copy))
        if code != 0 or said != self._record.uuid:
            raise self._foreign("副本属于另一个磁盘", "the copy belongs to another disk")
        self.unmount()
        backup = ("--header-backup-file", copy, "--batch-mode")
        self._must("cryptsetup", "luksHeaderRestore", self._record.device, *backup)

    def _open(self, key: bytes) -> None:
        device = str(self._device())
        with password_file(key) as file:
            words = ("--type", "luks2", *_KEY, "--key-file", file)
            self._must("cryptsetup", "open", *words, device, self.mapping.name)

    def _close(self) -> None:
        if self.mapping.exists():
            self._must("cryptsetup", "close", self.mapping.name)

    def _opens_with(self, file: str) -> bool:
        words = ("--test-passphrase", *_KEY, "--key-file", file)
        return self._tools.run(("cryptsetup", "open", *words, str(self._device())))[0] == 0

    def _device(self) -> Path:
        """The device with this box's header, wherever it is plugged in by now."""
        found = Path("/dev/disk/by-uuid") / self._record.uuid
        device = found if found.exists() else Path(self._record.device)
        self._require_there(device)
        code, said = self._tools.run(("cryptsetup", "luksUUID", str(device)))
        if code != 0:
            raise HeaderDamaged(device=device, copy=self._layout.luks_header)
        if said != self._record.uuid:
            zh, en = f"{device} 是另一个磁盘({said})", f"{device} is another one ({said})"
            raise self._foreign(zh, en)
        return device

    def _require_there(self, device: Path) -> None:
        if not device.exists():
            raise self._foreign(f"{device} 不存在", f"{device} is not there")

    def _foreign(self, zh: str, en: str) -> ForeignDevice:
        return ForeignDevice(uuid=self._record.uuid, reason_zh=zh, reason_en=en)

    def _keep(self, stage: Stage) -> None:
        self._record = self._record.at(stage)
        write_record(self._layout, self._record)

    def _must(self, *argv: str, fine: tuple[int, ...] = (0,)) -> None:
        code, said = self._tools.run(argv)
        if code not in fine:
            raise MountFailed(reason=f"{argv[0]}: {said}", path=self._record.device)
