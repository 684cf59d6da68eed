"""Where everything of a box stands inside its state directory."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StateLayout:
    """The paths below one state directory.

    Outside the vault stand settings, sealed keys, public trust roots, certificates, sockets and logs;
    inside it, encrypted, the databases and the files.

    Args:
        root: the state directory.
    """

    root: Path

    @property
    def settings_file(self) -> Path:
        """The settings; no secrets."""
        return self.root / "settings.toml"

    @property
    def keys(self) -> Path:
        """The directory of sealed and wrapped keys."""
        return self.root / "keys"

    @property
    def sealed_root(self) -> Path:
        """The root key, sealed once per slot."""
        return self.keys / "root.json"

    @property
    def sealed_root_copy(self) -> Path:
        """The same once more: a damaged byte of the one costs nothing."""
        return self.keys / "root.copy.json"

    @property
    def slot_book(self) -> Path:
        """What people call the slots, and when each was used; no secrets."""
        return self.keys / "slots.json"

    @property
    def machine_claim(self) -> Path:
        """Which machine this vault belongs to, as digests."""
        return self.keys / "machine.json"

    @property
    def kept_locked(self) -> Path:
        """Lies there when a person has locked the vault: nothing opens it without a person then."""
        return self.keys / "kept-locked"

    @property
    def posture_lock(self) -> Path:
        """Lies there when the box has locked itself: which firmware checks led to it."""
        return self.keys / "posture-lock"

    @property
    def keyring_file(self) -> Path:
        """The keys that are wrapped under the root key."""
        return self.keys / "keyring.json"

    @property
    def keyring_copy(self) -> Path:
        """The same once more: a damaged byte of the one costs nothing."""
        return self.keys / "keyring.copy.json"

    @property
    def rotation_file(self) -> Path:
        """The journal of a rotation of the root key; gone once both files are replaced."""
        return self.keys / "rotation.json"

    @property
    def erased_file(self) -> Path:
        """The certificate of the destruction of this box's keys; with it, nothing opens any more."""
        return self.keys / "destroyed.cert"

    @property
    def forgotten_file(self) -> Path:
        """Which patients' and datasets' keys were destroyed, by keyed hashes; no backup undoes it."""
        return self.keys / "forgotten.jsonl"

    @property
    def unlock_failures(self) -> Path:
        """How often in a row an unlock failed, and when."""
        return self.keys / "failures.json"

    @property
    def storage_record(self) -> Path:
        """Which back end the vault has, on which device, and why; no secrets."""
        return self.root / "storage.json"

    @property
    def luks_header(self) -> Path:
        """A copy of the LUKS header of the box's device; it opens with the box's own key only."""
        return self.keys / "luks-header.img"

    @property
    def trust(self) -> Path:
        """The directory of public trust roots."""
        return self.root / "trust"

    @property
    def box_vkey(self) -> Path:
        """The note verifier key of the audit log."""
        return self.trust / "box.vkey"

    @property
    def ca_file(self) -> Path:
        """The certificate of the box's own authority."""
        return self.trust / "ca.pem"

    @property
    def updates_root(self) -> Path:
        """The vendor's TUF trust root."""
        return self.trust / "updates" / "root.json"

    @property
    def updates(self) -> Path:
        """Where a release waits for the installer, what was asked of it, and how that ended."""
        return self.root / "updates"

    @property
    def software(self) -> Path:
        """The releases of the software and the journal of their changes; the installer's own."""
        return self.root / "software"

    @property
    def tls_cert(self) -> Path:
        """The server certificate with its chain."""
        return self.root / "tls" / "server.pem"

    @property
    def tls_key(self) -> Path:
        """The server's private key; mode 0600."""
        return self.root / "tls" / "server.key"

    @property
    def own_certificate(self) -> Path:
        """The hospital's own key, certificate and chain, when it has installed them; mode 0600."""
        return self.root / "tls" / "own.pem"

    @property
    def engines(self) -> Path:
        """The site's declarations of engines, and links to installed ones."""
        return self.root / "engines.d"

    @property
    def run(self) -> Path:
        """The directory of sockets and process ids; mode 0700."""
        return self.root / "run"

    @property
    def socket(self) -> Path:
        """The local console's Unix socket; mode 0600."""
        return self.run / "wardbox.sock"

    @property
    def serve_pid(self) -> Path:
        """The process id of the API."""
        return self.run / "serve.pid"

    @property
    def supervise_pid(self) -> Path:
        """The process id of the foreground supervisor."""
        return self.run / "supervise.pid"

    @property
    def vault(self) -> Path:
        """The directory of everything that is encrypted at rest."""
        return self.root / "vault"

    @property
    def box_db(self) -> Path:
        """The box's database."""
        return self.vault / "box.db"

    @property
    def audit_db(self) -> Path:
        """The audit log's database."""
        return self.vault / "audit.db"

    @property
    def bodies_db(self) -> Path:
        """The database of the bodies: what was asked and answered, sealed one by one."""
        return self.vault / "bodies.db"

    @property
    def trial(self) -> Path:
        """Copies of the box's database while a release is on trial."""
        return self.vault / "trial"

    @property
    def log_reserve(self) -> Path:
        """Room that is given to the log when everything else has filled the disk."""
        return self.vault / "log.reserve"

    @property
    def files_cipher(self) -> Path:
        """The encrypted side of the files."""
        return self.vault / "files.cipher"

    @property
    def files_mount(self) -> Path:
        """The readable side of the files, mounted while the vault is unlocked."""
        return self.vault / "files"

    @property
    def shelf(self) -> Path:
        """The model shelf."""
        return self.files_mount / "shelf"

    @property
    def jobs_dir(self) -> Path:
        """The working directories of jobs."""
        return self.files_mount / "jobs"

    @property
    def caller_files(self) -> Path:
        """Files that callers sent, and the results of their batches."""
        return self.files_mount / "callers"

    @property
    def exports(self) -> Path:
        """What was exported for auditors and others."""
        return self.files_mount / "exports"

    @property
    def uploads(self) -> Path:
        """What came in and is not yet judged."""
        return self.files_mount / "uploads"

    @property
    def packs(self) -> Path:
        """Evaluation sets, firmware baselines and data packs that sticks brought."""
        return self.files_mount / "packs"

    @property
    def logs(self) -> Path:
        """The directory of logs."""
        return self.root / "logs"

    @property
    def log_file(self) -> Path:
        """The log, as JSON lines, never with content."""
        return self.logs / "wardbox.log"

    @property
    def installer(self) -> Path:
        """The installer's journal and answers."""
        return self.root / "installer"


def state_directory(environ: Mapping[str, str]) -> Path:
    """The state directory: `WARDBOX_STATE`, else the system's place for root, else the user's own."""
    given = environ.get("WARDBOX_STATE")
    if given:
        return Path(given).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/wardbox")
    return Path("~/.local/state/wardbox").expanduser()
