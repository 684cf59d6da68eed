"""The door: signing in, a box that is not there, one that is locked meanwhile."""

from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_people import PASSPHRASE
from tests.tui.conftest import console_on, enter, text, until
from tui.__main__ import dial
from tui.app import ConsoleApp
from tui.widgets.keyline import KeyLine


async def test_the_local_administrator_goes_straight_in(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#entering").display)
        await until(pilot, lambda: app.focused is not None and app.focused.id == "local")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "overview")


async def test_a_person_signs_in_and_out_by_name(box: FakeBox) -> None:
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#entering").display)
        assert not app.screen.query_one("#local").display
        await pilot.press("f2")
        assert app.current_mode == "door"
        app.screen.query_one("#name", Input).value = "李明"
        app.screen.query_one("#password", Input).value = "wrong"
        await pilot.click("#sign-in")
        await until(pilot, lambda: "姓名或密码不对" in text(app, "#said"))
        app.screen.query_one("#password", Input).value = PASSPHRASE
        app.screen.query_one("#password", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "overview")
        await until(pilot, lambda: "李明 (clinician)" in text(app, "#whom"))
        await pilot.press("f5")
        await until(pilot, lambda: app.screen.query("#sign-out"))
        await pilot.click("#sign-out")
        await until(pilot, lambda: "未登录" in text(app, "#whom"))


@pytest.mark.slow
async def test_no_box_is_a_sentence_and_its_coming_is_noticed() -> None:
    box = FakeBox()
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "连接不上" in text(app, "#state"))
        await until(pilot, lambda: "wardbox supervise" in text(app, "Banner"))
        await box.start()
        await enter(pilot)
    await box.close()


async def test_what_is_said_moves_no_button(box: FakeBox) -> None:
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#sign-in").region.height)
        before = app.screen.query_one("#sign-in").region
        app.screen.query_one("#name", Input).value = "李明"
        app.screen.query_one("#password", Input).value = "wrong"
        await pilot.click("#sign-in")
        await until(pilot, lambda: "姓名或密码不对" in text(app, "#said"))
        await until(pilot, lambda: app.screen.query_one("#said").region.height > 1)
        assert app.screen.query_one("#sign-in").region == before


@pytest.mark.parametrize("mode", ["overview", "draft", "jobs", "audit"])
async def test_a_box_that_goes_away_leaves_a_banner_and_no_crash(box: FakeBox, mode: str) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        app.action_go(mode)
        await until(pilot, lambda: app.current_mode == mode)
        await box.stop()
        await until(pilot, lambda: app.screen.query_one("Banner").display)
        await until(pilot, lambda: "连接不上" in text(app, "Banner"))
        await box.start()
        await until(pilot, lambda: not app.screen.query_one("Banner").display)


@pytest.mark.slow
async def test_a_vault_that_is_locked_meanwhile_sends_to_the_door(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        box.locked = True
        await until(pilot, lambda: app.screen.query_one("Banner").display)
        await until(pilot, lambda: "F5" in text(app, "Banner"))
        await pilot.press("f5")
        await until(pilot, lambda: app.current_mode == "unlock")


async def test_a_session_that_ended_sends_to_the_door(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await until(pilot, lambda: "一切正常" in text(app, "#summary"))
        box.expired = True
        await until(pilot, lambda: "未登录" in text(app, "#whom"))
        await pilot.press("f4")
        await until(pilot, lambda: app.current_mode == "door")


async def test_a_click_on_the_last_line_does_what_the_key_does(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        line = str(app.screen.query_one(KeyLine).render())
        before = line[: line.index("审计")]
        await pilot.click(KeyLine, offset=(cell_len(before), 0))
        await until(pilot, lambda: app.current_mode == "audit")


async def test_an_answer_nested_beyond_reason_is_a_sentence(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        box.abyss = True
        await until(pilot, lambda: "看不懂" in text(app, "#summary"))


async def test_a_certificate_that_is_none_ends_the_console_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    app = ConsoleApp(dial("https://box.invalid:8443", tmp_path / "ca.pem", None))
    async with app.run_test(size=(80, 24)):
        pass
    assert app.return_code == 3
