"""The last line: the keys that work everywhere, drawn once, for they are the same on every screen."""

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.content import Content
from textual.style import Style
from textual.widgets import Static


class KeyLine(Static):
    """Every shown binding of the app; a click does what its key does."""

    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; }"

    def on_mount(self) -> None:
        """Write the line."""
        self.update(_keys_of(self.app))

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the hand does."""
        action = event.style.meta.get("action")
        if isinstance(action, str):
            _ = await self.app.run_action(action)


def _keys_of(app: App[object]) -> Content:
    return Content("").join(
        Content.assemble(
            (f"{app.get_key_display(binding)} ", "bold $footer-key-foreground"),
            f"{binding.description} ",
        ).stylize(Style.from_meta({"action": binding.action}))
        for binding in app.BINDINGS
        if isinstance(binding, Binding) and binding.show
    )
