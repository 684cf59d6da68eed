"""Key files on sticks: where they may lie, and reading one of them."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

MARK: Final = b"wardbox-key-file/"
STICKS: Final = ("/run/media/*/*", "/media/*/*", "/media/*", "/mnt/*", "/mnt")
_LONGEST: Final = 4096
_MOST: Final = 200


class FileUnusable(Exception):
    """A file that cannot be read or is no key file; the sentence says why."""


def key_files(patterns: Iterable[str] = STICKS) -> tuple[Path, ...]:
    """Key files at the top of mounted sticks; takes a moment, in a thread."""
    return tuple(dict.fromkeys(islice(_found(patterns), 8)))


def _found(patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        for folder in islice(sorted(Path("/").glob(pattern.lstrip("/"))), _MOST):
            try:
                names = list(islice(folder.iterdir(), _MOST)) if folder.is_dir() else []
                yield from (path for path in names if _is_key_file(path))
            except OSError:
                continue


def _is_key_file(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST:
            return False
        return path.read_bytes().startswith(MARK)
    except OSError:
        return False


def read_key_file(path: Path) -> str:
    """The content of a key file; `~` is this person's own folder.

    Raises:
        FileUnusable: it is not there, cannot be read, or is something else.
    """
    try:
        path = path.expanduser()
        if not path.is_file():
            raise FileUnusable(f"{path}: 不是文件 it is not a file")
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from error
    except RuntimeError as error:
        raise FileUnusable(f"{path}: 没有这个用户 there is no such person") from error
    if len(content) > _LONGEST or not content.startswith(MARK):
        raise FileUnusable(f"{path}: 不是密钥文件 it is no key file of a box")
    return content.decode("utf-8", "replace")


async def write_key_file(path: str, content: str) -> None:
    """Write a new file, readable by its owner alone; none is ever replaced.

    Raises:
        FileUnusable: there is one already, or the folder cannot be written.
    """
    await asyncio.to_thread(_write_new, path, content)


def _write_new(path: str, content: str) -> None:
    if not path or "\0" in path:
        raise FileUnusable("没有给出文件名 no file was named")
    try:
        place = Path(path).expanduser()
        held = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(held, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from error
    except RuntimeError as error:
        raise FileUnusable(f"{path}: 没有这个用户 there is no such person") from error
