"""A box out of a backup: into an empty state directory, with what people hold on paper."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from appliance.audit.events_backup import box_restore
from appliance.audit.log import AuditLog
from appliance.backup.destroyed import keep_erased
from appliance.backup.errors import BoxDestroyed, NewerRecordKnown, RestoreRefused
from appliance.backup.index import Index
from appliance.backup.mending import mended_index
from appliance.backup.ours import Told
from appliance.backup.past import Kept, Past, past_of
from appliance.backup.presented import Presented, new_slots, presented, read_by
from appliance.backup.rebuilt import end_backups, identity_of, open_keys, prove, root_of
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Entry, Snapshot
from appliance.backup.source import SETTINGS
from appliance.backup.target import Target
from appliance.backup.writing import FileWriter, Wish
from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private, write_sealed_root
from appliance.vault.offer import Offer
from secure_compute.canonical import canonical_bytes
from secure_compute.sealed_root import Argon2Cost

MARKER: Final = "restore.json"
VKEY: Final = "trust/box.vkey"
_FRESH: Final = frozenset(
    (SETTINGS, "installer", "logs", "run", "engines", "engines.d", "storage.json")
)
"""What an installer may have left: none of it is anybody's data."""


class Files(Protocol):
    """The encrypted files of the new box; as the vault has them."""

    def check(self) -> None:
        """Pass, or raise VaultUnsupported."""

    def prepare(self, key: bytes) -> None:
        """Make the encrypted directory."""

    def mount(self, key: bytes) -> None:
        """Mount it."""

    def unmount(self) -> None:
        """Unmount it."""

    def erase(self) -> None:
        """Make what is there unreadable, so that it can be made anew."""


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be restored, and what is known besides.

    Args:
        offer: the recovery key, shares or a key file as a person brought them, or the text of
            another backup key.
        passphrase: of the new vault.
        number: of the snapshot; None for the newest.
        known: what somebody kept of the box elsewhere.
        accept_loss: go on although a later state of the log is known.
        threads: that fetch and open.
    """

    offer: Offer = field(repr=False)
    passphrase: str = field(repr=False)
    number: int | None = None
    known: Kept = field(default_factory=Kept)
    accept_loss: bool = False
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Args:
        snapshot: its number.
        size: bytes that were authenticated.
        tree_size: entries of the log that was restored.
        known: the latest size of the log that is known of; equal when nothing is missing.
        erased: how many patients and datasets the snapshot held that were erased after it.
        erased_until: what was erased until then is known, Unix seconds.
        recovery_key: a new one, or empty where those that people have go on opening the vault.
        older_list: whether the newest list of snapshots was damaged and an older one was gone by.
    """

    snapshot: int
    size: int
    tree_size: int
    known: int
    erased: int
    erased_until: int
    recovery_key: str = field(repr=False)
    older_list: bool = False


class Recovery:
    """One restore. The sealed root is written last: until then the directory holds no vault.

    An interrupted restore is begun anew by the next one, which removes what the first had made.

    Args:
        layout: of the new box.
        files: mounts its encrypted files; made once the snapshot's settings are in place.
        told: hears progress.
        clock: wall time with a time zone.
        cost: of one guess at the passphrase; the recommended one when None.
    """

    def __init__(
        self,
        layout: StateLayout,
        files: Callable[[], Files],
        told: Told,
        clock: Callable[[], datetime],
        *,
        cost: Argon2Cost | None = None,
    ) -> None:
        self._layout = layout
        self._files = files
        self._told = told
        self._clock = clock
        self._cost = cost or Argon2Cost()

    def run(self, target: Target, order: Order) -> Restored:
        """Restore.

        Raises:
            RestoreRefused: there is a vault already, or something else in the way.
            KeysRefused: the key does not open this backup.
            NewestListDamaged: only an older list of snapshots can be read, and no loss was accepted.
            NewerRecordKnown: a later state of the log is known, and no loss was accepted.
            BackupDamaged: an object is missing or altered; nothing counts as restored.
            ApplianceError: what the vault and the log may raise.
        """
        self._require_empty()
        brought = presented(target, order.offer)
        repository, older = read_by(target, brought.identity, accept_loss=order.accept_loss)
        snapshot = repository.snapshot(order.number)
        index = mended_index(repository).index
        entries = list(repository.manifest(snapshot, index))
        past = past_of(repository, snapshot, (index, entries), order.known)
        if past.log > snapshot.tree_size and not order.accept_loss:
            raise NewerRecordKnown(size=snapshot.tree_size, known=past.log)
        self._begin(repository, snapshot)
        made = self._fill(repository, snapshot, (index, entries), past, order.threads)
        recovery = self._seal(repository, snapshot, brought, order)
        return replace(made, recovery_key=recovery, older_list=older)

    def _require_empty(self) -> None:
        layout = self._layout
        layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if layout.erased_file.exists():
            raise BoxDestroyed(place=layout.root, when=_day_of(layout.erased_file))
        if layout.sealed_root.exists():
            raise RestoreRefused(
                place=layout.root, reason_zh="已有保险库", reason_en="it holds a vault"
            )
        if (layout.root / MARKER).exists():
            return
        for path in sorted(layout.root.iterdir()):
            if path.name not in _FRESH:
                raise RestoreRefused(
                    place=layout.root,
                    reason_zh=f"其中已有 {path.name}",
                    reason_en=f"it holds {path.name}",
                )

    def _begin(self, repository: Repository, snapshot: Snapshot) -> None:
        """Clear what an interrupted restore left, and say that one is going on."""
        from shutil import rmtree  # noqa: PLC0415  # nothing else here removes anything

        layout = self._layout
        told = {"repository": repository.keys.repository, "snapshot": snapshot.number}
        if (layout.root / MARKER).exists():
            # A device that an interrupted restore has finished is never made anew unasked.
            self._files().erase()
        write_private(layout.root / MARKER, canonical_bytes(told))
        # What an installation had begun to make here is given up: this box is not its unfinished work.
        rmtree(layout.root / "installer", ignore_errors=True)
        self._files().unmount()
        for folder in (layout.vault, layout.keys, layout.trust, layout.tls_cert.parent):
            rmtree(folder, ignore_errors=True)
        if layout.settings_file.exists():
            kept = layout.settings_file.with_name(f"{SETTINGS}.before-restore")
            if not kept.exists():
                layout.settings_file.replace(kept)

    def _fill(
        self,
        repository: Repository,
        snapshot: Snapshot,
        held: tuple[Index, list[Entry]],
        past: Past,
        threads: int,
    ) -> Restored:
        index, entries = held
        layout = self._layout
        outside = [one for one in entries if not one.path.startswith("vault/")]
        inside = [one for one in entries if one.path.startswith("vault/")]
        writer = FileWriter(repository, index, layout.root, threads, self._told)
        writer.write(map(Wish, outside), snapshot.size)
        files = self._files()
        with root_of(repository, snapshot) as root:
            opened = open_keys(layout, root)
        try:
            files.check()
            files.prepare(opened.key("files"))
            files.mount(opened.key("files"))
            layout.vault.mkdir(mode=0o700, parents=True, exist_ok=True)
            size = writer.write(map(Wish, inside), snapshot.size)
            proven = prove(layout, opened, snapshot)
            end_backups(layout, opened, self._clock().timestamp())
            # Before there is a vault that anybody could open: the first who does destroys them.
            erased = keep_erased(past.destroyed, opened)
            known = max(past.log, proven.tree_size)
            log = AuditLog.open(
                layout.audit_db,
                opened.key("audit.db"),
                identity_of(layout, opened),
                clock=self._clock,
                version=snapshot.version,
            )
            try:
                event = box_restore(
                    repository=repository.keys.repository,
                    snapshot=snapshot.number,
                    tree_size=proven.tree_size,
                    known=known,
                    erased=erased,
                )
                log.append(event).result(60)
            finally:
                log.close("restore")
        finally:
            opened.close()
            files.unmount()
        return Restored(snapshot.number, size, proven.tree_size, known, erased, past.until, "")

    def _seal(
        self, repository: Repository, snapshot: Snapshot, brought: Presented, order: Order
    ) -> str:
        with root_of(repository, snapshot) as root:
            document, fresh = new_slots(root, order.passphrase, brought.slots, self._cost)
            write_sealed_root(self._layout, document)
        (self._layout.root / MARKER).unlink(missing_ok=True)
        return fresh


def _day_of(certificate: Path) -> str:
    moment = datetime.fromtimestamp(certificate.stat().st_mtime, UTC)
    return moment.strftime("%Y-%m-%d")
