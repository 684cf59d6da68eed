"""Step: the hot path compiled to machine code, kept in the environment under its sources' digest."""

from dataclasses import dataclass
from pathlib import Path

from appliance.compiled import mark, place
from installer.host import Command, Host
from installer.places import Site

KEPT = 4
"""Builds that stay; older ones go when a new one is made."""


@dataclass(frozen=True, slots=True)
class HotPath:
    """Compiles what runs for every request: about a third less work for each of them."""

    site: Site

    name = "hot-path"
    title = "编译请求主路径 compile the hot path"

    @property
    def build(self) -> Path:
        """Where the build of this checkout's sources lies."""
        return place(self.site.environment, self.site.checkout)

    def needed(self) -> bool:
        """True until these very sources are compiled."""
        return not mark(self.build).exists()

    def apply(self, host: Host) -> None:
        """Compile beside, move into place, mark complete; then drop the oldest builds."""
        build = self.build
        work = build.with_suffix(".work")
        host.remove(work)
        host.make_directory(work)
        python, checkout = str(self.site.python), self.site.checkout
        host.run(
            Command(
                (python, "-m", "installer.compiling", str(work)),
                directory=checkout,
                environment={"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"},
            )
        )
        host.remove(build)
        host.run(Command(("mv", str(work / "lib"), str(build))))
        host.remove(work)
        host.write(mark(build), "complete\n")
        for old in _oldest(build.parent):
            host.remove(old)

    def undo(self, host: Host) -> None:
        """Builds are a cache shared by checkouts."""


def _oldest(folder: Path) -> list[Path]:
    builds = [path.parent for path in folder.glob("*/complete")]
    return sorted(builds, key=lambda path: mark(path).stat().st_mtime)[:-KEPT]
