"""Offline updates: what is on a stick, whether it holds, what it would change, and changing it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from appliance.audit import events, events_updates
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.updates.account import Account
from appliance.updates.applying import (
    Application,
    Rooms,
    Told,
    kept_for_resuming,
    silent,
    undone_on_failure,
)
from appliance.updates.chunks import shipped
from appliance.updates.content import check_content
from appliance.updates.errors import BundleExpired, RecordDoubtful, UpdateBusy, UpdateInterrupted
from appliance.updates.expiry import Override
from appliance.updates.fetcher import Stick
from appliance.updates.inventory import Inventory, bundle_id
from appliance.updates.pace import Measure, Stopwatch
from appliance.updates.plan import Plan
from appliance.updates.software import Pending
from appliance.updates.store import Installed, Seen, UpdateStore
from appliance.updates.surroundings import Audit, Surroundings
from appliance.updates.trust import Pinned, TrustStore, describe, sound_root
from appliance.updates.verify import Verified, verify_metadata
from models.errors import ModelsError

_ROOT: Final = "trust-root"
_AUDIT_TIMEOUT_S: Final = 30.0
_VERIFIED: Final = "更新包已校验,可以应用。 The bundle holds and can be applied."
_APPLIED: Final = "更新已应用并生效。 The update was applied and is in use."
_SAME: Final = "已是最新,没有可更新的内容。 Everything on it is here already; nothing was changed."
_TAKEN: Final = "更新包已接收。 The bundle was taken in."


class UpdateService:
    """Verifies bundles and applies them; synchronous, reads gigabytes, for the thread pool.

    A refusal leaves everything in use and the trusted versions as they were, is recorded in the
    audit log and in the history, and is raised.

    Args:
        db: The box's database, with this room's migrations applied.
        audit: The audit log.
        rooms: Where packages go.
        root: The file of the trusted root, outside the vault.
        around: Clock and box.
    """

    def __init__(
        self, db: Db, audit: Audit, rooms: Rooms, root: Path, around: Surroundings
    ) -> None:
        self._db = db
        self._store = UpdateStore(db)
        self._audit = audit
        self._rooms = rooms
        self._around = around
        self._trust = TrustStore(root)
        self._inventory = Inventory(self._store, rooms)
        self._busy = threading.Lock()

    # Telling ------------------------------------------------------------------------------------

    def list(self, limit: int = 100) -> tuple[Seen, ...]:
        """Return the history, newest first."""
        return self._store.newest(limit)

    def trusted(self) -> Pinned:
        """Describe the trusted root. Raises NoTrustRoot or TrustDamaged."""
        return self._trust.pinned()

    def installed(self) -> tuple[tuple[Installed, str | None], ...]:
        """What sticks brought, each beside the version before it."""
        return self._inventory.told()

    def pending(self) -> Pending | None:
        """The release that waits for the installer, if any."""
        return self._rooms.desk.pending()

    # Sticks -------------------------------------------------------------------------------------

    def plan(self, directory: Path, actor: str, override: Override | None = None) -> Plan:
        """Say what applying a bundle would do; its content is not read.

        Args:
            directory: Where the stick is mounted.
            actor: Who asked.
            override: Two people who let it pass though it has expired.

        Raises:
            UpdateError: The bundle is refused; the kind says why.
            AuditUnavailable: It cannot be recorded.
        """
        with self._one_at_a_time(), self._refusals(actor) as seen, Stick(directory) as stick:
            found = self._judge(stick, seen, actor, override)
            plan = self._inventory.plan(found, self._around.site(), stick)
            told = seen.value("verified", _VERIFIED, self._now())
            self._record(
                events_updates.update_step("plan", actor, name=told.id, version=told.version)
            )
            return plan

    def verify(self, directory: Path, actor: str, told: Told = silent) -> Seen:
        """Read a whole bundle and say what is on it; nothing but the record is written.

        Args:
            directory: Where the stick is mounted.
            actor: Who asked.
            told: Told how far it is.

        Raises:
            UpdateError: The bundle is refused; the kind says why.
            AuditUnavailable: It cannot be recorded.
        """
        with self._one_at_a_time(), self._refusals(actor) as seen, Stick(directory) as stick:
            found = self._judge(stick, seen, actor, None)
            watch = Stopwatch(self._around.monotonic, self._keep, told)
            with watch.timing("read", found.bundle, shipped(found.packages)):
                check_content(stick, found.packages, partial(watch.tell, "read"))
            return self._note(seen.value("verified", _VERIFIED, self._now()), actor)

    def apply(
        self,
        directory: Path,
        actor: str,
        told: Told = silent,
        override: Override | None = None,
    ) -> Seen:
        """Take a bundle in, judge the copy, and put it in use; a release waits for the installer.

        The stick is read once; what counts afterwards are the bytes in staging, inside the vault.
        Applying the same bundle again changes nothing and succeeds.

        Args:
            directory: Where the stick is mounted.
            actor: Who asked.
            told: Told how far it is; may raise UpdateInterrupted.
            override: Two people who let it pass though it has expired.

        Raises:
            UpdateError: The bundle is refused, or there is no room; the kind says why.
            ModelsError: A model in it is not acceptable, or its id is taken.
            AuditUnavailable: It cannot be recorded.
        """
        with self._one_at_a_time(), self._refusals(actor) as seen, Stick(directory) as stick:
            found = self._judge(stick, seen, actor, override)
            plan = self._inventory.plan(found, self._around.site(), stick)
            if plan.hindrances:
                raise plan.hindrances[0]
            work = tuple(change.package for change in plan.work)
            held = self._inventory.holdings()
            watch = Stopwatch(self._around.monotonic, self._keep, told)
            one = Application(self._rooms, found.bundle, work, held, watch.tell)
            with kept_for_resuming(one):
                with watch.timing("copy", found.bundle, plan.left, plan.copies - plan.left):
                    one.take(stick, found.packages)
                with watch.timing("make", found.bundle, plan.made):
                    one.make()
                self._note(seen.value("verified", _VERIFIED, self._now()), actor)
                with undone_on_failure(one):
                    one.place(actor)
                    self._know(found.accepted.root, actor)
                    done = self._commit(one, found, seen, plan, actor)
            # What only counts once everything else is done.
            one.forget()
            self._inventory.prune(tuple(one.tokens))
            asked = self._inventory.hand_over(
                plan, actor, self._now(), self._record, found.override
            )
            return asked or done

    def rollback(self, kind: str, package_id: str, actor: str) -> Seen:
        """Use the version of a package again that was in use before its last update.

        Args:
            kind: Of the package.
            package_id: Its id.
            actor: Who asked.

        Raises:
            NothingBefore: There is none.
            UpdateError, ModelsError: It cannot be used any more.
            AuditUnavailable: It cannot be recorded.
        """
        with self._one_at_a_time(), self._refusals(actor) as seen:
            seen.concern(kind, package_id)
            return self._inventory.back(kind, package_id, actor, self._now(), self._record)

    def hear(self) -> Seen | None:
        """Put on record what became of the release that the installer was asked for, once.

        While another update is at work nothing is heard: it may be staging the next release.
        """
        if not self._busy.acquire(blocking=False):
            return None
        try:
            return self._inventory.hear(self._now(), self._record)
        finally:
            self._busy.release()

    # Inside -------------------------------------------------------------------------------------

    def _judge(
        self, stick: Stick, seen: Account, actor: str, override: Override | None
    ) -> Verified:
        doubt = self._around.doubt()
        if doubt is not None:
            raise RecordDoubtful(reason_zh=doubt[0], reason_en=doubt[1])
        anchor = self._trust.anchor()
        # A root is put in place by the administrator beside the running box: it counts only once
        # the log knows of it.
        self._know(anchor.root, actor)
        now, past = self._around.clock(), self._around.past()
        try:
            found = verify_metadata(stick, anchor.not_before(past), now, override)
        except BundleExpired as error:
            # Two people may let this very bundle pass: they need to name it.
            raise BundleExpired(name=f"{bundle_id(stick)} {error.facts['name']}") from error
        seen.about(found)
        if found.override is not None:
            people = sorted(found.override.by)
            self._record(events_updates.update_override(actor, name=found.bundle, people=people))
        return found

    def _know(self, root: bytes, actor: str) -> None:
        pinned = describe(sound_root(root))
        if self._store.knows_root(pinned.fingerprint):
            return
        version = f"{pinned.version} sha256:{pinned.fingerprint}"
        self._record(events.update_bundle("apply", actor, name=_ROOT, version=version))
        self._store.add_root(pinned.fingerprint, pinned.version, self._now())

    def _commit(
        self, one: Application, found: Verified, seen: Account, plan: Plan, actor: str
    ) -> Seen:
        live = any(change.live for change in plan.work)
        sentence = _APPLIED if live else _TAKEN if plan.work else _SAME
        done = seen.value("applied", sentence, self._now())
        # First the record: without one, not even the floor may rise.
        self._record(events.update_bundle("apply", actor, name=done.id, version=done.version))
        self._trust.commit(found.accepted)
        with self._db.write():
            self._store.follow(self._inventory.rows(plan, one.tokens, done.time))
            self._store.add(done, actor)
        return done

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
        except UpdateInterrupted:
            raise
        except (ApplianceError, ModelsError) as error:
            told = account.value("refused", error.sentence, self._now())
            self._record(
                events.update_bundle(
                    "refuse", actor, name=told.id, version=told.version, code=error.code
                )
            )
            self._store.add(told, actor, error.code)
            raise

    def _note(self, seen: Seen, actor: str) -> Seen:
        self._record(events.update_bundle("verify", actor, name=seen.id, version=seen.version))
        self._store.add(seen, actor)
        return seen

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)

    def _keep(self, measure: Measure) -> None:
        self._store.add_rate(measure, self._now())

    def _now(self) -> datetime:
        return self._around.clock().astimezone(UTC)
