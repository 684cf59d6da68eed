"""A restored state directory, looked at: its keys by the snapshot's own root, its log recomputed."""

from base64 import b64decode
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from appliance.audit.ledger import AuditIdentity
from appliance.audit.reading import AuditReader
from appliance.audit.verify import verify
from appliance.backup.errors import BegunBeforeRestore, DrillFailed
from appliance.backup.repository import Repository
from appliance.backup.rules import BACKUP
from appliance.backup.snapshot import Snapshot
from appliance.db.connection import open_connection, told
from appliance.jobs.store import give_up
from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import read_keyring
from appliance.vault.opened import Opened
from secure_compute.envelope import Sealed, unseal
from secure_compute.keyring import Keyring
from secure_compute.merkle import Frontier
from secure_compute.note import NoteKey, verify_checkpoint
from secure_compute.secret import Secret


@dataclass(frozen=True, slots=True)
class Proven:
    """What a restored log proved to be.

    Args:
        tree_size: its entries.
        origin: its name.
    """

    tree_size: int
    origin: str


def root_of(repository: Repository, snapshot: Snapshot) -> Secret:
    """The vault's root key as it was when the snapshot was made.

    Raises:
        SecureComputeError: it does not open; the list that holds it was authentic.
    """
    return Secret(unseal(Sealed.parse(b64decode(snapshot.root)), repository.escrow))


def open_keys(layout: StateLayout, root: Secret) -> Opened:
    """The keys of a restored box. Raises VaultDamaged."""
    opened = Opened(layout, Keyring(Secret(root.reveal())), read_keyring(layout))
    try:
        opened.check()
    except BaseException:
        opened.close()
        raise
    return opened


def prove(layout: StateLayout, opened: Opened, snapshot: Snapshot) -> Proven:
    """Recompute the restored log and hold it against the snapshot's checkpoint; open the database.

    Raises:
        DrillFailed: the log is not the one that was backed up, or was altered.
        DbError: a database does not open.
    """
    with_key = opened.key("box.db")
    connection = open_connection(layout.box_db, with_key, read_only=True)
    with told(layout.box_db):
        connection.close()
    key = NoteKey(_origin(layout.box_vkey), opened.signing_key("audit").verify_key)
    reader = AuditReader(layout.audit_db, opened.key("audit.db"), key)
    try:
        found = verify(reader)
        if not found.ok:
            raise DrillFailed(
                reason_zh="审计日志校验失败", reason_en="the audit log does not verify"
            )
        noted = verify_checkpoint(snapshot.checkpoint.encode(), key)
        nodes = reader.nodes(found.entries)
        longer = found.entries >= noted.size
        if not longer or Frontier.from_nodes(nodes, noted.size).root() != noted.root:
            raise DrillFailed(
                reason_zh="审计日志与备份时的检查点不符",
                reason_en="the audit log does not continue the checkpoint of the backup",
            )
    finally:
        reader.close()
    return Proven(found.entries, key.name)


def end_backups(layout: StateLayout, opened: Opened, at: float) -> int:
    """End what the snapshot shows of backups under way: its own making, at the least.

    Nobody asked the new box for it. Going on with it would write to the target that the box has just
    come from, beside the old box if that is alive, and push out the very snapshot of that day.

    Returns:
        How many were ended.

    Raises:
        DbError: the database does not take it.
    """
    refusal = BegunBeforeRestore()
    fault = {"code": refusal.code, "sentence": refusal.sentence, "way_out": refusal.way_out}
    connection = open_connection(layout.box_db, opened.key("box.db"))
    with closing(connection), told(layout.box_db):
        return give_up(connection, BACKUP, at, fault)


def identity_of(layout: StateLayout, opened: Opened) -> AuditIdentity:
    """Who signs the restored log."""
    return AuditIdentity(opened.signing_key("audit"), _origin(layout.box_vkey))


def _origin(vkey: Path) -> str:
    return NoteKey.parse(vkey.read_text(encoding="ascii")).name
