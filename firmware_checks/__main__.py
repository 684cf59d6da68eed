"""The program behind `wardbox firmware`."""

import os
import sys

from firmware_checks.commands.command_line import COULD_NOT_CHECK, parser
from firmware_checks.errors import FirmwareError


def main(words: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        words: The command line without the program's name; None takes the process's own.

    Returns:
        0 sound, 1 findings, 2 could not check.
    """
    for stream in (sys.stdout, sys.stderr):
        # A Latin-1 terminal must not break a report that holds Chinese.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(words)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except FirmwareError as error:
        print(f"{error.code}: {error.sentence}\n{error.way_out}", file=sys.stderr)
        return COULD_NOT_CHECK
    except BrokenPipeError:
        # The reader (head, less) has left: what remains unwritten must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT_CHECK
    return status


if __name__ == "__main__":
    sys.exit(main())
