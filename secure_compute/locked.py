"""Memory for keys: pages of their own, locked, kept out of core dumps and out of forked children."""

import ctypes
import mmap
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

PAGE: Final = mmap.PAGESIZE
_CELL: Final = 64
_CELLS: Final = PAGE // _CELL
# madvise(2); Python 3.11 names them only where its own headers did.
_DONTDUMP: Final = 16
_WIPEONFORK: Final = 18


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """How keys lie in this process's memory.

    Args:
        pages: pages taken for keys.
        unlocked: how many of them the system refused to lock (RLIMIT_MEMLOCK); they may be swapped.
    """

    pages: int
    unlocked: int


class _Page:
    """Pages for keys; `taken` has a bit for each cell of 64 bytes."""

    __slots__ = ("memory", "taken", "view")

    def __init__(self, size: int) -> None:
        self.memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.view = memoryview(self.memory)
        self.taken = 0
        for advice in (_DONTDUMP, _WIPEONFORK):
            try:
                self.memory.madvise(advice)
            except OSError:
                # An old kernel: the process as a whole is made undumpable besides.
                continue

    def lock(self) -> bool:
        anchor = ctypes.c_char.from_buffer(self.memory)
        try:
            return _mlock(ctypes.addressof(anchor), len(self.memory))
        finally:
            del anchor


class Block:
    """A part of a page that one secret owns."""

    __slots__ = ("_arena", "_bits", "_page", "view")

    def __init__(self, arena: "Arena", page: _Page, bits: int, view: memoryview) -> None:
        self._arena = arena
        self._page = page
        self._bits = bits
        self.view = view

    def release(self) -> None:
        """Overwrite it and give it back."""
        self.view[:] = bytes(len(self.view))
        self._arena.give_back(self._page, self._bits)


class Arena:
    """Hands out parts of locked pages; safe from any thread, and from a collector's `__del__`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pages: list[_Page] = []
        # A collector may run in the middle of `take`: what it gives back waits here.
        self._back: deque[tuple[_Page, int]] = deque()
        self._counted = 0
        self._unlocked = 0

    def take(self, size: int) -> Block:
        """A zeroed part of at least one byte."""
        cells = -(-size // _CELL)
        with self._lock:
            self._collect()
            if cells > _CELLS:
                page = self._new_page(-(-size // PAGE) * PAGE, shared=False)
                return Block(self, page, 0, page.view[:size])
            run = (1 << cells) - 1
            for page in self._pages:
                for at in range(_CELLS - cells + 1):
                    if not page.taken & (run << at):
                        return self._cut(page, at, run, size)
            return self._cut(self._new_page(PAGE, shared=True), 0, run, size)

    def give_back(self, page: _Page, bits: int) -> None:
        """Take a part back; its owner has overwritten it."""
        self._back.append((page, bits))

    def use(self) -> MemoryUse:
        """How much is taken, and whether all of it is locked."""
        return MemoryUse(self._counted, self._unlocked)

    def _cut(self, page: _Page, at: int, run: int, size: int) -> Block:
        page.taken |= run << at
        return Block(self, page, run << at, page.view[at * _CELL : at * _CELL + size])

    def _collect(self) -> None:
        while self._back:
            page, bits = self._back.popleft()
            page.taken &= ~bits

    def _new_page(self, size: int, *, shared: bool) -> _Page:
        page = _Page(size)
        if shared:
            self._pages.append(page)
        self._counted += size // PAGE
        # A refusal (RLIMIT_MEMLOCK) is not an error: posture and `wardbox vault keys` tell it.
        if not page.lock():
            self._unlocked += size // PAGE
        return page


def _mlock(address: int, size: int) -> bool:
    try:
        call = ctypes.CDLL(None, use_errno=True).mlock
    except (OSError, AttributeError):
        return False
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    call.restype = ctypes.c_int
    return bool(call(address, size) == 0)


ARENA: Final = Arena()
"""The one arena of a process: locks do not nest, so pages must have one owner."""
