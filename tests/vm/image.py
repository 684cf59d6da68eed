"""The machine's system disk: Debian with a signed boot chain, made without mounting anything."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from tests.vm.places import HOUSE, Places

PACKAGES = (
    # The boot chain that Secure Boot checks, link by link.
    "linux-image-cloud-amd64", "shim-signed", "grub-efi-amd64-signed",
    "systemd-sysv", "udev", "dbus", "initramfs-tools", "kmod",
    # How the test speaks to the machine: no network is attached to it.
    "qemu-guest-agent",
    # What the box itself needs.
    "python3", "python3-venv", "fuse3", "gocryptfs", "cryptsetup-bin", "dmsetup", "e2fsprogs", "tar",
    "util-linux", "mount", "libgomp1", "libstdc++6", "procps",
    "libtss2-esys-3.0.2-0", "libtss2-tctildr0", "libtss2-tcti-device0", "libtss2-mu0", "libtss2-fapi1", "libtss2-rc0",
    # What changes a register of the TPM, as an intruder would.
    "tpm2-tools",
)  # fmt: skip
SUITE = "bookworm"
LABEL = "wardbox-root"
ESP_MIB = 64
ROOT_MIB = 10_240
_MIB = 1 << 20
_GRUB = f"""\
set timeout=0
search --no-floppy --label {LABEL} --set=root
linux /vmlinuz root=LABEL={LABEL} ro console=ttyS0 quiet panic=10 mitigations=off
initrd /initrd.img
boot
"""
_FILES = {
    "etc/hostname": "wardbox\n",
    "etc/hosts": "127.0.0.1 localhost wardbox\n::1 localhost\n",
    "etc/fstab": (
        f"LABEL={LABEL} / ext4 defaults 0 1\n"
        "LABEL=wardbox-medium /media/wardbox ext4 ro,nofail,x-systemd.device-timeout=300s 0 0\n"
    ),
    # Extends PCR 7 early in each boot while its flag lies there, as a changed boot chain would.
    "etc/systemd/system/changed-firmware.service": (
        "[Unit]\nDescription=A changed boot chain, as the TPM sees it\nDefaultDependencies=no\n"
        "ConditionPathExists=/etc/changed-firmware\nBefore=basic.target\nAfter=systemd-udevd.service\n"
        "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        f"ExecStart=/usr/bin/tpm2_pcrextend 7:sha256={hashlib.sha256(b'changed').hexdigest()}\n"
        "[Install]\nWantedBy=sysinit.target\n"
    ),
}
_ENABLED = "changed-firmware.service qemu-guest-agent.service"
_MASKED = (
    "e2scrub_reap.service fstrim.timer apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer"
    " systemd-networkd-wait-online.service e2scrub_all.timer"
)
_INITRAMFS = {
    "etc/initramfs-tools/conf.d/small": "MODULES=list\nCOMPRESS=gzip\n",
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n",
}


def base_image(places: Places) -> Path:
    """The cached disk image, built where there is none (about three minutes).

    Raises:
        subprocess.CalledProcessError: a program failed; `image.log` beside the image says why.
    """
    path = places.cache / f"debian-{_recipe()}.qcow2"
    if path.exists():
        return path
    work = places.cache / "building"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log = places.cache / "image.log"
    tree = work / "root"
    version = work / "python"
    _bootstrap(work, tree, version, log)
    raw = work / "disk.raw"
    _assemble(tree, raw, log)
    part = path.with_suffix(".part")
    _run(("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(part)), log)
    version.replace(python_of(path))
    part.replace(path)
    shutil.rmtree(work, ignore_errors=True)
    return path


def python_of(image: Path) -> Path:
    """The file that tells which Python, in its own words, the image has."""
    return image.with_suffix(".python")


def _recipe() -> str:
    told = (
        PACKAGES,
        SUITE,
        ESP_MIB,
        ROOT_MIB,
        _GRUB,
        _FILES,
        _INITRAMFS,
        _ENABLED,
        _MASKED,
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def _bootstrap(work: Path, tree: Path, version: Path, log: Path) -> None:
    early, late = work / "early", work / "late"
    for folder, files in ((early, _INITRAMFS), (late, _FILES)):
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
    slim = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
    _run(
        (
            # Killed half-way, it would leave this computer's own /dev and /proc bound into the tree.
            "unshare", "--mount", "--pid", "--fork", "--kill-child",
            "mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory",
            f"--include={','.join(PACKAGES)}", *slim, "--aptopt=Acquire::Languages none",
            f"--essential-hook=copy-in {early}/etc/initramfs-tools /etc",
            f"--customize-hook=copy-in {late}/etc /",
            f'--customize-hook=chroot "$1" systemctl enable {_ENABLED}',
            f'--customize-hook=chroot "$1" systemctl mask {_MASKED}',
            '--customize-hook=mkdir -p "$1/media/wardbox"',
            f'--customize-hook=chroot "$1" python3 -c "import sys; print(sys.version)" > {version}',
            # From where mmdebstrap takes a release of Debian by itself.
            SUITE, str(tree),
        ),
        log,
    )  # fmt: skip


def _assemble(tree: Path, raw: Path, log: Path) -> None:
    """One GPT disk: a boot partition with shim and grub, and the root file system."""
    esp, root = _MIB, (1 + ESP_MIB) * _MIB
    size = root + ROOT_MIB * _MIB + _MIB
    with raw.open("wb") as stream:
        stream.truncate(size)
    table = (
        "label: gpt\n"
        f"start={esp // 512}, size={ESP_MIB * _MIB // 512}, type=U\n"
        f"start={root // 512}, size={ROOT_MIB * _MIB // 512}, type=L\n"
    )
    _run(("/usr/sbin/sfdisk", "-q", str(raw)), log, table)
    mke2fs = ("/usr/sbin/mke2fs", "-q", "-t", "ext4", "-L", LABEL, "-d", str(tree))
    _run((*mke2fs, "-E", f"offset={root}", str(raw), f"{ROOT_MIB}M"), log)
    place = f"{raw}@@{esp}"
    _run(("mformat", "-i", place, "-F", "-v", "BOOT", "-T", str(ESP_MIB * _MIB // 512), "::"), log)
    _run(("mmd", "-i", place, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"), log)
    signed = {
        "usr/lib/shim/shimx64.efi.signed": "EFI/BOOT/BOOTX64.EFI",
        "usr/lib/shim/mmx64.efi.signed": "EFI/BOOT/mmx64.efi",
        "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": "EFI/BOOT/grubx64.efi",
    }
    for source, target in signed.items():
        _run(("mcopy", "-i", place, str(tree / source), f"::/{target}"), log)
    config = raw.with_name("grub.cfg")
    config.write_text(_GRUB)
    for folder in ("debian", "BOOT"):
        _run(("mcopy", "-i", place, str(config), f"::/EFI/{folder}/grub.cfg"), log)


def _run(argv: tuple[str, ...], log: Path, given: str | None = None) -> None:
    with log.open("a") as stream:
        stream.write(f"$ {' '.join(argv)}\n")
        stream.flush()
        subprocess.run(
            ("nice", "-n", "19", *argv),
            check=True, text=True, input=given, stdout=stream, stderr=subprocess.STDOUT, cwd=HOUSE,
        )  # fmt: skip
