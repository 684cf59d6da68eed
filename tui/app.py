"""The console: one line to a box, its screens, and a heartbeat that knows when the box is gone."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.types import CSSPathType

from appliance.client.problem import BoxUnreachable
from tui.dialogs.guide import GuideDialog
from tui.line import Fault, Line
from tui.messages import Entered, Failed, HealthHeard, LineChanged
from tui.screens.audit import AuditScreen
from tui.screens.boxscreen import UNREADABLE, BoxScreen, Work, patient
from tui.screens.door import DoorScreen
from tui.screens.draft import DraftScreen
from tui.screens.jobs import JobsScreen
from tui.screens.keys import KeysScreen
from tui.screens.overview import OverviewScreen
from tui.screens.posture import PostureScreen
from tui.screens.serving import ServingScreen
from tui.screens.storage import StorageScreen
from tui.screens.unlock import UnlockScreen
from tui.screens.updates import UpdatesScreen
from tui.screens.vault_keys import VaultKeysScreen
from tui.theme import DAY, NIGHT

if TYPE_CHECKING:
    from textual.worker import Worker

BEAT_S = 3.0
PATIENCE_S = 5.0
EXIT_REFUSED = 3

SCREENS: dict[str, type[BoxScreen]] = {
    "overview": OverviewScreen,
    "posture": PostureScreen,
    "draft": DraftScreen,
    "jobs": JobsScreen,
    "audit": AuditScreen,
    "serving": ServingScreen,
    "keys": KeysScreen,
    "storage": StorageScreen,
    "vault_keys": VaultKeysScreen,
    "updates": UpdatesScreen,
    "door": DoorScreen,
    "unlock": UnlockScreen,
}
ENTRANCES = {"door", "unlock"}


class ConsoleApp(App[None]):
    """The whole console.

    Args:
        line: the box to speak with.
        beat_s: how often the box is asked for its health, in seconds.
    """

    TITLE: str | None = "WardBox"
    # All of them at once: a sheet that comes with its screen makes Textual parse every other again.
    CSS_PATH: ClassVar[CSSPathType | None] = [
        "console.tcss",
        "dialogs/dialogs.tcss",
        *(f"screens/{name}.tcss" for name in SCREENS),
    ]
    DEFAULT_MODE: ClassVar[str] = "door"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,1", "go('overview')", "总览", key_display="F1", priority=False),
        Binding("f2,2", "go('draft')", "病历", key_display="F2"),
        Binding("f3,3", "go('jobs')", "任务", key_display="F3"),
        Binding("f4,4", "go('audit')", "审计", key_display="F4"),
        Binding("f5,5", "go('door')", "门禁", key_display="F5"),
        Binding("f9,6", "go('serving')", "服务", key_display="F9"),
        Binding("f10,7", "go('keys')", "密钥", key_display="F10"),
        Binding("f12,8", "go('storage')", "存储", key_display="F12"),
        Binding("f11,9", "go('updates')", "更新", key_display="F11", show=False),
        Binding("question_mark", "guide", "帮助", key_display="?"),
        Binding("q", "quit", "退出", key_display="q"),
        Binding("ctrl+r", "retry", "重试 retry", show=False, priority=True),
    ]

    def __init__(self, line: Line, beat_s: float = BEAT_S) -> None:
        super().__init__()
        self._line = line
        self._beat_s = beat_s
        for name, screen in SCREENS.items():
            self.add_mode(name, partial(screen, line))
        self.register_theme(NIGHT)
        self.register_theme(DAY)
        self.theme = NIGHT.name

    def on_mount(self) -> None:
        """Open the line and stand at the door."""
        try:
            _ = self._line.box
        except BoxUnreachable as error:
            self.exit(return_code=EXIT_REFUSED, message=f"{error.detail}\n{error.way_out}")
            return
        self.set_interval(self._beat_s, self.action_retry)
        self.action_retry()

    async def on_unmount(self) -> None:
        """Hang up."""
        await self._line.close()

    def action_go(self, mode: str) -> None:
        """Show a screen; without a person only the door opens, and of a locked box its lock."""
        if mode != "door" and self._line.person is None:
            self.notify("请先在门禁处进入。 Enter at the door first.", severity="warning")
            mode = "door"
        if mode == "door":
            mode = self._entrance()
        if not isinstance(self.screen, BoxScreen):
            return  # a dialog wants its answer first
        _ = self.switch_mode(mode)

    def _entrance(self) -> str:
        health = self._line.health
        return "door" if health is None or health.vault == "unlocked" else "unlock"

    def action_guide(self) -> None:
        """Show the keys."""
        if isinstance(self.screen, BoxScreen):
            _ = self.push_screen(GuideDialog())

    def action_retry(self) -> None:
        """Ask the box how it is."""
        if any(worker.group == "beat" and worker.is_running for worker in self.workers):
            return
        beat: Work = self._beat
        _: Worker[None] = self.run_worker(beat, group="beat")

    async def _beat(self) -> None:
        try:
            health = await patient(self._line.box.health(), PATIENCE_S)
        except UNREADABLE as error:
            self.post_message(Failed("health", Fault.of(error)))
        else:
            self.post_message(HealthHeard(health))

    def on_health_heard(self, message: HealthHeard) -> None:
        """The box is there."""
        self._line.health = message.health
        self._line.fault = None
        if self.current_mode in ENTRANCES and self.current_mode != self._entrance():
            self.action_go("door")
        self._tell()

    def on_failed(self, message: Failed) -> None:
        """The box is not there, or does not understand the console."""
        self._line.fault = message.fault
        self._tell()

    def on_entered(self, message: Entered) -> None:
        """Let the person in."""
        self._line.person = message.person
        self._tell()
        _ = self.switch_mode("overview")

    def _tell(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, BoxScreen) and screen.is_mounted:
                screen.post_message(LineChanged())
