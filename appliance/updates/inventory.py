"""What sticks brought to this box: compared with a bundle, followed by newer versions, brought back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from appliance.audit import events, events_updates
from appliance.audit.event import Event
from appliance.updates.account import UNKNOWN
from appliance.updates.applying import Rooms
from appliance.updates.chunks import base_missing, missing
from appliance.updates.errors import NothingBefore, UpdateBusy
from appliance.updates.expiry import Override
from appliance.updates.fetcher import METADATA, Stick
from appliance.updates.foretold import log_steps
from appliance.updates.held import Holdings
from appliance.updates.manifest import SOFTWARE, SOFTWARE_ID
from appliance.updates.pace import pace_of
from appliance.updates.plan import (
    RESERVE,
    Change,
    Plan,
    Refusal,
    Site,
    Standing,
    changes_of,
    full,
    hindrances_of,
    room_of,
)
from appliance.updates.reading import read_package
from appliance.updates.staging import Staging
from appliance.updates.store import Installed, Seen, UpdateStore
from appliance.updates.verify import Verified

_MAX_TIMESTAMP: Final = 16_384
_STAGED: Final = "新软件版本已交给安装程序。 The release was handed to the installer."
_BACK: Final = "已退回上一版本。 It is again what it was before."
_ASKED_BACK: Final = (
    "已请安装程序退回上一软件版本。 The installer was asked for the release before."
)

Record = Callable[[Event], None]


def bundle_id(stick: Stick) -> str:
    """What a bundle is called before anything of it is believed: as `Verified.bundle`."""
    raw = stick.small(f"{METADATA}/timestamp.json", _MAX_TIMESTAMP)
    return UNKNOWN if raw is None else sha256(raw).hexdigest()[:16]


class Inventory:
    """What is installed, and what was before it.

    Args:
        store: Where that is remembered.
        rooms: Where packages stand.
    """

    def __init__(self, store: UpdateStore, rooms: Rooms) -> None:
        self._store = store
        self._rooms = rooms

    def told(self) -> tuple[tuple[Installed, str | None], ...]:
        """What is installed, each beside the version before it."""
        before = {(one.kind, one.package_id): one.version for one in self._store.before()}
        return tuple(
            (one, before.get((one.kind, one.package_id))) for one in self._store.installed()
        )

    def holdings(self) -> Holdings:
        """The chunks of every package that stands here, the versions before included."""
        found = []
        for one in (*self._store.installed(), *self._store.before()):
            folder = self._folder(one)
            if folder is not None:
                found.append((read_package(one.manifest, one.package_id), folder))
        return Holdings.of(found)

    def plan(self, found: Verified, site: Site, stick: Stick) -> Plan:
        """What a verified bundle on a stick would do to this box."""
        changes = changes_of(found.packages, self._here(site))
        held = self.holdings()
        live = [one.package for one in changes if one.live and one.what != "same"]
        staging = Staging(self._rooms.staging, found.bundle, held, self._rooms.free)
        come = staging.bytes_to_copy(live)
        copies, needs = room_of(changes, sum(package.shipped for package in live) - come)
        waiting = [one.package for one in changes if not one.live and one.what != "same"]
        left = come + sum(self._rooms.desk.left(found.bundle, one) for one in waiting)
        free = self._rooms.free(_there(self._rooms.staging))
        steps, refused = log_steps(stick, waiting)
        return Plan(
            bundle=found.bundle,
            signed_at=found.signed_at,
            changes=changes,
            copies=copies,
            left=left,
            needs=needs,
            free=free,
            hindrances=(
                *hindrances_of(changes, site),
                *(base_missing(package) for package in live if missing([package], held)),
                *self._busy(changes),
                *full(needs, free),
                *self._no_room_beside(changes),
                *refused,
            ),
            overridden=found.override is not None,
            pace=pace_of(found.bundle, self._store.rates()),
            log_steps=steps,
        )

    def rows(
        self, plan: Plan, tokens: Mapping[tuple[str, str], str], now: datetime
    ) -> tuple[Installed, ...]:
        """What is installed once a plan was carried out; releases are the installer's to tell."""
        return tuple(
            Installed(
                kind=one.package.kind,
                package_id=one.package.package_id,
                version=one.package.version,
                content=one.package.content,
                token=tokens[one.package.kind, one.package.package_id],
                bundle=plan.bundle,
                time=now,
                manifest=one.package.to_bytes(),
            )
            for one in plan.work
            if one.live
        )

    def prune(self, names: Sequence[tuple[str, str]]) -> None:
        """Forget of packages all versions but the one in use and the one before it."""
        before = {(one.kind, one.package_id): one.token for one in self._store.before()}
        for kind, package_id in names:
            token = before.get((kind, package_id))
            keep = frozenset() if token is None else frozenset({token})
            self._rooms.kinds[kind].prune(package_id, keep)

    def hand_over(
        self, plan: Plan, actor: str, now: datetime, record: Record, override: Override | None
    ) -> Seen | None:
        """Ask the installer for the release of a plan that was staged, if it has one."""
        seen = None
        people = () if override is None else override.by
        for change in (one for one in plan.work if not one.live):
            package, version = change.package, change.package.version
            self._runs(change.before or "", plan.bundle, now)
            record(events_updates.update_step("stage", actor, name=plan.bundle, version=version))
            self._rooms.desk.ask(plan.bundle, package, actor, now, people)
            seen = Seen(plan.bundle, SOFTWARE, SOFTWARE_ID, version, "staged", now, _STAGED)
            self._store.add(seen, actor)
        return seen

    def back(self, kind: str, package_id: str, actor: str, now: datetime, record: Record) -> Seen:
        """Use the version before again.

        Raises:
            NothingBefore: There is none.
            UpdateError, ModelsError: It cannot be used any more.
        """
        if kind == SOFTWARE and package_id == SOFTWARE_ID:
            record(
                events_updates.update_rollback(
                    actor, kind=kind, name=package_id, before="", after=""
                )
            )
            self._rooms.desk.ask_back(actor, now)
            seen = Seen(UNKNOWN, kind, package_id, "", "staged", now, _ASKED_BACK)
            self._store.add(seen, actor)
            return seen
        here = _find(self._store.installed(), kind, package_id)
        before = _find(self._store.before(), kind, package_id)
        if here is None or before is None or self._folder(before) is None:
            raise NothingBefore(name=f"{kind}/{package_id}"[:160])
        room = self._rooms.kinds[kind]
        room.switch(package_id, before.token, actor)
        try:
            record(
                events_updates.update_rollback(
                    actor, kind=kind, name=package_id, before=here.version, after=before.version
                )
            )
            self._store.swap(kind, package_id)
        except BaseException:
            room.switch(package_id, here.token, actor)
            raise
        seen = Seen(before.bundle, kind, package_id, before.version, "rolled-back", now, _BACK)
        self._store.add(seen, actor)
        return seen

    def hear(self, now: datetime, record: Record) -> Seen | None:
        """Put on record what the installer did, once."""
        told = self._rooms.desk.outcome()
        if told is None or self._store.knows_outcome(told.digest):
            return None
        name = told.bundle or UNKNOWN
        if told.state == "refused":
            record(
                events.update_bundle(
                    "refuse", events.BOX, name=name, version=told.version, code=told.code
                )
            )
        elif told.state == "rolled-back":
            record(
                events_updates.update_rollback(
                    events.BOX, kind=SOFTWARE, name=SOFTWARE_ID, before="", after=told.version
                )
            )
        else:
            step: Literal["bless", "revert"] = "bless" if told.state == "applied" else "revert"
            record(
                events_updates.update_step(
                    step, events.BOX, name=name, version=told.version, code=told.code
                )
            )
        if told.state == "applied":
            self._runs(told.version, name, now)
        elif told.state == "rolled-back" and _find(self._store.before(), SOFTWARE, SOFTWARE_ID):
            self._store.swap(SOFTWARE, SOFTWARE_ID)
        when = told.time or now.astimezone(UTC)
        seen = Seen(name, SOFTWARE, SOFTWARE_ID, told.version, told.state, when, told.sentence)
        self._store.add(seen, events.BOX, told.code)
        self._store.add_outcome(told.digest, now)
        self._rooms.desk.forget()
        return seen

    def _runs(self, version: str, bundle: str, now: datetime) -> None:
        """Remember which release runs, so that people see what a rollback would bring back."""
        here = _find(self._store.installed(), SOFTWARE, SOFTWARE_ID)
        if here is None or here.version != version:
            row = Installed(SOFTWARE, SOFTWARE_ID, version, "", "", bundle, now, b"")
            self._store.follow((row,))

    def _here(self, site: Site) -> dict[tuple[str, str], Standing]:
        here = {
            (one.kind, one.package_id): Standing(one.version, one.content)
            for one in self._store.installed()
            if self._folder(one) is not None
        }
        here[SOFTWARE, SOFTWARE_ID] = Standing(site.release, "")
        return here

    def _busy(self, changes: Sequence[Change]) -> tuple[Refusal, ...]:
        wanted = any(not one.live and one.what != "same" for one in changes)
        return (UpdateBusy(),) if wanted and self._rooms.desk.pending() is not None else ()

    def _folder(self, one: Installed) -> Path | None:
        room = self._rooms.kinds.get(one.kind)
        return None if room is None else room.folder(one.package_id, one.token)

    def _no_room_beside(self, changes: Sequence[Change]) -> Iterator[Refusal]:
        """A release waits outside the vault, and is put together there once more."""
        wanted = [one.package for one in changes if not one.live and one.what != "same"]
        if wanted:
            needs = sum(one.shipped + one.size for one in wanted) + RESERVE
            yield from full(needs, self._rooms.free(_there(self._rooms.desk.folder)))


def _there(folder: Path) -> Path:
    """The nearest folder that is there already."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _find(rows: Sequence[Installed], kind: str, package_id: str) -> Installed | None:
    return next((one for one in rows if (one.kind, one.package_id) == (kind, package_id)), None)
