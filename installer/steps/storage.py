"""Step: the back end of the vault is chosen, by what was asked for and what the machine can do."""

from dataclasses import dataclass

from appliance.settings.layout import StateLayout
from appliance.vault.assembly import build_files
from appliance.vault.choice import Choice, choose
from appliance.vault.outcome import LOST_EN, LOST_ZH
from appliance.vault.record import read_record, recorded, write_record
from installer.answers import Answers
from installer.host import Host
from installer.places import Site


@dataclass(frozen=True, slots=True)
class Storage:
    """Decides once, tells why and what the weaker back end lacks, and writes it down."""

    site: Site
    answers: Answers

    name = "storage"
    title = "选择加密存储 choose the encrypted storage"

    def needed(self) -> bool:
        """True until it was decided; a box that stands already is never moved."""
        layout = StateLayout(self.site.state)
        return read_record(layout) is None and not layout.sealed_root.exists()

    def apply(self, host: Host) -> None:
        """Choose; nothing is written to any device yet.

        Raises:
            VaultUnsupported: this machine cannot encrypt at rest as it was asked to.
            DeviceRefused: the device that was named is not taken.
        """
        choice = choose(self.answers.storage, erase=self.answers.storage_erase)
        for line in told(choice):
            host.say(f"      {line}")
        record = recorded(choice)
        layout = StateLayout(self.site.state)
        host.perform("记下存储方式 note the storage", lambda: write_record(layout, record))

    def undo(self, host: Host) -> None:
        """Destroy the keys of a device; the embedded files go with the state directory."""
        layout = StateLayout(self.site.state)
        record = read_record(layout)
        if record is not None and record.backend == "luks" and record.stage != "chosen":
            host.perform(f"销毁密钥 destroy the keys on {record.device}", build_files(layout).erase)


def told(choice: Choice) -> tuple[str, ...]:
    """What a person reads about a choice, with what is lost by the weaker one."""
    if choice.device is not None:
        return (f"LUKS2 · {choice.device}", choice.why_zh, choice.why_en)
    name = "内置方式(SQLCipher + gocryptfs)the embedded back end"
    return (name, choice.why_zh, choice.why_en, LOST_ZH, LOST_EN)
