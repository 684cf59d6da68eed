"""The banner under the first line: a sentence of what is wrong and what to do, or nothing."""

from textual.content import Content
from textual.widgets import Static

from tui.line import Fault, Line

RETRY = "每几秒自动重试;按 Ctrl+R 立即重试。 Tried again every few seconds; Ctrl+R tries now."
LOCKED = Fault(
    "vault.locked",
    "保险库已锁定,一体机只应答健康与解锁。 The vault is locked; the box answers health and unlock only.",
    "按 F5 解锁。 Press F5 to unlock it.",
)


class Banner(Static):
    """Hidden while all is well."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False
        self._said: tuple[Fault, str] | None = None

    def show(self, line: Line) -> None:
        """Say what stands between the person and the box."""
        fault = line.fault
        if fault is None and line.health is not None and line.health.vault == "locked":
            self.say(LOCKED)
        elif fault is None:
            self.display = False
        else:
            self.say(fault, RETRY if fault.unreachable else "")

    def say(self, fault: Fault, more: str = "") -> None:
        """Show one fault; said again with every heartbeat, it is drawn once."""
        self.display = True
        if self._said == (fault, more):
            return
        self._said = (fault, more)
        self.update(
            Content.assemble(
                ("✖ ", "bold"),
                fault.sentence,
                "\n→ ",
                fault.way_out,
                *(["\n→ ", more] if more else []),
            )
        )
