"""A release of the software: left where the installer's unit finds it, asked for, and heard of again.

The box places nothing here that runs. It stages the bundle outside the vault, whole enough to be
judged again by somebody who trusts nobody, and writes one small file that asks for it. What became
of it stands in another small file, which is put on record when the box is open again.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from appliance.updates.content import Progress
from appliance.updates.durable import make_folder, replace_file
from appliance.updates.errors import UpdateBusy
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.manifest import Package
from appliance.updates.staging import FreeBytes, Staging

STAGED: Final = "staged"
REQUEST: Final = "request.json"
OUTCOME: Final = "outcome.json"
PROGRESS: Final = "progress.json"
_MAX_BYTES: Final = 65_536
_LONGEST: Final = 2000
_STATES: Final = {
    "applied": "applied",
    "blessed": "applied",
    "reverted": "reverted",
    "refused": "refused",
    "rolled-back": "rolled-back",
}


@dataclass(frozen=True, slots=True)
class Pending:
    """What the installer is asked for, or at work on.

    Attributes:
        version: The release; "" for the one before.
        bundle: The bundle that it lies in, "" for a rollback.
        rollback: Whether the release before is asked for.
        asked_by: Who asked.
        time: When.
        zh: How far it is, in Chinese, where the installer says so.
        en: The same in English.
    """

    version: str
    bundle: str
    rollback: bool
    asked_by: str
    time: datetime
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request, as the installer wrote it.

    Attributes:
        digest: SHA-256 of the file: each outcome is put on record once.
        bundle: The bundle that was asked for.
        version: The release.
        state: "applied", "reverted", "refused" or "rolled-back".
        code: Why it was not applied, if it was not.
        sentence: What happened, Chinese first.
        time: When, in UTC; None where the file does not say.
    """

    digest: str
    bundle: str
    version: str
    state: str
    code: str | None
    sentence: str
    time: datetime | None


class SoftwareDesk:
    """The folder between the box and the installer's unit.

    Args:
        folder: `<state>/updates`.
        free: Tells how much room there is.
    """

    def __init__(self, folder: Path, free: FreeBytes) -> None:
        self.folder = folder
        self._free = free

    def stage(
        self,
        stick: Stick,
        bundle: str,
        package: Package,
        others: Sequence[Package],
        progress: Progress,
    ) -> None:
        """Copy a release with the metadata of its bundle; resumable.

        Args:
            stick: The bundle.
            bundle: Its id.
            package: The release.
            others: The rest of the bundle; of these only the signed manifests are needed.
            progress: Told the bytes; may raise to stop.

        Raises:
            UpdateError: As `Staging.take`.
            OSError: The disk does not take it.
        """
        root = self.folder / STAGED
        make_folder(root)
        for other in root.iterdir():
            if other.name != bundle:
                shutil.rmtree(other, ignore_errors=True)
        staging = Staging(root, bundle, Holdings.none(), self._free)
        staging.take(stick, [package], progress, beside=others)

    def left(self, bundle: str, package: Package) -> int:
        """Bytes of a release that have not been staged yet."""
        root = self.folder / STAGED
        return Staging(root, bundle, Holdings.none(), self._free).bytes_to_copy([package])

    def forget(self) -> None:
        """Remove what is staged, when nobody asks for it."""
        if self.pending() is None:
            shutil.rmtree(self.folder / STAGED, ignore_errors=True)

    def ask(
        self, bundle: str, package: Package, actor: str, now: datetime, approved_by: Sequence[str]
    ) -> None:
        """Ask the installer for a release. Raises UpdateBusy when it has something to do.

        Args:
            bundle: That was staged.
            package: The release in it.
            actor: Who asks.
            now: The time.
            approved_by: The two people who let the bundle pass though it has expired, or nobody.
        """
        self._ask(
            {
                "bundle": bundle,
                "version": package.version,
                "package": package.digest,
                "rollback": False,
                "approved_by": list(approved_by),
            },
            actor,
            now,
        )

    def ask_back(self, actor: str, now: datetime) -> None:
        """Ask the installer for the release before. Raises UpdateBusy."""
        self._ask({"bundle": "", "version": "", "package": "", "rollback": True}, actor, now)

    def pending(self) -> Pending | None:
        """What is asked for and not yet answered."""
        asked = _read(self.folder / REQUEST)
        if asked is None:
            return None
        outcome = _read(self.folder / OUTCOME) or {}
        if outcome.get("request") == asked.get("id", ""):
            return None
        told = _read(self.folder / PROGRESS) or {}
        return Pending(
            version=_text(asked, "version"),
            bundle=_text(asked, "bundle"),
            rollback=asked.get("rollback") is True,
            asked_by=_text(asked, "asked_by"),
            time=_time(asked) or datetime.fromtimestamp(0, UTC),
            zh=_text(told, "zh"),
            en=_text(told, "en"),
        )

    def outcome(self) -> Outcome | None:
        """What became of the last request, or None."""
        found = _read(self.folder / OUTCOME)
        if found is None or found.get("state") not in _STATES:
            return None
        code = found.get("code")
        raw = json.dumps(found, sort_keys=True).encode()
        return Outcome(
            digest=sha256(raw).hexdigest(),
            bundle=_text(found, "bundle"),
            version=_text(found, "version"),
            state=_STATES[found["state"]],
            code=code[:64] if isinstance(code, str) else None,
            sentence=f"{_text(found, 'zh')} {_text(found, 'en')}".strip(),
            time=_time(found),
        )

    def _ask(self, what: dict[str, Any], actor: str, now: datetime) -> None:
        if self.pending() is not None:
            raise UpdateBusy
        moment = now.astimezone(UTC).isoformat()
        document = {**what, "asked_by": actor, "at": moment}
        document["id"] = sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
        make_folder(self.folder)
        replace_file(self.folder / REQUEST, json.dumps(document, sort_keys=True).encode())


def _read(path: Path) -> dict[str, Any] | None:
    """A small file of one JSON object; what is none says nothing."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value[:_LONGEST] if isinstance(value, str) else ""


def _time(found: dict[str, Any]) -> datetime | None:
    try:
        told = datetime.fromisoformat(str(found["at"]))
    except (KeyError, ValueError):
        return None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
