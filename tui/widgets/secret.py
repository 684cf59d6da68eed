"""A masked line for passphrases and recovery keys that takes what is pasted, line breaks and all."""

from textual import events
from textual.widgets import Input
from typing_extensions import override


class SecretInput(Input):
    """An `Input` that masks.

    A recovery key is printed in groups over two lines: a paste joins its lines with one space
    instead of keeping the first alone, and drops blanks at both ends. Blanks inside stay: they
    belong to a passphrase, and the recovery key's reader ignores them.
    """

    def __init__(self, placeholder: str, identity: str) -> None:
        super().__init__(placeholder=placeholder, password=True, id=identity)

    @override
    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        joined = " ".join(line.strip() for line in event.text.splitlines() if line.strip())
        self.replace(joined, *self.selection)

    def take(self) -> str:
        """The secret without a copied line break or blank around it; the field is emptied."""
        secret = self.value.strip(" \t\r\n\u3000")
        self.value = ""
        return secret
