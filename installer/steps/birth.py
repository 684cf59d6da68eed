"""Step: a new box is made: vault, keys, identity and certificate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.settings.layout import StateLayout
from appliance.settings.reading import load
from appliance.vault.assembly import build_files, build_vault
from appliance.vault.authority import renew_certificate
from appliance.vault.offer import Offer
from appliance.vault.record import read_record
from appliance.vault.slot_making import SlotWish
from appliance.vault.vault import Vault
from installer.answers import Answers, read_secret
from installer.errors import TpmRefused
from installer.host import Host, environment
from installer.journal import Journal
from installer.newborn import BIRTH, Newborn, unborn
from installer.places import Site
from secure_compute.errors import SecureComputeError


@dataclass(frozen=True, slots=True)
class Birth:
    """Makes the box, or makes it anew if an earlier run never handed its secrets over."""

    site: Site
    answers: Answers
    newborn: Newborn
    journal: Journal
    stop_service: Callable[[Host], None]

    name = BIRTH
    title = "保险库、密钥、证书 vault, keys, certificate"

    def needed(self) -> bool:
        """True until a box exists whose secrets somebody holds."""
        return unborn(StateLayout(self.site.state), self.journal)

    def apply(self, host: Host) -> None:
        """Clear what an interrupted run left, then make everything in one go."""
        layout = StateLayout(self.site.state)
        if layout.sealed_root.exists():
            self.stop_service(host)
            host.perform("卸下旧保险库 unmount the old vault", lambda: self._vault(layout).lock())
        record = read_record(layout)
        if record is not None and record.stage != "chosen":
            host.perform("清除未完成的存储 clear unfinished storage", build_files(layout).erase)
        for remains in (layout.vault, layout.keys, layout.trust, layout.tls_cert.parent):
            host.remove(remains)
        host.perform("建立保险库 make the vault", lambda: self._make(layout))
        if self.answers.pcrs():
            host.perform("封装到 TPM seal to the TPM", lambda: self._seal(layout, host))

    def undo(self, host: Host) -> None:
        """Unmount; the rest lies in the state directory, which goes as a whole."""
        layout = StateLayout(self.site.state)
        if layout.settings_file.exists():
            host.perform("卸下保险库 unmount the vault", lambda: self._vault(layout).lock())

    def _vault(self, layout: StateLayout) -> Vault:
        settings = load(self.site.state, environment())
        return build_vault(layout, settings, environment(), _now, erase=self.answers.storage_erase)

    def _seal(self, layout: StateLayout, host: Host) -> None:
        """Let the TPM open the vault at boot; without one a person does, and nothing is lost."""
        wish = SlotWish("tpm", "TPM", pcrs=self.answers.pcrs())
        try:
            self._vault(layout).slots.add(
                Offer(self.newborn.passphrase or ""), wish, "local:installer"
            )
        except SecureComputeError as error:
            if self.answers.tpm != "auto":
                raise TpmRefused(reason=error.sentence) from error
            host.say(f"      {error.sentence}")
            host.say("      重启后须由人解锁。 A person unlocks the vault after a restart.")

    def _make(self, layout: StateLayout) -> None:
        vault = self._vault(layout)
        given = self.answers.vault_passphrase_file
        created = vault.create(read_secret(given) if given is not None else None)
        opened = vault.unlock(created.passphrase)
        try:
            renew_certificate(layout, opened, self.answers.names(), _now)
        finally:
            vault.lock()
        self.newborn.passphrase = created.passphrase
        self.newborn.recovery_key = created.recovery_key


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
