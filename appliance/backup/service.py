"""Backups of an open box: its targets, what it asks of workers, and what it remembers of them."""

import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit import events_backup as events
from appliance.audit.event import Event
from appliance.backup.disk import mark_disk
from appliance.backup.errors import TargetRefused
from appliance.backup.keyfile import FULL, IDENTITY, escrow_key, unlock_document
from appliance.backup.places import Where, open_target, try_target
from appliance.backup.process import Json
from appliance.backup.recipients import is_recipient, recipient_of
from appliance.backup.repository import Memory
from appliance.backup.rules import BackupRules
from appliance.backup.standing import Standing, standing_of, told_of
from appliance.backup.store import BackupStore, KnownTarget, RunRecord, What
from appliance.db.database import Db
from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import read_sealed_root
from appliance.vault.opened import Opened
from secure_compute.secret import Secret
from secure_compute.slot_kinds import PASSPHRASE

LOGIN: Final = "backup-login"
SIGNER: Final = "backup"
_AUDIT_TIMEOUT_S: Final = 30.0


class Audit(Protocol):
    """The part of the audit log that backups need."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class TargetReport:
    """A target and how things stand with it.

    Args:
        target: what is remembered.
        created: the last backup, also one that failed.
        verified: the last check.
        drilled: the last drill.
    """

    target: KnownTarget
    created: RunRecord | None
    verified: RunRecord | None
    drilled: RunRecord | None


class BackupService:
    """Targets, requests to workers, and their results on record; for the thread pool.

    Args:
        db: the box's database, with this room's migrations applied.
        audit: the audit log.
        opened: the open vault.
        layout: where the state lies.
        rules: how backups are made.
        clock: Unix time in seconds.
    """

    def __init__(  # what stands behind each is made once, in the composition root
        self,
        db: Db,
        audit: Audit,
        opened: Opened,
        layout: StateLayout,
        rules: BackupRules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = BackupStore(db)
        self._audit = audit
        self._opened = opened
        self._layout = layout
        self.rules = rules
        self._clock = clock

    # Targets --------------------------------------------------------------------------------------

    def targets(self) -> tuple[TargetReport, ...]:
        """Every target with its last backup, check and drill."""
        last = self._store.last
        return tuple(
            TargetReport(
                one, last(one.name, "create"), last(one.name, "verify"), last(one.name, "drill")
            )
            for one in self._store.targets()
        )

    def standing(self) -> tuple[Standing, ...]:
        """Every target, with when it was last well."""
        return standing_of(self._store)

    def now(self) -> float:
        """Unix seconds, by the clock that runs are noted with."""
        return self._clock()

    def names(self) -> Sequence[str]:
        """The names of all targets."""
        return [one.name for one in self._store.targets()]

    def add(self, target: KnownTarget, actor: str) -> KnownTarget:
        """Name a target, once it was reached; a disk gets its mark.

        Raises:
            TargetRefused: it cannot be written, or lies inside the box's own state.
            TargetExists: the name is taken.
            HostKeyWrong, TargetGone: the server is another one or does not answer.
        """
        pin = self._pin(target)
        known = KnownTarget(target.name, target.kind, target.place, pin, self._clock())
        with closing(open_target(self._where(known))) as reached:
            try_target(reached)
        self._store.add(known)
        self._record(
            events.backup_target("add", actor, target=known.name, kind=known.kind, pin=pin)
        )
        return known

    def remove(self, name: str, actor: str) -> None:
        """Forget a target; what lies there stays. Raises TargetUnknown."""
        known = self._store.target(name)
        self._record(
            events.backup_target("remove", actor, target=name, kind=known.kind, pin=known.pin)
        )
        self._store.remove(name)

    def login(self) -> str:
        """The line of `authorized_keys` that lets the box in to SFTP servers."""
        from appliance.backup.sftp import login_line  # noqa: PLC0415  # loads asyncssh

        return login_line(self._opened.key(LOGIN), self.rules.box)

    def recipient(self) -> str:
        """The box's own backup key: `age1...`."""
        with Secret(self._opened.key(IDENTITY)) as identity:
            return recipient_of(identity)

    # Requests -------------------------------------------------------------------------------------

    def request(self, what: What, name: str, **wishes: Any) -> Json:
        """What a worker is told; it holds keys, so it goes to nobody else.

        Raises:
            TargetUnknown: there is no such target.
            TargetRefused: a further recipient of the settings is none.
            VaultLocked: the vault was locked in the meantime.
        """
        known = self._store.target(name)
        opened, rules = self._opened, self.rules
        with Secret(opened.key(IDENTITY)) as identity:
            escrow, keyring = opened.escrow(escrow_key(identity))
            own = recipient_of(identity)
            keys = {
                "audit.db": opened.key("audit.db").hex(),
                "box.db": opened.key("box.db").hex(),
                "identity": identity.reveal().hex(),
                "signer": opened.signing_key(SIGNER).seed().hex(),
            }
        if self._layout.bodies_db.exists():
            keys["bodies.db"] = opened.key("bodies.db").hex()
        for text in rules.recipients:
            if not is_recipient(text):
                raise TargetRefused(
                    name=text[:80], reason_zh="不是 age 公钥", reason_en="it is no age recipient"
                )
        kinds = FULL | {PASSPHRASE} if rules.passphrase else FULL
        unlock = unlock_document(read_sealed_root(self._layout), opened.wrapped(IDENTITY), kinds)
        return {
            "box": rules.box,
            "deep": True,
            "escrow": b64encode(escrow).decode(),
            "keep": asdict(rules.keep),
            "keyring": b64encode(keyring).decode(),
            "keys": keys,
            "memory": None if known.memory is None else asdict(known.memory),
            "mode": what,
            "model": rules.model,
            "recipients": [own, *rules.recipients],
            "root": str(self._layout.root),
            "since": known.added,
            "servers": [str(place) for place in rules.servers],
            "snapshot": None,
            "threads": rules.threads,
            "unlock": b64encode(unlock).decode(),
            "verified": self._verified(name),
            "version": rules.version,
            "where": self._where(known).to_json(),
            **wishes,
        }

    def keep(
        self, what: What, name: str, actor: str, result: Json, since: float | None = None
    ) -> Json:
        """Put a result on record and remember how far the backup has come; what people may see.

        Args:
            what: was done.
            name: of the target.
            actor: who asked.
            result: of the worker; it is taken apart.
            since: when the target of the request was named. One of the same name that was named
                meanwhile is another, and remembers nothing of this.
        """
        memory = Memory(**result.pop("memory"))
        snapshots = result.pop("snapshots")
        digest = result.pop("digest")
        self._events(what, name, actor, result, (memory, digest))
        if since not in {None, *(one.added for one in self._store.targets() if one.name == name)}:
            return {**result, "target": name}
        self._store.remember(name, memory, snapshots)
        ok, sentence = told_of(what, result)
        run = RunRecord(name, what, self._clock(), ok, result["snapshot"], sentence, result)
        self._store.note(run)
        return {**result, "target": name}

    def fail(self, what: What, name: str, actor: str, code: str, sentence: str) -> None:
        """Put a failure on record."""
        self._record(events.snapshot_fail(actor, target=name, what=what, code=code))
        self._store.note(
            RunRecord(name, what, self._clock(), False, None, sentence, {"code": code})
        )

    def _events(
        self, what: What, name: str, actor: str, result: Json, list_: tuple[Memory, str]
    ) -> None:
        memory, digest = list_
        if what == "verify":
            ok, damaged, objects = result["ok"], result["damaged"], result["objects"]
            event = events.copy_verify(actor, target=name, ok=ok, damaged=damaged, objects=objects)
        elif what == "drill":
            size, model = result["tree_size"], result["model"]
            number = result["snapshot"]
            event = events.copy_drill(
                actor, target=name, snapshot=number, tree_size=size, model=model
            )
        else:
            event = events.snapshot_create(
                actor,
                target=name,
                repository=memory.repository,
                snapshot=result["snapshot"],
                tree_size=result["tree_size"],
                digest=digest,
            )
        self._record(event)
        pruned = result.get("pruned")
        if pruned and pruned["dropped"]:
            self._record(
                events.snapshot_forget(
                    actor, target=name, snapshots=pruned["dropped"], freed=pruned["freed"]
                )
            )

    def _verified(self, name: str) -> list[int]:
        """Snapshots that the last check found whole, and those that a drill brought back."""
        run, drilled = self._store.last(name, "verify"), self._store.last(name, "drill", ok=True)
        whole = list(run.result.get("whole", [])) if run is not None else []
        return [*whole, drilled.snapshot] if drilled and drilled.snapshot else whole

    def _pin(self, target: KnownTarget) -> str:
        if target.kind == "sftp":
            from appliance.backup.sftp import Server, host_key  # noqa: PLC0415  # loads asyncssh

            Server.parse(target.place, target.name)
            key = host_key(target.pin, target.name)
            return key.export_public_key().decode().strip()
        root = Path(target.place)
        inside = root.is_absolute() and root.resolve().is_relative_to(self._layout.root.resolve())
        if not root.is_absolute() or inside:
            raise TargetRefused(
                name=target.name,
                reason_zh="须为设备状态目录以外的绝对路径",
                reason_en="it must be an absolute path outside the box's own state",
            )
        return mark_disk(root, target.name) if target.kind == "disk" else ""

    def _where(self, known: KnownTarget) -> Where:
        login = self._opened.key(LOGIN) if known.kind == "sftp" else b""
        return Where(known.name, known.kind, known.place, known.pin, login)

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
