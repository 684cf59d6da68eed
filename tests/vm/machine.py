"""The machine: QEMU with UEFI firmware and an emulated TPM, one boot after another on the same disks."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.vm.agent import Agent
from tests.vm.monitor import Monitor
from tests.vm.places import Places

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.ms.fd")
ENROLLED = Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")
"""Variables of a machine as it is sold: Microsoft's keys, Secure Boot on."""
BLANK = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
"""Variables with no key at all: Secure Boot is off."""
MEMORY_MIB = 4096
BOOT_S = 600.0
_OFF_S = 120.0
_SOCKET = "agent.sock"


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot differs in.

    Args:
        variables: name of the store of UEFI variables.
        disks: further disks after the system's, by name, in the order of /dev/vdb, vdc, ...
        medium: the read-only software medium, after the disks.
        stick: a vendor's read-only stick with releases, always the last one.
        kvm: whether the processor's own virtualisation is used.
    """

    variables: str
    disks: tuple[str, ...]
    medium: Path | None = None
    kvm: bool = False
    stick: Path | None = None


def make_disk(path: Path, size: str, base: Path | None = None) -> None:
    """A new disk; blank, or on top of an image that stays as it is."""
    path.unlink(missing_ok=True)
    back = () if base is None else ("-b", str(base), "-F", "qcow2")
    subprocess.run(("qemu-img", "create", "-q", "-f", "qcow2", *back, str(path), size), check=True)


def make_variables(places: Places, name: str, source: Path) -> None:
    """A store of UEFI variables of the machine's own."""
    shutil.copyfile(source, places.variables(name))


@contextmanager
def booted(places: Places, boot: Boot) -> Iterator[Agent]:
    """The machine while the block lasts; it is shut down in good order, or killed after a while."""
    places.tpm.mkdir(parents=True, exist_ok=True)
    chip = _start_tpm(places)
    machine = None
    try:
        machine = _start(places, argv(places, boot))
        line, monitor = places.run / _SOCKET, Monitor(places.monitor)
        agent = Agent(line, lambda: machine.poll() is None, monitor)
        yield agent
        with suppress(OSError, ValueError):
            agent.power_off()
        with suppress(subprocess.TimeoutExpired):
            machine.wait(_OFF_S)
    finally:
        for process in (machine, chip):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def argv(places: Places, boot: Boot) -> tuple[str, ...]:
    """The emulator's arguments for one boot."""
    disks: list[str] = []
    for name in ("system", *boot.disks):
        place = f"file={places.disk(name)},if=virtio,format=qcow2,cache=unsafe,discard=unmap"
        disks += ["-drive", place]
    for image in (boot.medium, boot.stick):
        if image is not None:
            disks += ["-drive", f"file={image},if=virtio,format=raw,readonly=on"]
    engine = "kvm" if boot.kvm else "tcg,thread=multi,tb-size=1024"
    code = f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}"
    store = f"if=pflash,format=raw,unit=1,file={places.variables(boot.variables)}"
    return (
        "qemu-system-x86_64", "-name", "wardbox-test", "-machine", "q35,smm=on", "-accel", engine,
        "-cpu", "host" if boot.kvm else "max,la57=off", "-smp", "2", "-m", str(MEMORY_MIB),
        "-global", "driver=cfi.pflash01,property=secure,value=on",
        "-drive", code, "-drive", store, *disks,
        "-chardev", f"socket,id=chip,path={places.run / 'tpm.sock'}",
        "-tpmdev", "emulator,id=tpm0,chardev=chip", "-device", "tpm-crb,tpmdev=tpm0",
        "-chardev", f"socket,id=agent,path={places.run / _SOCKET},server=on,wait=off",
        "-device", "virtio-serial", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        "-object", "rng-random,id=noise,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=noise",
        "-qmp", f"unix:{places.monitor},server=on,wait=off",
        "-chardev", f"file,id=console,path={places.console},append=on", "-serial", "chardev:console",
        # No network: what is installed is installed without one.
        "-nic", "none", "-display", "none", "-no-reboot",
    )  # fmt: skip


def _start(places: Places, words: Sequence[str]) -> subprocess.Popen[bytes]:
    for door in (places.run / _SOCKET, places.monitor):
        door.unlink(missing_ok=True)
    with (places.run / "emulator.log").open("ab") as log:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _start_tpm(places: Places) -> subprocess.Popen[bytes]:
    door = places.run / "tpm.sock"
    door.unlink(missing_ok=True)
    state, control = f"dir={places.tpm.absolute()}", f"type=unixio,path={door}"
    with (places.run / "tpm.log").open("ab") as log:
        process = subprocess.Popen(
            (
                "swtpm", "socket", "--tpm2", "--terminate", "--tpmstate", state, "--ctrl", control,
                "--flags", "startup-clear",
            ),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    for _ in range(100):
        if door.exists():
            break
        time.sleep(0.05)
    return process
