"""`wardbox console`: open the console of the box on this machine, or of a remote one."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from tui.line import Line

EXIT_REFUSED = 3


def parser() -> argparse.ArgumentParser:
    """The options of the console."""
    made = argparse.ArgumentParser(
        prog="wardbox console",
        description="一体机控制台。 The console of the box.",
        epilog="按 ? 看按键。 Press ? for the keys.",
    )
    made.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="状态目录(默认 $WARDBOX_STATE) state directory of the box on this machine",
    )
    made.add_argument("--url", metavar="URL", help="远程一体机,如 https://box:8443 a remote box")
    made.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="远程一体机的 CA 证书 CA certificate of the remote box",
    )
    return made


def refusal(url: str | None, ca: Path | None, state: Path | None) -> str | None:
    """Why these options make no sense, or None."""
    if url is None and ca is not None:
        return "--ca 只与 --url 同用。 --ca goes with --url."
    if url is not None and state is not None:
        return "--state 与 --url 只取其一。 Give --state or --url, not both."
    if url is not None and not url.startswith("https://"):
        return "远程地址须以 https:// 开头。 A remote address starts with https://."
    if ca is not None and not ca.is_file():
        return f"找不到 CA 证书 {ca}。 There is no CA certificate at {ca}."
    return None


def dial(url: str | None, ca: Path | None, state: Path | None) -> "Line":
    """The line that the options name."""
    from appliance.client.session import Session  # noqa: PLC0415 (pydantic takes its time)
    from tui.line import Line  # noqa: PLC0415

    if url is not None:
        return Line(lambda: Session.remote(url, ca), local=False, clock=time.monotonic)
    socket = StateLayout(state or state_directory(os.environ)).socket  # noqa: TID251 (handed over to the settings' own reader)
    return Line(lambda: Session.local(socket), local=True, clock=time.monotonic)


def main() -> int:
    """Run the console; returns its exit status."""
    given = parser().parse_args()
    wrong = refusal(given.url, given.ca, given.state)
    if wrong is None and not sys.stdout.isatty():
        wrong = (
            "控制台需要终端;脚本请用 wardbox status 等命令。 "
            "The console needs a terminal; scripts use `wardbox status` and its siblings."
        )
    if wrong is not None:
        print(wrong, file=sys.stderr)
        return EXIT_REFUSED
    from tui.app import ConsoleApp  # noqa: PLC0415 (textual is heavy; --help is not)

    console = ConsoleApp(dial(given.url, given.ca, given.state))
    console.run()
    return console.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
