"""One application of a bundle: taken in, put together, judged, placed, switched; or all taken back."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from appliance.errors import ApplianceError
from appliance.updates.chunks import Opener, nobody
from appliance.updates.errors import DiskRefused, StickUnreadable, UpdateInterrupted
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.kinds import Kind
from appliance.updates.manifest import SOFTWARE, Package
from appliance.updates.software import SoftwareDesk
from appliance.updates.staging import FreeBytes, Staging
from models.errors import ModelsError

_MADE: Final = "made"

Told = Callable[[str, str, int, int], None]
"""Told what is done ("copy"), with which package, how much of it is done, and how much it is in all;
may raise UpdateInterrupted."""


def silent(_step: str, _name: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where packages go.

    Attributes:
        kinds: What is done with each kind that goes live.
        desk: Where a release of the software waits for the installer.
        staging: The folder where bundles are taken in, inside the vault.
        free: Tells how much room there is.
        opener: Opens what is licensed to this box.
    """

    kinds: Mapping[str, Kind]
    desk: SoftwareDesk
    staging: Path
    free: FreeBytes
    opener: Opener = nobody


class Application:
    """What is done with the packages of one bundle; each step leaves a way back.

    Args:
        rooms: Where packages go.
        bundle: The id of the bundle.
        work: The packages that change something.
        held: What this machine has already.
        told: Told how far it is.
    """

    def __init__(
        self, rooms: Rooms, bundle: str, work: Sequence[Package], held: Holdings, told: Told
    ) -> None:
        self._rooms = rooms
        self._bundle = bundle
        self._live = tuple(one for one in work if one.kind != SOFTWARE)
        self._software = tuple(one for one in work if one.kind == SOFTWARE)
        self._staging = Staging(rooms.staging, bundle, held, rooms.free, rooms.opener)
        self._told = told
        self._undo: list[Callable[[], object]] = []
        self.tokens: dict[tuple[str, str], str] = {}
        """What each kind calls the versions that were placed, by kind and id."""

    def take(self, stick: Stick, others: Sequence[Package]) -> None:
        """Copy everything that is needed, each byte of the stick read once; resumable.

        Args:
            stick: The bundle.
            others: Every package of the bundle; a staged release comes with all their manifests.

        Raises:
            UpdateError: The stick or our own disk fails, or content is refused.
        """
        tell = partial(self._told, "copy")
        if self._live:
            self._staging.prepare(self._live)
            self._staging.take(stick, self._live, tell)
        for package in self._software:
            rest = [one for one in others if one is not package]
            self._rooms.desk.stage(stick, self._bundle, package, rest, tell)

    def make(self) -> None:
        """Put the packages together and have each judged; nothing of the box is touched.

        Raises:
            UpdateError, ModelsError: One is not acceptable.
        """
        shutil.rmtree(self._staging.folder / _MADE, ignore_errors=True)
        for package in self._live:
            folder = self._folder(package)
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._staging.assemble(package, folder, partial(self._told, "assemble"))
            self._told("judge", package.target, 0, 1)
            self._rooms.kinds[package.kind].judge(package, folder)

    def place(self, actor: str) -> None:
        """Stand every package beside what is in use, and only then switch, one after another.

        Raises:
            UpdateError, ModelsError, ApplianceError: One could not; call `undo`.
        """
        for package in self._live:
            kind, name = self._rooms.kinds[package.kind], package.package_id
            self._told("place", package.target, 0, 1)
            token = kind.place(package, self._folder(package), actor)
            self.tokens[package.kind, name] = token
            self._undo.append(partial(kind.withdraw, name, token, actor))
        for package in self._live:
            kind, name = self._rooms.kinds[package.kind], package.package_id
            self._told("switch", package.target, 0, 1)
            before = kind.switch(name, self.tokens[package.kind, name], actor)
            if before is not None:
                self._undo.append(partial(kind.switch, name, before, actor))

    def undo(self) -> None:
        """Take back what was done, the last first."""
        # What was placed is linked to from here: it would hold files that are to go.
        shutil.rmtree(self._staging.folder / _MADE, ignore_errors=True)
        while self._undo:
            with suppress(ApplianceError, ModelsError, OSError):
                self._undo.pop()()

    def forget(self) -> None:
        """Remove everything that was staged for packages that are in use now."""
        self._staging.forget()

    def abandon(self) -> None:
        """Remove everything that was staged."""
        self._staging.forget()
        self._rooms.desk.forget()

    def _folder(self, package: Package) -> Path:
        return self._staging.folder / _MADE / package.kind / package.package_id


@contextmanager
def kept_for_resuming(application: Application) -> Iterator[None]:
    """Keep what came over when a stick is pulled out or the box stops; forget what was refused."""
    try:
        yield
    except (StickUnreadable, UpdateInterrupted):
        raise
    except OSError as error:
        application.abandon()
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error
    except BaseException:
        application.abandon()
        raise


@contextmanager
def undone_on_failure(application: Application) -> Iterator[None]:
    """Take everything back when it does not come to its end."""
    try:
        yield
    except BaseException:
        application.undo()
        raise
