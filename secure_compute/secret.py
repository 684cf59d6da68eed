"""Key bytes in memory: in pages that are locked, left out of dumps and of forks; wiped, never printed."""

import ctypes
import hmac
from pathlib import Path
from typing import Final, NoReturn, Self

from typing_extensions import override

from secure_compute.errors import KeyMalformed
from secure_compute.locked import ARENA, Block

_RANDOM: Final = Path("/dev/urandom")
_SHORTEST: Final = 16
"""Shorter byte strings are shared by the interpreter and never a key."""
_BYTES_HEAD: Final = bytes.__basicsize__ - 1


class Secret:
    """A holder of key bytes.

    They lie in `secure_compute.locked` and are overwritten by `wipe`, at the end of a `with` block, and
    when collected. Python and OpenSSL make copies that nobody can reach; `view` avoids most of them
    and `scrub` overwrites the rest that a caller still holds.
    """

    __slots__ = ("__weakref__", "_block")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._block: Block | None = ARENA.take(len(data)) if len(data) else None
        if self._block is not None:
            self._block.view[:] = data

    @classmethod
    def random(cls, size: int = 32) -> Self:
        """`size` bytes from the system's generator, which never lie anywhere else."""
        made = cls(bytes(size))
        if size:
            with _RANDOM.open("rb", buffering=0) as source:
                source.readinto(made.view())
        return made

    def view(self) -> memoryview:
        """The bytes themselves, for the call that needs them; keep it no longer than that call.

        Raises:
            KeyMalformed: The secret was wiped.
        """
        if self._block is None:
            raise KeyMalformed(reason="the secret was wiped")
        return self._block.view

    def reveal(self) -> bytes:
        """A copy of the bytes, for a call that takes nothing else; `scrub` it afterwards.

        Raises:
            KeyMalformed: The secret was wiped.
        """
        return bytes(self.view())

    def copy(self) -> "Secret":
        """A second holder of the same bytes, wiped on its own."""
        return Secret(self.view())

    def equals(self, other: "Secret") -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(b"" if self._block is None else self._block.view, other.view())

    def wipe(self) -> None:
        """Overwrite the bytes and forget them; harmless when repeated."""
        block, self._block = self._block, None
        if block is not None:
            block.release()

    def __len__(self) -> int:
        return 0 if self._block is None else len(self._block.view)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def __del__(self) -> None:
        # A constructor that was refused leaves nothing to wipe.
        if getattr(self, "_block", None) is not None:
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


def scrub(data: bytes | bytearray) -> None:
    """Overwrite a copy of key bytes that a library handed out and nobody else holds.

    Byte strings cannot be changed by the language; this reaches into CPython's object, whose bytes
    stand at its end.
    """
    if len(data) >= _SHORTEST:
        if isinstance(data, bytearray):
            data[:] = bytes(len(data))
        else:
            ctypes.memset(id(data) + _BYTES_HEAD, 0, len(data))
