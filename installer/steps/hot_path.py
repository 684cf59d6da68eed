"""Step: the hot path compiled to machine code, kept in the environment under its sources' digest."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.compiled import mark, place
from installer.errors import CommandFailed
from installer.host import Command, Host
from installer.places import Site

_NO_COMPILER = (
    "没有编译器,请求主路径不编译:一体机照常运行,但每个请求略慢。"
    " There is no compiler, the hot path stays as it is: the box works as ever, with slower requests."
)
_SLOWER = (
    "无法编译,一体机照常运行,但每个请求略慢;原因见日志,下次安装会再试。"
    " It could not be compiled: the box works as ever, with slower requests. The reason is in the"
    " log, the next installation tries again:"
)


@dataclass(frozen=True, slots=True)
class HotPath:
    """Compiles what runs for every request: about a quarter less work for each of them.

    Args:
        site: the checkout whose sources they are.
        find: finds a program.
        environment: the one that will load them, unless it is the site's own.
    """

    site: Site
    find: Callable[[str], str | None] = shutil.which
    environment: Path | None = None

    name = "hot-path"
    title = "编译请求主路径 compile the hot path"

    @property
    def build(self) -> Path:
        """Where the build of this checkout's sources lies."""
        return place(self.environment or self.site.environment, self.site.checkout)

    def needed(self) -> bool:
        """True until these very sources are compiled."""
        return not mark(self.build).exists()

    def apply(self, host: Host) -> None:
        """Compile; where that fails, say so and go on: it makes the box faster, nothing else."""
        if self.find("gcc") is None:
            host.say(f"      {_NO_COMPILER}")
            return
        python = str((self.environment or self.site.environment) / "bin" / "python")
        checkout = self.site.checkout
        compiling = Command(
            (python, "-m", "installer.compiling", str(self.build)),
            directory=checkout,
            environment={"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"},
        )
        try:
            host.run(compiling)
        except CommandFailed:
            host.say(f"      {_SLOWER} {host.log}")

    def undo(self, host: Host) -> None:
        """Builds are a cache shared by checkouts."""
