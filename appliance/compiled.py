"""The hot path compiled to machine code: which modules, in which build, and how they are found.

The sources are the product: mypyc makes extension modules of them, as they stand, and a process that
asks for it loads those in their place. A build is bound to every source that it may have read, so that
a changed one is never served by an old build; without a build the same sources are interpreted.
Needs the standard library alone: the installer asks before there is an environment.
"""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

HOUSE: Final = Path(__file__).resolve().parents[1]
GROUP: Final = "wardbox_hot"
"""The name of the one library that holds the code of all compiled modules."""
MODULES: Final = (
    "appliance.access.gate",
    "appliance.access.grants",
    "appliance.access.index",
    "appliance.access.metering",
    "appliance.access.quota",
    "appliance.api.dialects.plainly",
    "appliance.api.hosts",
    "appliance.api.hot.answer",
    "appliance.api.hot.asking",
    "appliance.api.hot.body",
    "appliance.api.hot.caller",
    "appliance.api.hot.head",
    "appliance.api.hot.inner",
    "appliance.api.hot.job",
    "appliance.api.hot.line",
    "appliance.api.hot.pump",
    "appliance.api.hot.route",
    "appliance.api.hot.swift",
    "appliance.api.wire",
    "appliance.audit.events",
    "appliance.audit.frames",
    "appliance.audit.identifiers",
    "appliance.audit.loop_line",
    "appliance.audit.rows",
    "appliance.serving.connection",
    "appliance.serving.exchange",
    "appliance.serving.places",
    "appliance.serving.traffic",
    "appliance.serving.turn",
    "appliance.serving.upstream",
    "appliance.serving.upstream_client",
    "appliance.telemetry.observed",
)
"""What runs for every request. Modules that define structs are not among them: mypyc drops the
options that stand in a class statement (mypyc, native classes)."""
# Constants of any module may have been written into the code.
_READ: Final = ("appliance", "models", "secure_compute")
_MARK: Final = "complete"


def digest(house: Path = HOUSE) -> str:
    """The name of a build: twelve hexadecimal digits over the sources that it may have read."""
    told = hashlib.sha256(sys.version.encode())
    for package in _READ:
        for path in sorted((house / package).rglob("*.py")):
            told.update(f"{path.relative_to(house)}\0".encode())
            told.update(hashlib.sha256(path.read_bytes()).digest())
    return told.hexdigest()[:12]


def place(environment: Path, house: Path = HOUSE) -> Path:
    """Where the build of these sources lies in an environment: builds go with their interpreter."""
    return environment / "compiled" / digest(house)


def mark(build: Path) -> Path:
    """The file that tells that a build is whole."""
    return build / _MARK


class _Finder:
    """Finds the compiled modules, and nothing else (`importlib.abc.MetaPathFinder`)."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        file = self._files.get(fullname)
        return None if file is None else spec_from_file_location(fullname, file)


def use(environment: Path | None = None, house: Path = HOUSE) -> bool:
    """Load the compiled modules in place of their sources from now on, where there is a build.

    Args:
        environment: the environment that holds the build; the running one unless told.
        house: where the sources are.

    Returns:
        Whether they are used. Not so where one of them was imported before: the two do not mix.
    """
    build = place((environment or Path(sys.prefix)).resolve(), house)
    if not mark(build).exists() or any(name in sys.modules for name in MODULES):
        return False
    suffix = EXTENSION_SUFFIXES[0]
    files = {name: build / (name.replace(".", "/") + suffix) for name in MODULES}
    library = f"{GROUP}__mypyc"
    files[library] = build / (library + suffix)
    sys.meta_path.insert(0, _Finder(files))
    return True


def in_use() -> bool:
    """Whether this process answers with compiled code."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)
