"""A small box with a real vault and real databases on plain disk, and a target beside it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit.events import settings_load
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.backup.creating import Creation
from appliance.backup.keyfile import IDENTITY, Holder, escrow_key, unlock_document
from appliance.backup.opening import open_or_make
from appliance.backup.ours import Ours
from appliance.backup.recipients import recipient_of
from appliance.backup.repository import Memory, Repository
from appliance.backup.snapshot import Snapshot
from appliance.backup.target import DirectoryTarget, Target
from appliance.db.database import Db, Migration
from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import read_sealed_root
from appliance.vault.opened import Opened
from appliance.vault.vault import Vault
from secure_compute.sealed_root import Argon2Cost
from secure_compute.secret import Secret
from tests.appliance.backup.listening import untold

ORIGIN = "wardbox/test"
PASSPHRASE = "twelve signs and more"
CHEAP = Argon2Cost(64, 1, 1)
MARK = "机密 MARKER"


def table(db) -> None:
    db.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")


TABLES = (Migration("test.001", table),)


class PlainFiles:
    """The files of a vault on plain disk."""

    name = "embedded"

    def check(self) -> None: ...

    def prepare(self, key: bytes) -> None: ...

    def mount(self, key: bytes) -> None: ...

    def tell(self, slots: object) -> None: ...

    def unmount(self) -> None: ...

    def erase(self) -> None: ...


@dataclass
class SmallBox:
    """A box's state, its vault open."""

    layout: StateLayout
    clock: Callable[[], float]
    recovery: str = ""
    opened: Opened = field(init=False)

    def make(self) -> None:
        layout = self.layout
        vault = self.vault()
        self.recovery = vault.create(PASSPHRASE).recovery_key
        self.opened = vault.unlock(PASSPHRASE)
        layout.settings_file.write_text("[box]\nname = 'test'\n")
        (layout.shelf / "blobs").mkdir(parents=True)
        blob = layout.shelf / "blobs" / "ab"
        blob.write_bytes(os.urandom(300_000))
        model = layout.shelf / "models" / "tiny" / "files"
        model.mkdir(parents=True)
        (model / "weights.gguf").hardlink_to(blob)
        layout.caller_files.mkdir()
        (layout.caller_files / "train.jsonl").write_text(f'{{"text": "{MARK}"}}\n' * 5000)
        (layout.uploads / "half").mkdir(parents=True)
        (layout.uploads / "half" / "unjudged").write_bytes(b"x")
        with self.db() as db:
            self.fill(db, 200)
        self.record(3)
        self.age()

    def vault(self) -> Vault:
        def clock() -> datetime:
            return datetime.fromtimestamp(self.clock(), UTC)

        return Vault(self.layout, ORIGIN, PlainFiles(), clock, cost=CHEAP)

    def reopen(self) -> None:
        """Open the vault in a process that was forked off: keys do not follow into one."""
        self.opened = self.vault().unlock(PASSPHRASE)

    def age(self) -> None:
        """Let everything look old, as most things are when the night's backup begins."""
        old = int((self.clock() - 3600) * 1e9)
        for folder, _, names in os.walk(self.layout.root):
            for name in names:
                os.utime(Path(folder, name), ns=(old, old), follow_symlinks=False)

    def db(self) -> Db:
        return Db(self.layout.box_db, self.opened.key("box.db"), TABLES)

    @staticmethod
    def fill(db: Db, count: int) -> None:
        with db.write() as tx:
            for _ in range(count):
                tx.execute("INSERT INTO things (text) VALUES (?)", [f"{MARK} " + "x" * 300])

    def record(self, count: int) -> int:
        """Write entries into the audit log; how many it holds then."""
        log = self.log()
        for _ in range(count):
            log.append(settings_load(digest="0" * 64)).result(30)
        size = log.reader.size()
        log.close()
        return size + 1

    def log(self) -> AuditLog:
        identity = AuditIdentity(self.opened.signing_key("audit"), ORIGIN)
        key = self.opened.key("audit.db")
        return AuditLog.open(self.layout.audit_db, key, identity, clock=lambda: datetime.now(UTC))

    @property
    def identity(self) -> Secret:
        return Secret(self.opened.key(IDENTITY))

    @property
    def signer(self):
        return self.opened.signing_key("backup")

    def ours(self, threads: int = 1) -> Ours:
        root, keyring = self.opened.escrow(escrow_key(self.identity))
        return Ours(
            layout=self.layout,
            box_key=self.opened.key("box.db"),
            audit_key=self.opened.key("audit.db"),
            signer=self.signer,
            root=root,
            keyring=keyring,
            version="test",
            threads=threads,
            now=self.clock,
            bodies_key=self.opened.key("bodies.db") if self.layout.bodies_db.exists() else None,
        )

    @property
    def holder_recipient(self) -> str:
        return recipient_of(self.identity)

    def repository(self, target: Target, memory: Memory | None = None) -> Repository:
        recipients = (recipient_of(self.identity),)
        holder = Holder(self.identity, recipients, self.signer.verify_key, "test")
        return open_or_make(target, holder, self.unlock_file(), memory)

    def unlock_file(self) -> bytes:
        return unlock_document(read_sealed_root(self.layout), self.opened.wrapped(IDENTITY))

    def repository_as_is(self, target: Target) -> Repository:
        """Open it without keeping anything in step."""
        return Repository.open(target, self.identity)

    def back_up(self, target: Target, threads: int = 1) -> Snapshot:
        return Creation(self.repository(target), self.ours(threads), untold).run()


@pytest.fixture
def now() -> list[float]:
    return [datetime.now(UTC).timestamp()]


@pytest.fixture
def box(tmp_path: Path, now: list[float]) -> SmallBox:
    made = SmallBox(StateLayout(tmp_path / "state"), lambda: now[0])
    made.make()
    return made


@pytest.fixture
def target(tmp_path: Path) -> DirectoryTarget:
    (tmp_path / "target").mkdir()
    return DirectoryTarget(tmp_path / "target")
