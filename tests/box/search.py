"""Looks for planted bytes: in files, on a raw disk, in the memory of processes."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from appliance.settings.layout import StateLayout
from appliance.vault.backoff import Backoff, Uptime
from appliance.vault.keyfile import read_keyring, read_sealed_root
from appliance.vault.offer import Offer
from appliance.vault.slots import Slots
from secure_compute.keyring import Keyring
from secure_compute.sealed_root import Argon2Cost

Needles = Mapping[str, bytes]
_CHUNK = 1 << 24
_NOTHING = bytes(_CHUNK)


def keys_of(state: Path, recovery: str, scratch: Path) -> dict[str, bytes]:
    """The root key and every key under it, as somebody who holds the recovery key works them out."""
    layout = StateLayout(state)
    slots = Slots(Backoff(scratch / "failures", Uptime.of_machine()), Argon2Cost())
    root, _ = slots.opened_by(read_sealed_root(layout), Offer(recovery))
    ring = Keyring(root)
    found = {"root": root.reveal()}
    for key in read_keyring(layout).keys:
        with ring.unwrap(key.wrapped) as secret:
            if len(secret.reveal()) >= 32:
                found[f"{key.wrapped.use}/{key.wrapped.version}"] = secret.reveal()
    return found


def forms(needles: Needles) -> dict[str, tuple[bytes, ...]]:
    """Each needle as it is, as JSON escapes it, and in hexadecimal digits."""
    return {name: tuple({raw, raw.hex().encode(), _escaped(raw)}) for name, raw in needles.items()}


def _escaped(raw: bytes) -> bytes:
    try:
        return raw.decode().encode("ascii", "backslashreplace")
    except UnicodeDecodeError:
        return raw


def in_file(path: Path, needles: Needles) -> set[str]:
    """The needles that lie in a file or a device."""
    wanted = forms(needles)
    overlap = max(len(form) for each in wanted.values() for form in each)
    found: set[str] = set()
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK):
            if chunk == _NOTHING:
                tail = b""  # most of a disk was never written
                continue
            held = tail + chunk
            found |= _in(held, wanted)
            tail = held[-overlap:]
    return found


def in_tree(root: Path, needles: Needles, leave: Iterable[Path] = ()) -> dict[str, set[str]]:
    """Files below a directory that hold a needle, or are named by one."""
    left = set(leave)
    found: dict[str, set[str]] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) not in left]
        for name in [*names, *folders]:
            path = Path(folder, name)
            held = _in(os.fsencode(name), forms(needles))
            if path.is_file() and not path.is_symlink():
                held |= in_file(path, needles)
            if held:
                found[str(path.relative_to(root))] = held
    return found


def in_memory(pid: int, needles: Needles) -> dict[str, list[str]]:
    """Where a needle lies in the writable memory of a process; swapped pages are read back by this."""
    wanted = forms(needles)
    found: dict[str, list[str]] = {}
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, flags, *rest = line.split(maxsplit=5)
            low, high = (int(part, 16) for part in span.split("-"))
            if not flags.startswith("rw"):
                continue
            try:
                held = os.pread(memory.fileno(), high - low, low)
            except OSError:
                continue
            for name in _in(held, wanted):
                found.setdefault(name, []).append(rest[-1] if len(rest) == 4 else "anonymous")
    return found


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    below = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(word) for path in below for word in path.read_text().split()]
    return [pid, *(one for child in children for one in family(child))]


def _in(held: bytes, wanted: Mapping[str, tuple[bytes, ...]]) -> set[str]:
    return {name for name, each in wanted.items() if any(form in held for form in each)}
