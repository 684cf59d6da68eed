"""Key bytes in memory: kept out of swap where the system allows, wiped, never printed."""

import ctypes
import hmac
import os
from collections.abc import Callable
from typing import Final, NoReturn, Self

from typing_extensions import override

from secure_compute.errors import KeyMalformed


class Secret:
    """A mutable holder of key bytes.

    Locked into memory (mlock) where the limit allows, overwritten by `wipe`, at the end of a `with`
    block, and when collected. Python and OpenSSL make copies that nobody can reach; this narrows
    the window, it does not close it.
    """

    __slots__ = ("__weakref__", "_data")

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = bytearray(data)
        _page_call(_LOCK, self._data)

    @classmethod
    def random(cls, size: int = 32) -> Self:
        """`size` bytes from the system's generator."""
        return cls(os.urandom(size))

    def reveal(self) -> bytes:
        """A copy of the bytes, for the call that needs them; keep it no longer than that call.

        Raises:
            KeyMalformed: The secret was wiped.
        """
        if not self._data:
            raise KeyMalformed(reason="the secret was wiped")
        return bytes(self._data)

    def equals(self, other: "Secret") -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self._data, other.reveal())

    def wipe(self) -> None:
        """Overwrite the bytes and forget them; harmless when repeated."""
        data = self._data
        if data:
            ctypes.memset((ctypes.c_char * len(data)).from_buffer(data), 0, len(data))
            _page_call(_UNLOCK, data)
            self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def __del__(self) -> None:
        self.wipe()

    @override
    def __repr__(self) -> str:
        return "Secret(...)"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never copied or serialised")

    __hash__ = None  # type: ignore[assignment]

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.equals(other)


def _libc_call(name: str) -> Callable[[ctypes.c_void_p, ctypes.c_size_t], int] | None:
    try:
        function = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    function.restype = ctypes.c_int
    call: Callable[[ctypes.c_void_p, ctypes.c_size_t], int] = function
    return call


_LOCK: Final = _libc_call("mlock")
_UNLOCK: Final = _libc_call("munlock")


def _page_call(
    call: Callable[[ctypes.c_void_p, ctypes.c_size_t], int] | None, data: bytearray
) -> None:
    # A refusal (RLIMIT_MEMLOCK) is not an error: the secret is then merely swappable.
    if call is not None and data:
        anchor = (ctypes.c_char * len(data)).from_buffer(data)
        call(ctypes.c_void_p(ctypes.addressof(anchor)), ctypes.c_size_t(len(data)))
