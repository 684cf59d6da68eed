"""Putting identity back into streamed text, so that no placeholder is ever shown, whole or half."""

from typing import Final

from models.reference.placeholders import Restoration

_OPEN: Final = "⟦"
_CLOSE: Final = "⟧"
_LONGEST: Final = 32


class StreamRestorer:
    """Restores a text that arrives in pieces.

    Whatever follows an opening bracket is held back until the bracket closes, or until it is too
    long to be a placeholder. Placeholders that stand for nothing are shown as 〔?〕; the check that
    follows flags them.
    """

    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what may be shown now."""
        text = self._held + piece
        at = text.rfind(_OPEN)
        if at >= 0 and _CLOSE not in text[at:] and len(text) - at <= _LONGEST:
            self._held = text[at:]
            text = text[:at]
        else:
            self._held = ""
        return self._shown(text)

    def finish(self) -> str:
        """Return what was held back to the end."""
        text, self._held = self._held, ""
        return self._shown(text)

    def _shown(self, text: str) -> str:
        restored = self._restoration.restore(text)
        report = self._restoration.report(text)
        for unknown in report.unknown:
            restored = restored.replace(unknown, "〔?〕")
        return restored.replace(_OPEN, "").replace(_CLOSE, "") if report.mangled else restored
