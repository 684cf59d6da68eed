"""Keys and use: listed, made with the secret shown once, limited, revoked; use grouped and exported."""

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_serving import SECRET
from tests.tui.conftest import console_on, enter, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.keys import LimitsDialog, NewKeyDialog, SecretDialog, UsageFileDialog
from tui.dialogs.question import QuestionDialog
from tui.keyrows import short
from tui.widgets.rowtable import RowTable


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> RowTable:
    await enter(pilot)
    await pilot.press("f10")
    await until(pilot, lambda: app.screen.query("#keys"))
    table = app.screen.query_one("#keys", RowTable)
    await until(pilot, lambda: table.row_count == 2)
    return table


async def test_a_key_is_made_and_its_secret_shown_once(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        await pilot.press("n")
        await stands(pilot, NewKeyDialog)
        await pilot.press("enter")
        await until(pilot, lambda: "name" in text(app, ".issue"))
        app.screen.query_one("#name", Input).value = "pacs"
        app.screen.query_one("#days", Input).value = "30"
        app.screen.query_one("#requests-per-minute", Input).value = "60"
        await pilot.press("enter")
        await stands(pilot, SecretDialog)
        await until(pilot, lambda: SECRET in text(app, "#once"))
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count == 3)
        sent = next(
            body for how, path, body in box.asked if (how, path) == ("POST", "/api/v1/keys")
        )
        assert (sent["name"], sent["scopes"], sent["requests_per_minute"]) == ("pacs", ["chat"], 60)
        assert SECRET not in "".join(str(line) for line in app.screen.query("Static").results())


async def test_a_key_is_limited_and_revoked(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        table = await _open(pilot, app)
        table.choose("wbk_0001")
        await pilot.press("l")
        await stands(pilot, LimitsDialog)
        field = app.screen.query_one("#requests-per-minute", Input)
        assert field.value == "600"
        field.value = "30"
        field.focus()
        await pilot.press("enter")
        await until(pilot, lambda: box.serving.keys["wbk_0001"].requests_per_minute == 30)
        await until(pilot, lambda: "30req" in str(table.get_row("wbk_0001")[4]))
        await pilot.press("r")
        await stands(pilot, QuestionDialog)
        app.screen.query_one("#yes").focus()
        await pilot.press("enter")
        await until(pilot, lambda: box.serving.keys["wbk_0001"].state == "revoked")
        await until(pilot, lambda: "revoked" in str(table.get_row("wbk_0001")[0]))


async def test_use_is_grouped_and_exported_and_no_file_replaced(
    box: FakeBox, tmp_path: Path
) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        use = app.screen.query_one("#use", RowTable)
        await until(pilot, lambda: "按密钥" in str(use.border_title))
        await pilot.press("b")
        await until(pilot, lambda: "按模型" in str(use.border_title))
        await until(pilot, lambda: "wardbox-reference" in str(use.get_row_at(0)[0]))
        for _ in range(2):
            await pilot.press("x")
            await stands(pilot, UsageFileDialog)
            app.screen.query_one("#path", Input).value = str(tmp_path / "use.csv")
            await pilot.press("enter")
            await until(pilot, lambda: not isinstance(app.screen, UsageFileDialog))
            await until(pilot, (tmp_path / "use.csv").exists)
        await until(pilot, lambda: any("File exists" in one.message for one in app._notifications))
        assert (tmp_path / "use.csv").read_bytes() == box.serving.csv
        assert (tmp_path / "use.csv").stat().st_mode & 0o077 == 0


def test_numbers_are_short() -> None:
    assert [short(n) for n in (7, 1500, 50_000_000, 2 * 10**9)] == ["7", "1.5k", "50M", "2G"]
