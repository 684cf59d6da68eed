"""Step: the environment of an engine that is made on demand, cached under the digest of its pins."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.errors import EngineUnknown
from installer.host import Command, Host
from installer.places import Site

PINS = Path(__file__).resolve().parents[1] / "pins"
_TOLD = ("Collecting ", "Downloading ", "Installing ")


def flavours(pins: Path = PINS) -> tuple[str, ...]:
    """The engines that can be installed: one file of exact versions each."""
    return tuple(sorted(path.stem for path in pins.glob("vllm*.txt")))


@dataclass(frozen=True, slots=True)
class EngineEnvironment:
    """An engine in an environment of its own: it pins another torch than the box's.

    The pins name every package, so nothing is resolved: what is installed is what was tried. An
    interrupted installation is completed by the next run; boxes of the same pins share the result.
    """

    site: Site
    flavour: str
    pins_folder: Path = PINS

    @property
    def name(self) -> str:
        """The step's id, with its flavour."""
        return f"engine-{self.flavour}"

    @property
    def title(self) -> str:
        """The step's title, with its flavour."""
        return f"推理引擎环境 engine environment ({self.flavour})"

    @property
    def pins(self) -> Path:
        """The exact versions.

        Raises:
            EngineUnknown: There is no such engine.
        """
        path = self.pins_folder / f"{self.flavour}.txt"
        if self.flavour not in flavours(self.pins_folder):
            known = ", ".join(flavours(self.pins_folder))
            raise EngineUnknown(flavour=ascii(self.flavour), known=known)
        return path

    @property
    def directory(self) -> Path:
        """The environment, named after its pins."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        digest = hashlib.sha256(version.encode() + self.pins.read_bytes()).hexdigest()[:12]
        return self.site.cache / "engine-env" / f"{self.flavour}-{digest}"

    @property
    def link(self) -> Path:
        """Where the box looks for it: beside the declarations of the site."""
        return self.site.state / "engines.d" / self.flavour

    def needed(self) -> bool:
        """True until the environment is complete and the box's link points at it."""
        points = self.link.is_symlink() and self.link.resolve() == self.directory.resolve()
        return not (self._mark().exists() and points)

    def apply(self, host: Host) -> None:
        """Make it, fill it, see that it starts, mark it complete and point the box at it."""
        directory = self.directory
        python = directory / "bin" / "python"
        if not self._mark().exists():
            if not python.exists():
                host.run(Command((sys.executable, "-m", "venv", str(directory))))
            host.run(Command((*self._pip(python), "-r", str(self.pins)), progress=_progress(host)))
            host.run(Command((str(python), "-I", "-W", "ignore", "-c", "import vllm")))
            host.write(self._mark(), "complete\n")
        host.make_directory(self.link.parent, 0o700)
        host.link(self.link, directory)

    def undo(self, host: Host) -> None:
        """The environment is a cache shared by boxes: only this box's link goes."""
        host.remove(self.link)

    def _pip(self, python: Path) -> tuple[str, ...]:
        """The pip call; with an `offline` folder beside the checkout nothing else is asked."""
        wheels = self.site.wheels
        offline = ("--no-index", "--find-links", str(wheels)) if wheels.is_dir() else ()
        return (
            *(str(python), "-m", "pip", "install", "--no-deps", "--only-binary=:all:"),
            *("--no-cache-dir", "--progress-bar=off", *offline),
        )

    def _mark(self) -> Path:
        return self.directory / "complete"


def _progress(host: Host) -> Callable[[str], None]:
    def show(line: str) -> None:
        if line.lstrip().startswith(_TOLD):
            host.say(f"      {line.strip()[:100]}")

    return show
