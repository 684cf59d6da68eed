"""A screen that asks the box when it is shown, and every so often while somebody looks at it."""

from abc import abstractmethod
from typing import ClassVar

from typing_extensions import override

from tui.screens.boxscreen import BoxScreen


class AskingScreen(BoxScreen):
    """Asks in `ask_box`, and never for somebody who looks elsewhere or is not signed in."""

    EVERY_S: ClassVar[float]
    """Seconds between two looks."""
    FIRST: ClassVar[str] = ""
    """What has the keyboard when the screen is shown, as a CSS selector; "" leaves it where it is."""

    def on_mount(self) -> None:
        """Look again and again."""
        self.set_interval(self.EVERY_S, self.look_again)

    @override
    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.look_again()
        if self.FIRST:
            self.query_one(self.FIRST).focus()

    def look_again(self) -> None:
        """Ask now."""
        if self.is_current and self.line.person is not None:
            self.ask_box()

    @abstractmethod
    def ask_box(self) -> None:
        """Ask everything that the screen shows."""
