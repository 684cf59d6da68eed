"""The environment of a release: the present one where its pins are the same, else its own wheels."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from installer.apply_errors import EnvironmentMissing, SelfStarting
from installer.durable import sync_tree
from installer.host import Host
from installer.places import Site
from installer.steps.engine import EngineBuild
from installer.steps.environment import Environment
from installer.steps.hot_path import HotPath

# Python runs these by itself at every start. The second is of setuptools, and does what its name says.
_BY_ITSELF: Final = frozenset(("sitecustomize.py", "usercustomize.py"))
_KNOWN: Final = frozenset(("distutils-precedence.pth",))
_AS_IT_IS: Final = (
    "运行环境只读,请求主路径不编译:一体机照常运行,但每个请求略慢。"
    " The environment is read-only, the hot path stays as it is: the box works as ever, with slower requests:"
)


@dataclass(frozen=True, slots=True)
class Environments:
    """Gives a release what it runs in, from this machine and from the release alone.

    Attributes:
        state: The box's state directory.
        cache: Where environments are made and kept.
        host: Changes the machine.
        compile_hot: Whether the hot path is compiled for the release, where there is a compiler.
    """

    state: Path
    cache: Path
    host: Host
    compile_hot: bool = True

    def fit(self, release: Path, running: Path) -> None:
        """Make `release` able to run.

        Raises:
            EnvironmentMissing: its pins are others, and it brings no packages.
            SelfStarting: what it brings would run by itself.
            InstallerError: a program failed.
        """
        site = Site(release, self.cache, self.state)
        link, here = site.environment_link, running / ".venv"
        if _same(site.pins, running / site.pins.name) and here.exists():
            self.host.link(link, here.resolve())
        else:
            if not site.wheels.is_dir():
                raise EnvironmentMissing(version=release.name)
            # With that folder there, neither step asks anybody else for anything.
            for step in (Environment(site), EngineBuild(site)):
                if step.needed():
                    step.apply(self.host)
            _require_quiet(site.environment)
            sync_tree(site.environment)
        if self.compile_hot:
            self._compile(Site(release, self.cache, self.state))

    def _compile(self, site: Site) -> None:
        """Compile the hot path where the release will look for it; without that it is slower only."""
        environment = site.environment_link.resolve()
        compiling = HotPath(site, environment=environment)
        if not compiling.needed():
            return
        if not may_write(environment):
            self.host.say(f"      {_AS_IT_IS} {environment}")
            return
        compiling.apply(self.host)
        if compiling.build.is_dir():
            sync_tree(compiling.build)


def cache_of(running: Path, place: Path) -> Path:
    """Where environments are made for what comes after a release.

    Args:
        running: the release; its environment lies in a cache as `<cache>/env/<digest>`, or came beside
            it, perhaps on a medium that nobody can write to.
        place: where releases lie; beside them is room in any case.
    """
    environment = (running / ".venv").resolve()
    return environment.parents[1] if environment.parent.name == "env" else place / "cache"


def may_write(folder: Path) -> bool:
    """Whether something can be put into a folder: not so on a read-only medium."""
    return os.access(folder, os.W_OK)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _require_quiet(environment: Path) -> None:
    """Refuse packages that would run by themselves in every process of the box."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = environment / "lib" / version / "site-packages"
    for path in packages.iterdir() if packages.is_dir() else ():
        own = path.suffix == ".pth" or path.name in _BY_ITSELF
        if own and path.name not in _KNOWN:
            raise SelfStarting(name=path.name)
