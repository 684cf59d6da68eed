"""The programs that lie beside every backup and open it without this software."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

READER: Final = "open-backup.py"
_PROGRAMS: Final = MappingProxyType(
    {READER: "open_backup.py", "open-database.py": "open_database.py"}
)


def programs() -> Mapping[str, bytes]:
    """The programs as this release has them; none in a binary that was built without their source."""
    here = files(__package__)
    try:
        return {name: here.joinpath(module).read_bytes() for name, module in _PROGRAMS.items()}
    except FileNotFoundError:
        return {}
