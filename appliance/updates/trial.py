"""A release on trial: what the installer's journal says, and what the box does about it."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.settings.layout import StateLayout

VARIABLE: Final = "WARDBOX_PLACE"
FORMAT: Final = "wardbox-apply-v1"
JOURNAL: Final = "journal.json"
CURRENT: Final = "current"
PREVIOUS: Final = "previous"
BLESSED: Final = "blessed"
RELEASES: Final = "releases"
LOCK: Final = "lock"
HOLD: Final = "hold.json"

MOVES: Final[Mapping[str, frozenset[str]]] = {
    "staged": frozenset(("assembled", "refused")),
    "assembled": frozenset(("intended", "refused")),
    "intended": frozenset(("assembled", "flipped", "refused", "reverting")),
    "flipped": frozenset(("flipped", "healthy", "reverting")),
    "healthy": frozenset(("blessed",)),
    "reverting": frozenset(("reverted",)),
    "blessed": frozenset(),
    "reverted": frozenset(),
    "refused": frozenset(),
}
"""The states of one update of the software, and where each may go."""
ENDED: Final = frozenset(state for state, moves in MOVES.items() if not moves)
_OPEN: Final = frozenset(("healthy", "blessed"))
_SETTLED: Final = frozenset(("blessed", "refused"))
_TAKEN_BACK: Final = frozenset(("reverting", "reverted"))
_ID: Final = re.compile(r"[0-9a-f]{16}")
_MAX_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Trial:
    """What the journal says of the update that was last begun.

    Attributes:
        id: 16 hexadecimal digits, new for each attempt.
        state: One of `MOVES`.
        old: The release that ran before, resolved.
        new: The release that is tried, resolved.
    """

    id: str
    state: str
    old: Path
    new: Path


def place_of(layout: StateLayout, environ: Mapping[str, str]) -> Path:
    """Where the releases of a box and the journal of their changes lie."""
    given = environ.get(VARIABLE)
    return Path(given).expanduser().absolute() if given else layout.software


def read_trial(place: Path) -> Trial | None:
    """Read the journal; None where there is none, or none that can be read.

    A journal is written by one rename, so what cannot be read was not written by an installer.
    """
    try:
        with (place / JOURNAL).open("rb") as stream:
            return parse_trial(json.loads(stream.read(_MAX_BYTES)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def parse_trial(data: Any) -> Trial:
    """The part of a journal that the box needs. Raises ValueError, KeyError or TypeError."""
    state, one = data["state"], data["id"]
    if data["format"] != FORMAT or state not in MOVES or not _ID.fullmatch(one):
        raise ValueError(state)
    return Trial(one, state, Path(data["old"]), Path(data["new"]))


def on_trial(place: Path, house: Path) -> bool:
    """Whether this software runs before it was found healthy, or after it was found not to be.

    Args:
        place: Where releases lie.
        house: The root of the running sources, resolved.
    """
    trial = read_trial(place)
    return trial is not None and trial.state not in _OPEN and _same(trial.new, house)


def snapshot_of(layout: StateLayout, trial: str) -> Path:
    """Where the database of the release before is kept during a trial."""
    return layout.trial / f"{trial}.db"


def settle(layout: StateLayout, place: Path, house: Path) -> str | None:
    """Bring the database to where the journal says it is; to be called before it is opened.

    A release that was taken back leaves a database that the one before cannot read. Whoever opens
    the vault first with the release before puts the copy back that was made at the last moment of
    it: one rename, which uses the copy up, so that this is done once however often it is called.
    The audit log and the bodies are never put back.

    Returns:
        The id of the trial whose database was put away; None when there was nothing to do.
    """
    trial = read_trial(place)
    if trial is None:
        return None
    if trial.state in _SETTLED:
        _forget(layout)
        return None
    snapshot = snapshot_of(layout, trial.id)
    if trial.state in _TAKEN_BACK and _same(trial.old, house) and snapshot.exists():
        for ending in ("-wal", "-shm"):
            # A log of the other release must never meet this file.
            layout.box_db.with_name(layout.box_db.name + ending).unlink(missing_ok=True)
        _sync(layout.vault)
        snapshot.replace(layout.box_db)
        # First where it is, then where it is no longer: never neither.
        _sync(layout.vault)
        _sync(layout.trial)
        return trial.id
    return None


def _forget(layout: StateLayout) -> None:
    """Remove copies of the database that no trial needs any more."""
    for path in layout.trial.iterdir() if layout.trial.is_dir() else ():
        path.unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
