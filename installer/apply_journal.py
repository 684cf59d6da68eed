"""The journal of the changes of the software: one record, replaced whole, each move a row of a table."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from appliance.updates.trial import ENDED, FORMAT, JOURNAL, MOVES, parse_trial
from installer.durable import make_folder, replace_file

TRIES: Final = 3
_MAX_BYTES: Final = 65_536
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an update did not go on: a code, and sentences for people."""

    code: str = ""
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One update of the software and how far it came.

    Attributes:
        id: 16 hexadecimal digits, new for each attempt.
        request: SHA-256 of what the box asked for, in hex.
        name: What the box calls that request.
        bundle: The bundle that brought the release.
        version: Of the release.
        package: Digest of its manifest, in hex.
        asked_by: Who asked for it.
        rollback: Whether it is the release before that was asked for.
        old: The release that ran before, resolved.
        new: Where the release lies, or will lie.
        state: One of `MOVES`.
        tries: How often it was started.
        migrations: Steps that it brings to the database, as its rehearsal said.
        reason: Why it was refused or taken back.
        at: When it came to this state.
        stopped: When the box began to stand still; empty before that.
        answered: When the box answered again.
        boot: Which start of the machine it was last tried in.
    """

    id: str
    request: str
    name: str
    bundle: str
    version: str
    package: str
    asked_by: str
    rollback: bool
    old: str
    new: str
    state: str
    tries: int = 0
    migrations: tuple[str, ...] = ()
    reason: Reason = Reason()
    at: str = ""
    stopped: str = ""
    answered: str = ""
    boot: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ENDED

    def to_json(self) -> dict[str, Any]:
        """The record as it lies on the disk."""
        return {"format": FORMAT, **asdict(self), "migrations": list(self.migrations)}


class ApplyJournal:
    """The one record, beside the releases. Everybody may read it, the installer alone writes it.

    Args:
        place: The folder of the releases.
        clock: Wall time with a time zone.
    """

    def __init__(self, place: Path, clock: Callable[[], datetime]) -> None:
        self._path = place / JOURNAL
        self._clock = clock

    def read(self) -> Record | None:
        """The record of the update that was begun last; None before the first.

        What cannot be read was written by no installer: then nothing is known to be under way.
        """
        try:
            with self._path.open("rb") as stream:
                return parse_record(json.loads(stream.read(_MAX_BYTES)))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None

    def begin(self, record: Record) -> Record:
        """Put a new update on the disk."""
        make_folder(self._path.parent)
        return self._write(record)

    def move(self, record: Record, state: str, **changes: Any) -> Record:
        """Bring an update into its next state; on the disk before this returns.

        Raises:
            ValueError: the table knows no such move.
        """
        if state not in MOVES[record.state]:
            message = f"an update that is {record.state} cannot become {state}"
            raise ValueError(message)
        return self._write(replace(record, state=state, **changes))

    def now(self) -> str:
        """The time, as records tell it."""
        return self._clock().isoformat(timespec="milliseconds")

    def _write(self, record: Record) -> Record:
        told = replace(record, at=self.now())
        content = json.dumps(told.to_json(), ensure_ascii=False, indent=1)
        replace_file(self._path, content.encode() + b"\n")
        return told


def parse_record(data: Any) -> Record:
    """Read a record. Raises ValueError, KeyError or TypeError."""
    parse_trial(data)
    fields = {name: value for name, value in data.items() if name != "format"}
    fields["reason"] = Reason(**data["reason"])
    fields["migrations"] = tuple(str(one) for one in data["migrations"])
    return Record(**fields)


def shortened(text: str) -> str:
    """A sentence that fits a record."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
