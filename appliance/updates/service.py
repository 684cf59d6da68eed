"""Offline updates: a bundle of one model is judged, staged, put on the shelf and recorded."""

import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.updates.errors import BundleMissing, BundleUnsupported, ClockBehind
from appliance.updates.release import CARD, Release
from appliance.updates.staging import measure, stage
from appliance.updates.stick import Stick
from appliance.updates.store import Seen, UpdateStore
from appliance.updates.trust import Trust, TrustedBundle
from models.card import ModelCard
from models.errors import ModelsError

BUILD_TIME: Final = 1_767_225_600.0
"""A moment before this software was released, Unix seconds: no clock of a box stands before it."""
_AUDIT_TIMEOUT_S: Final = 30.0
_SHOWN: Final = 100


class Audit(Protocol):
    """The part of the audit log that updates need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Admit(Protocol):
    """Puts a model on the shelf; `CatalogueService.admit`."""

    def __call__(self, source: Path, card: ModelCard, actor: str) -> object:
        """Judge, copy and sign for a model file or folder."""
        ...


@dataclass(frozen=True, slots=True)
class Ground:
    """Where updates stand.

    Attributes:
        root: The vendor's trust root (`StateLayout.updates_root`).
        staging: A folder inside the vault.
        known_past: Returns a moment known to be past, Unix seconds (the last audit entry's time).
    """

    root: Path
    staging: Path
    known_past: Callable[[], float] = lambda: 0.0


class UpdateService:
    """Takes update sticks; synchronous, reads gigabytes, for the thread pool. One at a time.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        admit: Puts a staged model on the shelf.
        ground: Trust root and staging folder.
        clock: Unix time in seconds.
    """

    def __init__(
        self, db: Db, audit: Audit, admit: Admit, ground: Ground, clock: Callable[[], float]
    ) -> None:
        self._store = UpdateStore(db)
        self._audit = audit
        self._admit = admit
        self._ground = ground
        self._clock = clock
        self._trust = Trust(ground.root)
        self._one = threading.Lock()

    def list(self) -> list[Seen]:
        """Return the bundles seen, newest first."""
        return self._store.newest(_SHOWN)

    def verify(self, directory: Path, actor: str) -> Seen:
        """Judge a bundle and read every byte of it; the box stays as it is.

        Raises:
            BundleRefused: One of its kinds.
        """
        with self._one, self._judged(directory, actor) as (stick, bundle):
            measure(stick, bundle)
            return self._seen("verified", bundle.release, actor)

    def apply(self, directory: Path, actor: str) -> Seen:
        """Judge a bundle, stage it and put its model on the shelf.

        Raises:
            BundleRefused: One of its kinds; nothing has changed.
            ModelsError: The shelf refused the model (its format, its card, its id); the same.
        """
        with self._one, self._judged(directory, actor) as (stick, bundle):
            self._ground.staging.mkdir(mode=0o700, parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix="staged-", dir=self._ground.staging))
            try:
                stage(stick, bundle, work)
                card = ModelCard.from_bytes((work / CARD).read_bytes())
                if (card.id, card.version) != (bundle.release.model, bundle.release.version):
                    raise BundleUnsupported(reason=f"{CARD}: id, version")
                (work / CARD).unlink()
                self._admit(_source(work), card, actor)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            self._trust.keep(bundle)
            self._store.raise_floor(max(self._clock(), float(bundle.release.created)))
            return self._seen("applied", bundle.release, actor)

    @contextmanager
    def _judged(self, directory: Path, actor: str) -> Iterator[tuple[Stick, TrustedBundle]]:
        """Judge the metadata; record a refusal from here or from inside the block."""
        release: Release | None = None
        try:
            now = self._now()
            if not (directory / "metadata").is_dir():
                raise BundleMissing(directory=ascii(str(directory))[:200])
            stick = Stick(directory)
            with self._trust.judge(stick, now) as bundle:
                release = bundle.release
                yield stick, bundle
        except (ApplianceError, ModelsError) as error:
            self._refused(release, actor, error)
            raise

    def _now(self) -> float:
        now = self._clock()
        floor = max(BUILD_TIME, self._store.floor(), self._ground.known_past())
        if now < floor:
            raise ClockBehind(now=_day(now), floor=_day(floor))
        return now

    def _refused(
        self, release: Release | None, actor: str, error: ApplianceError | ModelsError
    ) -> None:
        name, version = ("?", "?") if release is None else (release.model, release.version)
        self._record("refuse", actor, name, version, error.code)
        self._store.add(
            Seen(_id(), "model", name, version, "refused", self._clock(), error.sentence)
        )

    def _seen(self, state: Literal["verified", "applied"], release: Release, actor: str) -> Seen:
        action: Literal["verify", "apply"] = "verify" if state == "verified" else "apply"
        self._record(action, actor, release.model, release.version, None)
        sentence = (
            "更新包可信且完整。 The bundle is trusted and complete."
            if state == "verified"
            else "模型已上架。 The model is on the shelf."
        )
        seen = Seen(_id(), "model", release.model, release.version, state, self._clock(), sentence)
        self._store.add(seen)
        return seen

    def _record(
        self,
        action: Literal["verify", "refuse", "apply"],
        actor: str,
        name: str,
        version: str,
        code: str | None,
    ) -> None:
        event = events.update_bundle(action, actor, name=name, version=version, code=code)
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _source(work: Path) -> Path:
    """Return the one staged file, or the folder when there are several."""
    files = sorted(work.iterdir())
    return files[0] if len(files) == 1 else work


def _id() -> str:
    return "upd_" + secrets.token_hex(8)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
