"""The program that lies beside every backup and opens it without this software."""

from importlib.resources import files
from typing import Final

READER: Final = "open-backup.py"


def reader_program() -> bytes | None:
    """The program as this release has it; None in a binary that was built without its source."""
    try:
        return files(__package__).joinpath("open_backup.py").read_bytes()
    except FileNotFoundError:
        return None
