"""Updates: sticks, a plan before anything is done, applying with progress, history, and going back."""

from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from appliance.contract.base import Text
from appliance.contract.update import HindranceView, PendingView
from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NOON
from tests.tui.conftest import console_on, enter, press, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.folder import FolderDialog
from tui.dialogs.page import PageDialog
from tui.dialogs.question import QuestionDialog
from tui.widgets.rowtable import RowTable


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> RowTable:
    await enter(pilot)
    await pilot.press("f11")
    await until(pilot, lambda: app.screen.query("#sticks"))
    await until(pilot, lambda: app.screen.query_one("#history", RowTable).row_count == 2)
    return app.screen.query_one("#sticks", RowTable)


def _sent(box: FakeBox, path: str) -> list[Any]:
    return [body for how, where, body in box.asked if how == "POST" and where.endswith(path)]


async def test_a_plan_is_shown_before_anything_is_done(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        table = await _open(pilot, app)
        assert table.chosen == "/media/usb"
        assert "0.1.0" in text(app, "#standing")
        await pilot.press("p")
        await until(pilot, lambda: "0.1.0 → 0.2.0" in text(app, "#told"))
        told = text(app, "#told")
        for wanted in ("1.4 → 1.5", "– → 1.0", "不变 same", "45 s", "430.0 MiB", "schema → 31"):
            assert wanted in told
        for wanted in ("38.0 MiB/s (本介质实测", "90.0 MiB/s (据以往更新", "log + audit.003+stars"):
            assert wanted in told
        assert _sent(box, "/apply") == []
        await pilot.press("i")
        await stands(pilot, QuestionDialog)
        assert "3 项" in text(app, ".dialog Static")
        await press(pilot, "#no")
        await until(pilot, lambda: not isinstance(app.screen, QuestionDialog))
        assert _sent(box, "/apply") == []


async def test_a_stick_is_applied_with_progress_and_can_be_cancelled(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("i")
        await stands(pilot, QuestionDialog)
        await press(pilot, "#yes")
        await until(pilot, lambda: "42%" in text(app, "#told"))
        assert _sent(box, "/apply") == [{"directory": "/media/usb", "approval": None}]
        await pilot.press("v")
        assert _sent(box, "/verify") == [], "one update at a time"
        box.updates.fail("job_u0")
        await until(pilot, lambda: "could not be read" in text(app, "#told"))
        assert "→ 请重新插入介质" in text(app, "#told")


async def test_what_hinders_is_told_and_nothing_is_asked(box: FakeBox) -> None:
    said = HindranceView(
        code="update.wrong-hardware",
        sentence="更新 models/x 适用于硬件 ascend。 It is for ascend.",
        way_out="请向供应商索取。 Ask the vendor.",
    )
    box.updates.hindrances = (said,)
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("i")
        await until(pilot, lambda: "ascend" in text(app, "#told"))
        assert not isinstance(app.screen, QuestionDialog)
        assert _sent(box, "/apply") == []


@pytest.mark.slow
async def test_a_folder_is_named_and_a_missing_one_says_so(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        await pilot.press("a")
        await stands(pilot, FolderDialog)
        app.screen.query_one("#place", Input).value = "media"
        await press(pilot, "#do")
        await until(pilot, lambda: "绝对路径" in text(app, ".issue"))
        app.screen.query_one("#place", Input).value = "/media/gone"
        await press(pilot, "#do")
        await until(pilot, lambda: table.chosen == "/media/gone")
        await pilot.press("p")
        await until(pilot, lambda: "无法打开" in text(app, "#told"))


@pytest.mark.slow
async def test_a_package_goes_back_once_that_was_confirmed(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        packages = app.screen.query_one("#packages", RowTable)
        packages.focus()
        await pilot.press("r")
        await stands(pilot, QuestionDialog)
        assert "1.4 → 1.3" in text(app, ".dialog Static")
        await press(pilot, "#yes")
        await until(pilot, lambda: "again what it was" in text(app, "#told"))
        await until(pilot, lambda: "1.3" in str(packages.get_row_at(0)[2]))
        assert _sent(box, "/rollback") == [{"kind": "models", "id": "cataract-note"}]
        packages.choose("baselines/h20")
        await pilot.press("r")
        assert not isinstance(app.screen, QuestionDialog), "there is no version before"


async def test_health_history_and_what_waits_are_told(box: FakeBox) -> None:
    told = Text(zh="第 2 步", en="step 2")
    box.updates.pending = PendingView(
        version="0.2.0",
        rollback=False,
        asked_by="user:li",
        time=NOON - timedelta(minutes=1),
        told=told,
    )
    box.updates.well = False
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        assert "0.2.0 · 第 2 步" in text(app, "#standing")
        history = app.screen.query_one("#history", RowTable)
        history.focus()
        await pilot.press("down")
        await until(pilot, lambda: "The bundle has expired" in text(app, "#said"))
        await pilot.press("h")
        await stands(pilot, PageDialog)
        assert "✖ golden" in text(app, ".dialog #told")
        await pilot.press("escape")


async def test_without_a_vendor_and_a_stick_it_says_what_to_do(box: FakeBox) -> None:
    box.updates.trusted, box.updates.sticks = False, ()
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        assert "wardbox update trust" in text(app, "#standing")
        await until(pilot, lambda: "没有介质" in text(app, "#said"))
        await pilot.press("i")
        assert _sent(box, "/plan") == []


async def test_hostile_names_are_inert() -> None:
    hostile = await FakeBox(hostile=True).start()
    app = console_on(hostile)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: "0.2.0" in text(app, "#told"))
        assert "\x1b" not in text(app, "#told")
    await hostile.close()
