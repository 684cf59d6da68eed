"""Step: one virtual environment with exact pins, cached under the digest of the pins."""

import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.host import Command, Host
from installer.places import Site


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python packages of one group: `run` for the box, `dev` for its checks as well."""

    site: Site
    group: str = "run"

    name = "environment"

    @property
    def title(self) -> str:
        """The step's title, with its group."""
        return f"Python 环境 Python environment ({self.group})"

    def needed(self) -> bool:
        """True until the environment is complete and the checkout points at it."""
        link = self.site.environment_link
        points = link.is_symlink() and link.resolve() == self.site.environment.resolve()
        return not (self._mark_exists() and points)

    def apply(self, host: Host) -> None:
        """Make the environment, fill it and mark it complete; an interrupted one is completed."""
        if not self._mark_exists():
            if not self.site.python.exists():
                host.run(Command((sys.executable, "-m", "venv", str(self.site.environment))))
            wanted = self.site.environment / f"wanted-{self.group}.txt"
            host.write(wanted, "\n".join(self._names()) + "\n")
            host.run(
                Command(
                    (
                        *self._pip(),
                        "-c",
                        str(self.site.pins),
                        "-r",
                        str(wanted),
                    ),
                    progress=_progress(host),
                )
            )
            host.write(self._mark(), "complete\n")
        host.link(self.site.environment_link, self.site.environment)

    def undo(self, host: Host) -> None:
        """The environment is a cache shared by checkouts: only the link goes."""
        host.remove(self.site.environment_link)

    def _pip(self) -> tuple[str, ...]:
        """The pip call; with an `offline` folder beside the checkout nothing else is asked."""
        offline = (
            ("--no-index", "--find-links", str(self.site.wheels))
            if self.site.wheels.is_dir()
            else ()
        )
        return (str(self.site.python), "-m", "pip", "install", "--progress-bar=off", *offline)

    def _names(self) -> list[str]:
        project = tomllib.loads((self.site.checkout / "pyproject.toml").read_text())["project"]
        names = list(project["dependencies"])
        if self.group != "run":
            names += project["optional-dependencies"][self.group]
        return names

    def _mark(self) -> Path:
        return self.site.environment / f"complete-{self.group}"

    def _mark_exists(self) -> bool:
        return self._mark().exists()


def _progress(host: Host) -> Callable[[str], None]:
    def show(line: str) -> None:
        if line.startswith(("Collecting ", "Installing ")):
            host.say(f"      {line[:100]}")

    return show
