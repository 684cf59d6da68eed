"""What of a witness's stick a person's own machine reads and writes; nothing there is ever replaced."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.contract.outside import NOTE_BYTES, BroughtNote, OfferView

FOLDER: Final = "wardbox-witness"
_COSIGNED: Final = re.compile(r"cosigned-[0-9a-z.-]{1,100}\.txt", re.ASCII)
_MOST_FILES: Final = 10_000


class StickRefused(Exception):
    """A stick that cannot be read or written; a sentence in each language."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh}。 {en}.")
        self.zh = zh
        self.en = en


def lay_offers(stick: Path, offers: Iterable[OfferView]) -> list[Path]:
    """Write offers onto a stick, each under a name of its own; one that is there already is kept.

    Raises:
        StickRefused: the stick is missing, full or read-only; no half file stays.
    """
    if not stick.is_dir():
        raise StickRefused(f"没有目录 {stick}", f"There is no folder {stick}")
    laid = []
    for one in offers:
        path = stick / one.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _kept(path, one.text.encode()):
                _write(path, one.text.encode())
        except OSError as error:
            told = error.strerror or type(error).__name__
            raise StickRefused(
                f"写不了 {path}({told}):U 盘已满或只读",
                f"{path} cannot be written ({told}): the stick is full or read-only",
            ) from None
        laid.append(path)
    return laid


def read_cosigned(stick: Path) -> list[BroughtNote]:
    """Every cosigned checkpoint on a stick, of whichever box.

    Raises:
        StickRefused: the stick cannot be read, or nothing that witnesses write lies on it.
    """
    try:
        folders = sorted(path for path in (stick / FOLDER).iterdir() if path.is_dir())
        paths = [
            path
            for folder in folders
            for path in sorted(folder.iterdir())
            if _COSIGNED.fullmatch(path.name) and path.is_file() and not path.is_symlink()
        ]
        if len(paths) > _MOST_FILES:
            raise StickRefused("文件过多", "There are too many files")
        found = [_read(path) for path in paths]
    except OSError as error:
        told = error.strerror or type(error).__name__
        raise StickRefused(
            f"读不到 {stick / FOLDER}({told})", f"{stick / FOLDER} cannot be read ({told})"
        ) from None
    if not found:
        raise StickRefused(
            f"{stick} 上没有见证签名", f"Nothing that a witness cosigned lies on {stick}"
        )
    return found


def _read(path: Path) -> BroughtNote:
    with path.open("rb") as stream:
        data = stream.read(NOTE_BYTES + 1)
    text = data.decode("utf-8", "replace")[:NOTE_BYTES]
    return BroughtNote(name=path.name[:200], note=text)


def _kept(path: Path, data: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        same = stream.read(len(data) + 1) == data
    if not same:
        raise FileExistsError(0, "已有另一份文件 another file is there")
    return True


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        path.unlink()
        raise
