"""The commands of golden baselines: capture, show and diff."""

import argparse
import os
from pathlib import Path
from typing import Final

from firmware_checks import golden
from firmware_checks.commands.reading import bounded
from firmware_checks.errors import (
    BaselineMalformed,
    BaselineOther,
    BaselineUnreadable,
    ReportUnwritable,
)

SAME: Final = 0
DIFFERENT: Final = 1
COULD_NOT_COMPARE: Final = 2
_SHOWN: Final = 80


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `baseline` and its three verbs."""
    top = commands.add_parser("baseline", help="固件基线 golden baselines")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    taken = verbs.add_parser("capture", help="从本机生成基线 take one from this machine")
    taken.add_argument("file", type=Path, metavar="FILE")
    _root(taken)
    taken.set_defaults(run=_capture)
    shown = verbs.add_parser("show", help="显示基线 show one")
    shown.add_argument("file", type=Path, metavar="FILE")
    _digest(shown)
    shown.set_defaults(run=_show)
    compared = verbs.add_parser("diff", help="与本机比较 compare one with this machine")
    compared.add_argument("file", type=Path, metavar="FILE")
    _digest(compared)
    _root(compared)
    compared.set_defaults(run=_diff)


def _root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="机器的根目录 root of the machine",
    )


def _digest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--digest",
        metavar="HEX",
        help="只接受此摘要的基线 take the baseline only if this is its SHA-256",
    )


def read_baseline(path: Path, wanted: str | None = None) -> golden.Golden:
    """The baseline in a file.

    Args:
        path: The file.
        wanted: The SHA-256 that it must have, in hexadecimal; None takes any.

    Raises:
        BaselineUnreadable: The file cannot be read.
        BaselineMalformed: It holds something else.
        BaselineOther: It has another digest than is wanted.
    """
    found = bounded(path, golden.MAX_BYTES)
    if isinstance(found, str):
        raise BaselineUnreadable(path=str(path), reason=found)
    if found is None:
        raise BaselineMalformed(reason=f"it has more than {golden.MAX_BYTES} bytes")
    read = golden.parse(found)
    if wanted is not None and wanted.removeprefix("sha256:").lower() != read.digest:
        raise BaselineOther(digest=read.digest, wanted=wanted[:_SHOWN])
    return read


def _capture(arguments: argparse.Namespace) -> int:
    # Probes start threads and programs: only what looks at a machine needs them.
    from firmware_checks.baseline.capture import capture  # noqa: PLC0415
    from firmware_checks.posture import look  # noqa: PLC0415

    data = golden.canonical(capture(look(arguments.root)))
    taken = golden.parse(data)
    try:
        # A baseline that exists is never overwritten: it may be the only record of a sound state.
        handle = os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReportUnwritable(path=str(arguments.file), reason=reason) from error
    print(f"{taken.vendor} {taken.product}\nsha256:{taken.digest}\n{arguments.file}")
    return SAME


def _show(arguments: argparse.Namespace) -> int:
    from firmware_checks.baseline.show import as_text  # noqa: PLC0415 - only where it is shown

    print(as_text(read_baseline(arguments.file, arguments.digest)))
    return SAME


def _diff(arguments: argparse.Namespace) -> int:
    from firmware_checks.baseline.show import difference, summary  # noqa: PLC0415
    from firmware_checks.posture import look  # noqa: PLC0415

    found = difference(read_baseline(arguments.file, arguments.digest), look(arguments.root))
    print(summary(found))
    if found.lines:
        return DIFFERENT
    return COULD_NOT_COMPARE if found.unread else SAME
