"""Step: the environment that holds Ray, apart from the box's own, cached under its own pins."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from installer.host import Command, Host
from installer.places import Site


@dataclass(frozen=True, slots=True)
class RayEnvironment:
    """Made on demand, for boxes that join a cluster; Ray pins other versions than the box."""

    site: Site

    name = "ray-environment"
    title = "集群运行环境 Cluster environment (Ray)"

    @property
    def pins(self) -> Path:
        """The exact versions of everything in it."""
        return self.site.checkout / "installer" / "pins" / "ray.txt"

    @property
    def place(self) -> Path:
        """The environment, named after its pins."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        digest = hashlib.sha256(version.encode() + self.pins.read_bytes()).hexdigest()[:12]
        return self.site.cache / "env-ray" / digest

    @property
    def link(self) -> Path:
        """Where the box looks for it."""
        return self.site.state / "cluster-env"

    def needed(self) -> bool:
        """True until it is complete, finds the box's own modules, and the box points at it."""
        paths = self._paths()
        found = paths.read_text(encoding="utf-8") if paths.exists() else ""
        complete = self._mark().exists() and found == self._own()
        return not (complete and self.link.resolve() == self.place.resolve())

    def apply(self, host: Host) -> None:
        """Make it, fill it and mark it complete; an interrupted one is completed."""
        python = self.place / "bin" / "python"
        if not self._mark().exists():
            if not python.exists():
                host.run(Command((sys.executable, "-m", "venv", str(self.place))))
            wheels = self.site.wheels
            offline = ("--no-index", "--find-links", str(wheels)) if wheels.is_dir() else ()
            pip = (str(python), "-m", "pip", "install", "--progress-bar=off", *offline)
            host.run(Command((*pip, "--no-deps", "-r", str(self.pins))))
            host.write(self._mark(), "complete\n")
        host.write(self._paths(), self._own())
        host.link(self.link, self.place)

    def undo(self, host: Host) -> None:
        """It is a cache shared by boxes: only the link goes."""
        host.remove(self.link)

    def _paths(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.place / "lib" / version / "site-packages" / "wardbox.pth"

    def _own(self) -> str:
        """Where training finds the box's modules and torch; Ray's own pins come before them."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        environment = self.site.checkout / ".venv" / "lib" / version / "site-packages"
        return f"{self.site.checkout}\n{environment}\n"

    def _mark(self) -> Path:
        return self.place / "complete"
