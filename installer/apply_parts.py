"""What changing the software of a box needs from others: releases, the running box, room, and time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from installer.apply_journal import ApplyJournal
from installer.apply_request import Desk
from installer.slots import Slots

Word = Literal["well", "locked", "silent", "unwell"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How the box is.

    Attributes:
        word: "well": everything asked of it was answered; "locked": it waits for a person;
            "silent": nobody answers; "unwell": it answers, and something is wrong.
        reason: What is wrong, for people.
    """

    word: Word
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a release said in its rehearsal: its version, and the migrations that it brings."""

    version: str
    migrations: tuple[str, ...]


class Offer(Protocol):
    """A release that was verified and can be put together."""

    @property
    def size(self) -> int:
        """Bytes of its files."""

    @property
    def follows(self) -> tuple[str, ...]:
        """Versions that it may follow; none: any."""

    @property
    def manifest(self) -> bytes:
        """The manifest that it was signed by."""

    def assemble(self, into: Path) -> Path:
        """Write its files below a new folder, each byte judged; where its tree begins.

        Raises:
            ApplianceError: one is not what was signed.
            OSError: the disk refused.
        """

    def accept(self) -> None:
        """Never believe anything older from now on."""


class Source(Protocol):
    """Judges what waits in the box's folder, by the installer's own trust."""

    def judge(self, bundle: str, version: str, package: str) -> Offer:
        """Find a release in a staged bundle.

        Raises:
            ApplianceError, InstallerError: it does not hold, or is not there.
        """


class Fitting(Protocol):
    """Gives a release the environment that it runs in, without any network."""

    def fit(self, release: Path, running: Path) -> None:
        """Make `release` able to run.

        Raises:
            InstallerError: it cannot be.
        """


class Box(Protocol):
    """The running box, as far as a change of its software concerns it."""

    def condition(self) -> Condition:
        """How it is, asked now."""

    def rehearse(self, trial: str, old: Path, new: Path) -> Rehearsed:
        """Let it drain and stand still; copy the database by the old release, try the new on a copy.

        Raises:
            ApplyError: it does not stand still, or one of the two failed.
        """

    def stand_still(self) -> None:
        """Let it drain and stand still; one that does not is ended."""

    def let_go(self) -> None:
        """Take the hold away, where there is one."""

    def go_on(self) -> None:
        """Let it run as the current release; one that runs already goes on as it does."""

    def forget_snapshot(self, trial: str) -> None:
        """Remove the copy of the database, where it can be reached."""

    def database_size(self) -> int:
        """Bytes of its database."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a change works on."""

    slots: Slots
    journal: ApplyJournal
    desk: Desk
    source: Source
    fitting: Fitting
    box: Box


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited for what.

    Attributes:
        deadline_s: Seconds in which a release must become healthy, while the vault is open.
        once: Leave rather than wait for a person to unlock the vault.
        give_up: A person ends the change that is under way, rather than go on with it.
        monotonic: Seconds that no one can set.
        pause: Sleeps so many seconds.
        boot: The id of this start of the machine.
        version: Of the software that decides.
        free: Bytes free on the disk of a folder.
        say: Tells a person how far it is.
    """

    deadline_s: float
    once: bool
    give_up: bool
    monotonic: Callable[[], float]
    pause: Callable[[float], None]
    boot: Callable[[], str]
    version: str
    free: Callable[[Path], int]
    say: Callable[[str], None]
