"""Reading an audit export that nobody trusts: bounded files and lines, sentences for errors."""

from __future__ import annotations

import base64
import json
import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINE, MAX_FILE, MAX_PARTS = 1 << 20, 1 << 26, 1 << 23
BLOCK = 1 << 18
HASH_SIZE = 32


class Refused(Exception):
    """Something is wrong with the export; a sentence in Chinese and one in English."""

    status = 1

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh}。\n{en}.")


class Unreadable(Refused):
    """Something cannot be read, so nothing can be said about it."""

    status = 2


def unreadable(name: str) -> Unreadable:
    """The refusal for a file that is missing or cannot be read."""
    return Unreadable(f"读不到文件 {name}", f"The file {name} cannot be read")


def open_part(folder: Path, name: str) -> io.FileIO:
    """Open a regular file of the export; links are none."""
    path = folder.joinpath(*name.split("/"))
    try:
        if stat.S_ISREG(os.lstat(path).st_mode):
            return path.open("rb", buffering=0)
    except (OSError, ValueError):
        pass
    raise unreadable(name)


def read_part(folder: Path, name: str, most: int = MAX_FILE) -> bytes:
    """A whole file of the export."""
    data = bytearray()
    with open_part(folder, name) as stream:
        for block in blocks(stream, name):
            data += block
            if len(data) > most:
                raise Refused(f"文件 {name} 过大", f"The file {name} is too large")
    return bytes(data)


def blocks(stream: io.FileIO, name: str, size: int = BLOCK) -> Iterator[bytes]:
    """The bytes of a file, block by block."""
    while True:
        try:
            block = stream.read(size)
        except OSError:
            raise unreadable(name) from None
        if not block:
            return
        yield block


def lines_of(folder: Path, name: str, longest: int = MAX_LINE) -> Iterator[list[bytes]]:
    """The lines of a file without their newlines, as many at a time as a block holds."""
    number, rest = 0, b""
    with open_part(folder, name) as stream:
        for block in blocks(stream, name):
            found = (rest + block).split(b"\n")
            rest = found.pop()
            # What begins and ends within one block is no longer than the block.
            begun = found[:1] if longest >= BLOCK else found
            if len(rest) > longest or max(map(len, begun), default=0) > longest:
                at = next((n for n, line in enumerate(found) if len(line) > longest), len(found))
                raise Refused(
                    f"{name} 第 {number + at + 1} 行过长",
                    f"Line {number + at + 1} of {name} is too long to be an entry",
                )
            number += len(found)
            if found:
                yield found
    if rest:
        raise Refused(
            f"{name} 在第 {number + 1} 行被截断", f"{name} is cut off in line {number + 1}"
        )


def parse_json(data: bytes, name: str) -> Any:
    """JSON, or a refusal that names where it stands."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(f"{name} 不是合法的 JSON", f"{name} is not valid JSON") from None


def from_base64(text: Any) -> bytes:
    """The bytes of canonical base64; empty for anything else."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, AttributeError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""


class Head(NamedTuple):
    """A verified checkpoint: how many entries, and the root over them."""

    size: int
    root: bytes
