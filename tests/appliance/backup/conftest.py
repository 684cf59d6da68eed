"""A small box on plain disk, and a target beside it."""

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
from appliance.backup.keyfile import UNLOCK, Holder, escrow_key, unlock_document
from appliance.backup.ours import Ours, untold
from appliance.backup.recipients import recipient_of
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Snapshot
from appliance.backup.target import DirectoryTarget, Target
from appliance.db.database import Db, Migration
from appliance.settings.layout import StateLayout
from secure_compute.keyring import Keyring
from secure_compute.sealed_root import Argon2Cost, Opener, add_slot, seal_root
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey

ORIGIN = "wardbox/test"


def table(db) -> None:
    db.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")


TABLES = (Migration("test.001", table),)


@dataclass
class SmallBox:
    """A box's state with real databases, and the secrets that a vault would hold."""

    layout: StateLayout
    clock: Callable[[], float]
    root: Secret = field(default_factory=Secret.random)
    paper: Secret = field(default_factory=Secret.random)
    identity: Secret = field(default_factory=Secret.random)
    box_key: bytes = field(default_factory=lambda: os.urandom(32))
    audit_key: bytes = field(default_factory=lambda: os.urandom(32))
    signer: SigningKey = field(default_factory=SigningKey.generate)
    audit_signer: SigningKey = field(default_factory=SigningKey.generate)

    def make(self) -> None:
        layout = self.layout
        for folder in (layout.keys, layout.trust, layout.vault, layout.shelf / "blobs"):
            folder.mkdir(parents=True)
        layout.settings_file.write_text("[box]\nname = 'test'\n")
        layout.keyring_file.write_text("{}")
        layout.sealed_root.write_text("slots of this machine")
        blob = layout.shelf / "blobs" / "ab"
        blob.write_bytes(os.urandom(300_000))
        model = layout.shelf / "models" / "tiny" / "files"
        model.mkdir(parents=True)
        (model / "weights.gguf").hardlink_to(blob)
        (layout.caller_files).mkdir()
        (layout.caller_files / "train.jsonl").write_text('{"text": "白内障"}\n' * 5000)
        (layout.uploads / "half").mkdir(parents=True)
        (layout.uploads / "half" / "unjudged").write_bytes(b"x")
        with Db(layout.box_db, self.box_key, TABLES) as db:
            self.fill(db, 200)
        self.record(3)
        self.age()

    def age(self) -> None:
        """Let everything look old, as it does for a backup in the night."""
        old = int((self.clock() - 3600) * 1e9)
        for folder, _, names in os.walk(self.layout.root):
            for name in names:
                os.utime(Path(folder, name), ns=(old, old), follow_symlinks=False)

    @staticmethod
    def fill(db: Db, count: int) -> None:
        with db.write() as tx:
            for _ in range(count):
                tx.execute("INSERT INTO things (text) VALUES (?)", ["机密 MARKER " + "x" * 300])

    def record(self, count: int) -> int:
        """Write entries into the audit log; its size then."""
        log = self.open_log()
        for _ in range(count):
            log.append(settings_load(digest="0" * 64)).result(30)
        log.close()
        reader = self.open_log()
        size = reader.reader.size()
        reader.close()
        return size

    def open_log(self) -> AuditLog:
        identity = AuditIdentity(self.audit_signer, ORIGIN)
        return AuditLog.open(
            self.layout.audit_db, self.audit_key, identity, clock=lambda: datetime.now(UTC)
        )

    @property
    def holder(self) -> Holder:
        recipients = (recipient_of(self.identity),)
        return Holder(self.identity, recipients, self.signer.verify_key, "test")

    def ours(self, threads: int = 1) -> Ours:
        keyring = Keyring(Secret(self.root.reveal()))
        return Ours(
            layout=self.layout,
            box_key=self.box_key,
            audit_key=self.audit_key,
            signer=self.signer,
            root=keyring.escrow(escrow_key(self.identity), "backup", b"").to_bytes(),
            version="test",
            threads=threads,
            now=self.clock,
        )

    def unlock_file(self) -> bytes:
        keyring = Keyring(Secret(self.root.reveal()))
        document = seal_root(self.root, Opener.passphrase("twelve signs!"), Argon2Cost(8, 1, 1))
        document = add_slot(document, self.root, Opener.recovery(Secret(self.paper.reveal())))
        return unlock_document(document, keyring.wrap(self.identity, "backup-identity"))

    def repository(self, target: Target) -> Repository:
        if target.list("lists") or (Path(target.place) / "wardbox-backup.json").exists():
            return Repository.open(target, self.identity)
        made = Repository.create(target, self.holder)
        target.write(UNLOCK, self.unlock_file())
        return made

    def back_up(self, target: Target) -> Snapshot:
        return Creation(self.repository(target), self.ours(), untold).run()


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
