"""Step: the settings file of a new box."""

import secrets
from dataclasses import dataclass

from appliance.settings.layout import StateLayout
from installer.answers import Answers
from installer.host import Host
from installer.places import Site


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """Writes settings.toml from the answers; an existing one is the hospital's and stays."""

    site: Site
    answers: Answers

    name = "settings"
    title = "设置文件 settings file"

    def needed(self) -> bool:
        """True until there is a settings file."""
        return not StateLayout(self.site.state).settings_file.exists()

    def apply(self, host: Host) -> None:
        """Write it, with an id for the box that nothing else has."""
        layout = StateLayout(self.site.state)
        host.make_directory(layout.root, 0o700)
        host.write(layout.settings_file, self._text(secrets.token_hex(4)))

    def undo(self, host: Host) -> None:
        """Remove it."""
        host.remove(StateLayout(self.site.state).settings_file)

    def _text(self, box_id: str) -> str:
        names = ", ".join(_quoted(name) for name in self.answers.names())
        return (
            "# WardBox 设置。全部键见 docs/reference/settings.md。此文件不含任何密钥。\n"
            "# Settings of this box; docs/reference/settings.md lists every key. No secrets here.\n"
            "\n[box]\n"
            f"id = {_quoted(box_id)}\n"
            f"name = {_quoted(self.answers.box_name)}\n"
            f"hospital = {_quoted(self.answers.hospital)}\n"
            "\n[server]\n"
            f"host = {_quoted(self.answers.address)}\n"
            f"port = {self.answers.port}\n"
            f"names = [{names}]\n"
            "\n[engines]\n"
            f"directory = {_quoted(str(self.site.engine))}\n"
            "\n[vault]\n"
            f"suite = {_quoted(self.answers.suite)}\n"
        )


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    plain = "".join(c if c.isprintable() else f"\\u{ord(c):04X}" for c in escaped)
    return f'"{plain}"'
