"""Where secrets come from: the terminal, standard input or a descriptor; never arguments."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.errors import ArgumentRefused

if TYPE_CHECKING:
    from appliance.contract.access import Unlock

_MAX_FILE: Final = 4096
_MAX_TYPED: Final = 1024
_MAX_SHARES: Final = 16


class SecretSource:
    """Gives one secret after the other, a line for each where nobody sits at a terminal.

    Args:
        descriptor: an open descriptor to read from; standard input or the terminal when None.

    Raises:
        ArgumentRefused: the descriptor is not open.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        try:
            if descriptor is not None:
                os.fstat(descriptor)
        except OSError as error:
            raise ArgumentRefused(field="--fd", reason=error.strerror) from error
        except OverflowError:
            raise ArgumentRefused(field="--fd", reason="没有这样的描述符 there is none") from None

    @property
    def typed(self) -> bool:
        """Whether a person sits at a terminal."""
        return self._descriptor is None and sys.stdin.isatty()

    def ask(self, prompt: str) -> str:
        """The next secret; empty at the end of the input.

        Raises:
            ArgumentRefused: it is no text, too long, or cannot be read; it is never shown.
        """
        try:
            return _judged(self._read(prompt))
        except UnicodeError:
            # What went wrong would quote what was typed.
            reason = "不是 UTF-8 文字 it is not UTF-8 text"
            raise ArgumentRefused(field="secret", reason=reason) from None

    def _read(self, prompt: str) -> str:
        if self.typed:
            import getpass  # noqa: PLC0415  # only with a terminal

            return getpass.getpass(prompt)
        if self._descriptor is not None:
            return _line(self._descriptor)
        return sys.stdin.readline(_MAX_FILE).rstrip("\r\n")

    def ask_new(self, prompt: str) -> str:
        """A new secret; asked twice of a person, who cannot see what is typed.

        Raises:
            ArgumentRefused: the two differ.
        """
        chosen = self.ask(prompt)
        if self.typed and self.ask("再输一次 once more: ") != chosen:
            raise ArgumentRefused(field="passphrase", reason="两次输入不同 the two differ")
        return chosen


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is presented and where secrets are read."""
    parser.add_argument(
        "--fd", type=int, metavar="N", help="从文件描述符读取密文 read secrets from descriptor N"
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="用密钥文件和它的口令 a key file, with its words",
    )
    parser.add_argument(
        "--shares", type=int, metavar="K", help="用 K 份密钥份额 K shares, asked one by one"
    )


def presented(args: argparse.Namespace, source: SecretSource, what: str) -> "Unlock | None":
    """What the caller presents; None when nothing was typed.

    Raises:
        ArgumentRefused: the key file cannot be read, or what was typed cannot be a secret.
    """
    from appliance.contract.access import Unlock  # noqa: PLC0415  # keeps --help light

    if args.shares is not None:
        if not 0 < args.shares <= _MAX_SHARES:
            reason = f"须在 1 到 {_MAX_SHARES} 之间 it lies between 1 and {_MAX_SHARES}"
            raise ArgumentRefused(field="--shares", reason=reason)
        texts = [source.ask(f"第 {n} 份 share {n}: ") for n in range(1, args.shares + 1)]
        return Unlock(shares=tuple(texts)) if all(texts) and texts else None
    if args.key_file is not None:
        content = _read(args.key_file)
        words = source.ask("密钥文件的口令 passphrase of the key file: ")
        return Unlock(secret=words, key_file=content) if words else None
    secret = source.ask(what)
    return Unlock(secret=secret) if secret else None


def _line(descriptor: int) -> str:
    """One line and not a byte more: what follows is another's secret."""
    line = bytearray()
    while len(line) <= _MAX_FILE:
        try:
            one = os.read(descriptor, 1)
        except OSError as error:
            raise ArgumentRefused(field="--fd", reason=error.strerror) from error
        if one in {b"", b"\n"}:
            break
        line += one
    return line.decode("utf-8").rstrip("\r")


def _judged(secret: str) -> str:
    secret.encode()
    if len(secret) > _MAX_TYPED:
        reason = f"最多 {_MAX_TYPED} 个字符 {_MAX_TYPED} characters at most"
        raise ArgumentRefused(field="secret", reason=reason)
    return secret


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_FILE).decode("ascii", "replace")
    except OSError as error:
        raise ArgumentRefused(field="--key-file", reason=error.strerror) from error
