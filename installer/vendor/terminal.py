"""What the vendor's commands share: the time, passphrases, and lines that obey no terminal."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from installer.vendor.errors import VendorArgumentRefused, VendorPassphraseMissing

_MAX_PASSPHRASE = 4096


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add `--dir`."""
    parser.add_argument(
        "--dir", type=Path, default=Path(), dest="directory", help="供应商目录 vendor's folder"
    )


def add_time(parser: argparse.ArgumentParser) -> None:
    """Add `--time`."""
    parser.add_argument("--time", help="以此时刻为准 the time to use, e.g. 2026-11-21T08:00:00Z")


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """Add `--passphrase-file`."""
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        help="口令文件,首行;或按密钥名分文件的目录 its first line, or a folder with a file for each key",
    )


def moment(args: argparse.Namespace) -> datetime:
    """The time to use, in whole seconds."""
    if args.time is None:
        return datetime.fromtimestamp(int(time.time()), UTC)
    try:
        return datetime.strptime(args.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise VendorArgumentRefused(
            name="--time", reason_zh="格式不对", reason_en="write it as 2026-11-21T08:00:00Z"
        ) from error


def passphrases(args: argparse.Namespace, *, twice: bool = False) -> Callable[[str], str]:
    """Passphrases from a folder (a file named like each key), a file or a pipe (one for all keys).

    Without any of these they are asked for at the terminal, key by key.
    """
    place: Path | None = args.passphrase_file
    if place is not None and place.is_dir():
        return lambda name: _first_line(place / name)
    if place is not None:
        text = _first_line(place)
        return lambda _: text
    if not sys.stdin.isatty():
        given = _text(sys.stdin.buffer.readline(_MAX_PASSPHRASE).rstrip(b"\r\n"))
        return lambda _: given
    return lambda name: _ask(name, twice=twice)


def say(text: str) -> None:
    """Print."""
    sys.stdout.write(f"{text}\n")


def plain(text: str) -> str:
    """Text from a bundle without what a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


def _first_line(path: Path) -> str:
    from installer.vendor.files import read_bounded  # noqa: PLC0415

    return _text(read_bounded(path, _MAX_PASSPHRASE).split(b"\n")[0].rstrip(b"\r"))


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise VendorPassphraseMissing(
            reason_zh="不是 UTF-8 文本", reason_en="it is no UTF-8 text"
        ) from error
    if not text:
        raise VendorPassphraseMissing(reason_zh="首行为空", reason_en="the first line is empty")
    return text


def _ask(name: str, *, twice: bool) -> str:
    import getpass  # noqa: PLC0415  # only with a terminal

    given = getpass.getpass(f"{name} 的口令 passphrase of {name}: ")
    if twice and getpass.getpass("再次输入 again: ") != given:
        raise VendorPassphraseMissing(reason_zh="两次输入不同", reason_en="the two differ")
    return given
