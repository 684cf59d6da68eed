"""Memory of keys: pages of their own, zeroed when given back, empty in a forked child."""

import ctypes
import gc
import mmap
import os
from pathlib import Path

from secure_compute.locked import Arena
from secure_compute.secret import Secret, scrub


def test_parts_do_not_overlap_and_come_back_zeroed():
    arena = Arena()
    blocks = [arena.take(size) for size in (1, 32, 64, 65, 200, 32, 4096, 5000)]
    for number, block in enumerate(blocks, 1):
        block.view[:] = bytes([number]) * len(block.view)
    for number, block in enumerate(blocks, 1):
        assert bytes(block.view) == bytes([number]) * len(block.view)
    pages = arena.use().pages
    for block in blocks[:6]:
        block.release()
        assert not any(block.view)
    again = [arena.take(size) for size in (1, 32, 64, 65, 200, 32)]
    assert arena.use().pages == pages
    assert not any(any(block.view) for block in again)


def test_pages_are_locked_undumpable_and_wiped_on_fork():
    secret = Secret.random()
    address = ctypes.addressof(ctypes.c_char.from_buffer(secret.view()))
    flags = _flags(address)
    # proc(5): locked, not dumped, wiped on fork.
    assert {"dd", "wf"} <= flags
    assert "lo" in flags or _no_locking()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if secret.reveal() == bytes(32) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert any(secret.reveal())


def test_what_the_collector_takes_is_wiped():
    secret = Secret(b"a planted key of 32 bytes, truly")
    view = secret.view()
    del secret
    gc.collect()
    assert bytes(view) == bytes(32)


def test_copies_are_overwritten():
    copy = Secret(b"another planted key, 32 bytes ok").reveal()
    held = memoryview(copy)
    scrub(copy)
    assert bytes(held) == bytes(32)
    buffer = bytearray(b"a third planted key of some size")
    scrub(buffer)
    assert not any(buffer)
    one, other = Secret(b"x" * 32), Secret(b"x" * 32)
    twin = one.copy()
    one.wipe()
    assert twin == other


def _flags(address: int) -> set[str]:
    here = False
    with Path("/proc/self/smaps").open(encoding="utf-8") as lines:
        for line in lines:
            head = line.split(" ", 1)[0]
            if "-" in head and not head.endswith(":"):
                low, high = (int(part, 16) for part in head.split("-"))
                here = low <= address < high
            elif here and line.startswith("VmFlags:"):
                return set(line.split()[1:])
    return set()


def _no_locking() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return bool(libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE)) != 0)
