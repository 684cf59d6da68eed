"""Offline updates: what is on a stick, whether it holds, and putting it on the shelf."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.updates.account import Account
from appliance.updates.content import FreeBytes, Staging, check_content, free_bytes, read_card
from appliance.updates.errors import ContentRefused, DiskRefused, StickUnreadable, UpdateBusy
from appliance.updates.fetcher import Stick
from appliance.updates.packages import Package
from appliance.updates.store import Seen, UpdateStore
from appliance.updates.trust import Pinned, TrustStore, describe, sound_root
from appliance.updates.verify import Verified, verify_metadata
from models.card import ModelCard
from models.errors import ModelExists, ModelsError, ModelUnknown
from models.formats.inspect import require_model
from models.registry.manifest import Manifest, card_digest
from models.registry.package import check_card
from models.registry.shelf import ShelvedModel

_ROOT: Final = "trust-root"
_AUDIT_TIMEOUT_S: Final = 30.0
_VERIFIED: Final = "更新包已校验,可以应用。 The bundle holds and can be applied."
_APPLIED: Final = "更新已应用,模型已上架。 The update was applied; its models are on the shelf."


class Audit(Protocol):
    """The part of the audit log that updates need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Catalogue(Protocol):
    """The part of the catalogue that updates need; it records what it does."""

    def get(self, model_id: str, /) -> ShelvedModel:
        """Return a model. Raises ModelUnknown, ModelDamaged or ManifestUntrusted."""
        ...

    def admit(self, source: Path, card: ModelCard, actor: str, /) -> Manifest:
        """Judge a model, copy it onto the shelf and sign for it."""
        ...

    def remove(self, model_id: str, actor: str, /) -> None:
        """Take a model off the shelf."""
        ...


@dataclass(frozen=True, slots=True)
class Places:
    """Where this room keeps things.

    Attributes:
        root: The file of the trusted root, outside the vault.
        staging: The folder where bundles are taken in, inside the vault.
    """

    root: Path
    staging: Path


class UpdateService:
    """Verifies bundles and applies them; synchronous, reads gigabytes, for the thread pool.

    A refusal leaves the shelf and the trusted versions as they were, is recorded in the audit log
    and in the history, and is raised.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        catalogue: Where models go.
        places: Folders.
        clock: The time.
        free: Tells how much room a disk has.
    """

    def __init__(  # the last has one value outside of tests
        self,
        db: Db,
        audit: Audit,
        catalogue: Catalogue,
        places: Places,
        clock: Callable[[], datetime],
        free: FreeBytes = free_bytes,
    ) -> None:
        self._store = UpdateStore(db)
        self._audit = audit
        self._catalogue = catalogue
        self._trust = TrustStore(places.root)
        self._staging = places.staging
        self._clock = clock
        self._free = free
        self._busy = threading.Lock()

    def list(self, limit: int = 100) -> tuple[Seen, ...]:
        """Return the history, newest first."""
        return self._store.newest(limit)

    def trusted(self) -> Pinned:
        """Describe the trusted root. Raises NoTrustRoot or TrustDamaged."""
        return self._trust.pinned()

    def verify(self, directory: Path, actor: str) -> Seen:
        """Read a whole bundle and say what is on it; nothing but the record is written.

        Args:
            directory: Where the stick is mounted.
            actor: Who asked.

        Raises:
            UpdateError: The bundle is refused; the kind says why.
            ModelsError: A model card in it is malformed.
            AuditUnavailable: It cannot be recorded.
        """
        with self._one_at_a_time(), self._refusals(actor) as seen, Stick(directory) as stick:
            found = self._judge(stick, seen, actor)
            cards = tuple(read_card(stick, package) for package in found.packages)
            seen.about(found, cards)
            check_content(stick, found.items)
            return self._note(seen.value("verified", _VERIFIED, self._now()), actor)

    def apply(self, directory: Path, actor: str) -> Seen:
        """Take a bundle in, judge the copy, and put its models on the shelf.

        The stick is read once; what counts afterwards are the bytes in staging, inside the vault.
        Applying the same bundle again changes nothing and succeeds.

        Args:
            directory: Where the stick is mounted.
            actor: Who asked.

        Raises:
            UpdateError: The bundle is refused, or there is no room; the kind says why.
            ModelsError: A model in it is not acceptable, or its id is taken.
            AuditUnavailable: It cannot be recorded.
        """
        with self._one_at_a_time(), self._refusals(actor) as seen, Stick(directory) as stick:
            found = self._judge(stick, seen, actor)
            staging = Staging(self._staging, found.bundle, self._free)
            with _kept_for_resuming(staging):
                staging.prepare(found.packages)
                staging.take(stick, found.packages)
                staging.check(found.packages)
                cards = {package.model_id: staging.card(package) for package in found.packages}
                seen.about(found, tuple(cards.values()))
                for package in found.packages:
                    self._check_model(staging, package, cards[package.model_id])
                self._note(seen.value("verified", _VERIFIED, self._now()), actor)
                with self._undone_on_failure(found, actor):
                    for package in found.packages:
                        self._admit(staging, package, cards[package.model_id], actor)
                    self._know(found.accepted.root, actor)
                    told = seen.value("applied", _APPLIED, self._now())
                    # First the record: without one, not even the floor may rise.
                    self._record("apply", actor, told.id, told.version)
                    self._trust.commit(found.accepted)
                    self._store.add(told, actor)
            staging.forget()
            return told

    def _judge(self, stick: Stick, seen: Account, actor: str) -> Verified:
        anchor = self._trust.anchor()
        # A root is put in place by the administrator beside the running box: it counts only once
        # the log knows of it.
        self._know(anchor.root, actor)
        found = verify_metadata(stick, anchor, self._clock())
        seen.about(found, ())
        return found

    def _know(self, root: bytes, actor: str) -> None:
        pinned = describe(sound_root(root))
        if self._store.knows_root(pinned.fingerprint):
            return
        version = f"{pinned.version} sha256:{pinned.fingerprint}"
        self._record("apply", actor, _ROOT, version)
        self._store.add_root(pinned.fingerprint, pinned.version, self._now())

    def _check_model(self, staging: Staging, package: Package, card: ModelCard) -> None:
        """Refuse before anything is touched what the shelf would refuse in the middle."""
        source = staging.source(package)
        check_card(card, require_model(source))
        held = self._on_shelf(package.model_id)
        if held is not None and not _same(held.manifest, package, card):
            raise ModelExists(model_id=package.model_id)

    def _admit(self, staging: Staging, package: Package, card: ModelCard, actor: str) -> None:
        if self._on_shelf(package.model_id) is not None:
            return
        made = self._catalogue.admit(staging.source(package), card, actor)
        if not _same(made, package, card):
            raise ContentRefused(
                name=f"models/{package.model_id}",
                reason_zh="上架时内容已变",
                reason_en="it changed on its way to the shelf",
            )

    def _on_shelf(self, model_id: str) -> ShelvedModel | None:
        try:
            return self._catalogue.get(model_id)
        except ModelUnknown:
            return None

    @contextmanager
    def _undone_on_failure(self, found: Verified, actor: str) -> Iterator[None]:
        ids = [package.model_id for package in found.packages]
        new = [model_id for model_id in ids if self._on_shelf(model_id) is None]
        try:
            yield
        except BaseException:
            for model_id in new:
                with suppress(ApplianceError, ModelsError):
                    self._catalogue.remove(model_id, actor)
            raise

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise UpdateBusy
        try:
            yield
        finally:
            self._busy.release()

    @contextmanager
    def _refusals(self, actor: str) -> Iterator[Account]:
        """Put a refusal on record and let it pass on."""
        account = Account()
        try:
            yield account
        except (ApplianceError, ModelsError) as error:
            told = account.value("refused", error.sentence, self._now())
            self._record("refuse", actor, told.id, told.version, error.code)
            self._store.add(told, actor, error.code)
            raise

    def _note(self, seen: Seen, actor: str) -> Seen:
        self._record("verify", actor, seen.id, seen.version)
        self._store.add(seen, actor)
        return seen

    def _record(
        self,
        action: Literal["verify", "refuse", "apply"],
        actor: str,
        name: str,
        version: str,
        code: str | None = None,
    ) -> None:
        event = events.update_bundle(action, actor, name=name, version=version, code=code)
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)


@contextmanager
def _kept_for_resuming(staging: Staging) -> Iterator[None]:
    """Keep what came over when a stick is pulled out; forget what was refused."""
    try:
        yield
    except StickUnreadable:
        raise
    except OSError as error:
        staging.forget()
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error
    except BaseException:
        staging.forget()
        raise


def _same(manifest: Manifest, package: Package, card: ModelCard) -> bool:
    signed = {
        item.name.removeprefix("files/"): (item.length, item.sha256) for item in package.files
    }
    there = {row.name: (row.size, row.sha256) for row in manifest.files}
    return there == signed and manifest.card_digest == card_digest(card)
