"""The vault of a box: made once, unlocked by a secret or a handed-over key, locked again."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from appliance.errors import VaultLocked
from appliance.settings.layout import StateLayout
from appliance.vault.backoff import Backoff
from appliance.vault.errors import VaultExists
from appliance.vault.files import FilesMount
from appliance.vault.handover import KeyHandover
from appliance.vault.keyfile import (
    read_sealed_root,
    sealed_root_is_whole,
    write_keyring,
    write_private,
    write_sealed_root,
)
from appliance.vault.offer import Offer
from appliance.vault.opened import Opened, fresh_keys
from appliance.vault.opening import open_keys
from appliance.vault.outcome import DAMAGED, FOREIGN, Created, VaultStatus, Warned, absent
from appliance.vault.rekeying import complete
from appliance.vault.slot_desk import SlotDesk
from appliance.vault.slots import Slots, judged
from appliance.vault.ways import Ways
from secure_compute.certificates import make_authority
from secure_compute.errors import SlotUnreachable
from secure_compute.keyring import Keyring
from secure_compute.note import NoteKey
from secure_compute.passwords import generate_password
from secure_compute.recovery import recovery_text
from secure_compute.sealed_root import Argon2Cost, SealedRoot, Slot
from secure_compute.secret import Secret
from secure_compute.slot_kinds import NETWORK
from secure_compute.suites import INTERNATIONAL, Suite

if TYPE_CHECKING:
    from appliance.vault.unattended import Refusal


class Vault:
    """Owns the state of the vault; safe to call from any thread.

    Args:
        layout: where the box keeps its state.
        origin: name of the audit log, for its public key file.
        files: mounts the encrypted files.
        clock: wall time with a time zone.
        handover: memory that the supervisor keeps over restarts, or None.
        cost: what one guess at a passphrase costs; the recommended one when None.
        ways: what opens it without a person, and what tells this machine and its boots.
    """

    def __init__(  # noqa: PLR0913  # the last three have defaults
        self,
        layout: StateLayout,
        origin: str,
        files: FilesMount,
        clock: Callable[[], datetime],
        *,
        handover: KeyHandover | None = None,
        cost: Argon2Cost | None = None,
        ways: Ways | None = None,
    ) -> None:
        self._layout = layout
        self._origin = origin
        self._files = files
        self._clock = clock
        ways = ways or Ways.of_machine(layout)
        self._uptime, self._claim = ways.uptime, ways.claim
        self._slots = Slots(Backoff(layout.unlock_failures, ways.uptime), cost or Argon2Cost())
        self._handover = handover
        self.suite: Suite = INTERNATIONAL
        """What new keys are wrapped with; both suites are opened."""
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        self._refusals: tuple[Refusal, ...] = ()
        self.entered: str | None = None
        """Kind and id of the slot that opened it last; None when a handover did."""
        self.slots = SlotDesk(
            layout, self._slots, ways.unattended, self._lock, self._now, self._tell
        )
        """Where slots are added, tried and revoked."""

    @property
    def opened(self) -> Opened | None:
        """The open vault, or None while it is locked."""
        return self._opened

    def create(self, passphrase: str | None = None) -> Created:
        """Make the vault; it stays locked.

        The sealed root is written last: an interrupted call leaves no vault and can be repeated.

        Args:
            passphrase: at least 12 characters; None lets the box make one.

        Raises:
            VaultExists: there is one already; it is not touched.
            WeakPassphrase: the passphrase is too short.
            VaultUnsupported: this machine cannot encrypt at rest.
        """
        with self._lock:
            if self._is_there() or self._layout.box_db.exists():
                raise VaultExists(path=self._layout.root)
            chosen = judged(passphrase) if passphrase is not None else generate_password()
            self._files.check()
            with Secret.random() as root, Secret.random() as paper:
                document = self._slots.seal(root, chosen, paper)
                self._fill(root.copy())
                write_sealed_root(self._layout, document)
                return Created(recovery_text(paper), chosen)

    def status(self) -> VaultStatus:
        """How the vault stands, without opening anything."""
        if not self._is_there():
            return absent(self._files.name, self._layout.erased_file)
        slots = tuple(slot.kind for slot in read_sealed_root(self._layout).slots)
        state: Literal["locked", "unlocked"] = "unlocked" if self._opened else "locked"
        return VaultStatus(state, self._files.name, slots, self._warnings())

    def unlock(self, secret: str | Offer) -> Opened:
        """Open the vault with what a person brings; an open one stays open.

        Args:
            secret: what was typed, or an offer of shares or a key file.

        Raises:
            WrongSecret: it opens no slot; the same whatever was wrong with it.
            VaultBackoff: too many wrong secrets; a well-formed recovery key is tried all the same.
            RecoveryKeyMistyped, ShareMistyped, SharesUnfit, KeyFileMalformed: it cannot be what it
                shall be; the sentence tells where.
            VaultAbsent: there is no vault.
            VaultDamaged: the key files are not what was written.
            VaultUnsupported: this machine cannot encrypt at rest.
            MountFailed: the files cannot be mounted.
        """
        offer = Offer(secret) if isinstance(secret, str) else secret
        with self._lock:
            root, slot = self._slots.opened_by(read_sealed_root(self._layout), offer)
            with root:
                opened = self._opened or self._open(root)
            self._layout.kept_locked.unlink(missing_ok=True)
            self._entered(slot)
            return opened

    def resume(self) -> Opened | None:
        """Open the vault with the key that the supervisor kept, else by a slot that needs nobody."""
        with self._lock:
            if self._opened is not None or not self._is_there():
                return self._opened
            if self._handover is not None and self._handover.read() is not None:
                root = self._handover.find(read_sealed_root(self._layout).root_id)
                if root is not None:
                    with root:
                        return self._open(root)
                self._handover.wipe()
            return self._open_by_itself()

    @property
    def waits_for_server(self) -> bool:
        """Whether a key server did not answer at the last attempt, and nobody locked the vault since."""
        return any(one.kind == NETWORK for one in self._refusals)

    def claim(self) -> None:
        """Say that this vault belongs to this machine from now on."""
        self._claim.take()

    def lock(self) -> None:
        """Unmount the files and overwrite every key; locking twice is fine.

        Whoever keeps databases open closes them first.
        """
        with self._lock:
            if self._handover is not None:
                self._handover.wipe()
            if self._opened is not None:
                # Whoever locks it wants a person to open it, until the machine's next boot.
                write_private(self._layout.kept_locked, self._uptime.boot.encode())
            self._refusals = ()
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()
            self._files.unmount()

    def close(self) -> None:
        """End with the process: unmount and forget, but leave the handover for the next one."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()
                self._files.unmount()

    def rotate_root(self) -> str:
        """Take a new root key while everything goes on; every slot opens it as before.

        Returns:
            The public name of the new root key.

        Raises:
            VaultLocked: the vault is locked.
            SlotUnreachable: a slot cannot follow; nothing has changed.
            OSError: the disk refused; nothing has changed.
        """
        with self._lock:
            return self._rotated(read_sealed_root(self._layout)).root_id

    def revoke(self, present: Offer, slot_id: str) -> Slot:
        """Remove a slot and take a new root key, in one step; raises as `SlotDesk.revoke`, and VaultLocked."""
        with self._lock:
            return self.slots.revoke(present, slot_id, self._followed)

    def _followed(self, left: SealedRoot) -> SealedRoot:
        try:
            return self._rotated(left)
        except SlotUnreachable:  # one of an older release: the root key stays until it is set anew
            write_sealed_root(self._layout, left)
            return left

    def _rotated(self, document: SealedRoot) -> SealedRoot:
        if self._opened is None:
            raise VaultLocked
        if self._handover is None:
            return self._opened.rotate_root(document, lambda _root: None)
        fresh = self._opened.rotate_root(document, self._handover.stage)
        if (found := self._handover.find(fresh.root_id)) is not None:
            with found:
                self._handover.write(found)
        return fresh

    def _is_there(self) -> bool:
        return self._layout.sealed_root.exists() or self._layout.sealed_root_copy.exists()

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def _open_by_itself(self) -> Opened | None:
        marker = self._layout.kept_locked
        if marker.exists() and marker.read_bytes() == self._uptime.boot.encode():
            return None
        found, self._refusals = self.slots.by_itself(read_sealed_root(self._layout))
        if found is None:
            return None
        root, slot = found
        with root:
            opened = self._open(root)
        self._entered(slot)
        return opened

    def _entered(self, slot: Slot) -> None:
        self._refusals = ()
        self.entered = f"{slot.kind} {slot.slot_id}"
        self.slots.used(slot)
        self._claim.first()

    def _tell(self, document: SealedRoot) -> None:
        if self._opened is not None:
            self._files.tell(document.slots)

    def _warnings(self) -> tuple[Warned, ...]:
        told = [Warned(one.sentence, one.way_out) for one in self._refusals]
        if self._claim.is_foreign():
            told.append(FOREIGN)
        if not sealed_root_is_whole(self._layout):
            told.append(DAMAGED)
        return tuple(told)

    def _fill(self, root: Secret) -> None:
        keyring = Keyring(root, self.suite)
        authority = make_authority(f"WardBox {self._origin.rpartition('/')[2]}"[:64], self._clock())
        wrapped = fresh_keys(keyring, authority, self._now())
        opened = Opened(self._layout, keyring, wrapped, self._now)
        try:
            self._files.prepare(opened.key("files"))
            write_keyring(self._layout, wrapped)
            public = NoteKey(self._origin, opened.signing_key("audit").verify_key)
            write_private(self._layout.box_vkey, f"{public.vkey}\n".encode(), 0o644)
            write_private(self._layout.ca_file, authority.certificate_pem, 0o644)
        finally:
            opened.close()

    def _open(self, root: Secret) -> Opened:
        self._files.check()
        opened = open_keys(self._layout, root, self.suite, self._now)
        try:
            self._files.mount(opened.key("files"))
            self._files.tell(read_sealed_root(self._layout).slots)
            complete(self._layout, opened)
        except BaseException:
            opened.close()
            raise
        if self._handover is not None:
            self._handover.write(root)
        self._opened = opened
        return opened
