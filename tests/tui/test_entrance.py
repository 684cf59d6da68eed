"""The way in by name: the directory, one-time codes, a due password, enrolment."""

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_people import (
    AT_PROVIDER,
    BROWSER_CODE,
    CODE,
    PASSPHRASE,
    RECOVERY_CODES,
    SECRET_OF_TOTP,
)
from tests.tui.conftest import console_on, press, text, until
from tui.app import ConsoleApp
from tui.dialogs.person import (
    CodeDialog,
    EnrolDialog,
    NewPasswordDialog,
    ProviderDialog,
    RecoveryCodesDialog,
)


async def _knock(pilot: Pilot[Any], app: ConsoleApp, by: str = "#sign-in") -> None:
    await until(pilot, lambda: app.screen.query_one("#sign-in").region.height)
    app.screen.query_one("#name", Input).value = "李明"
    app.screen.query_one("#password", Input).value = PASSPHRASE
    await press(pilot, by)


async def _asked(pilot: Pilot[Any], app: ConsoleApp, dialog: type) -> None:
    await until(pilot, lambda: isinstance(app.screen, dialog) and app.screen.query("#do, #kept"))


async def _enter_code(pilot: Pilot[Any], app: ConsoleApp, code: str) -> None:
    app.screen.query_one("#code", Input).value = code
    app.screen.query_one("#code", Input).focus()
    await pilot.press("enter")


async def test_the_directory_judges_the_password(box: FakeBox) -> None:
    box.directory = True
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#directory").region.height)
        box.directory = False
        await _knock(pilot, app, "#directory")
        await until(pilot, lambda: "未启用" in text(app, "#said"))
        box.directory = True
        await _knock(pilot, app, "#directory")
        await until(pilot, lambda: app.current_mode == "overview")
    assert ("POST", "/api/v1/signin/directory") in {asked[:2] for asked in box.asked}
    assert ("POST", "/api/v1/sessions") not in {asked[:2] for asked in box.asked}


async def test_only_the_ways_that_are_set_up_are_offered(box: FakeBox) -> None:
    app = console_on(box, local=False)
    offered = ("GET", "/api/v1/signin/offered", None)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: offered in box.asked)
        await until(pilot, lambda: app.screen.query_one("#sign-in").region.height)
        await until(pilot, lambda: not app.screen.asking("offer"))
        await pilot.pause()
        assert not app.screen.query_one("#directory").display
        assert not app.screen.query_one("#provider").display
        # The box comes back with other settings.
        await box.stop()
        await until(pilot, lambda: not app.screen.query_one("#entering").display)
        box.directory = box.provider = True
        await box.start()
        for way in ("#directory", "#provider"):
            await until(pilot, lambda way=way: app.screen.query_one(way).region.height)
            assert app.screen.region.contains_region(app.screen.query_one(way).region)


@pytest.mark.slow
async def test_a_person_signs_in_at_the_identity_provider(box: FakeBox) -> None:
    box.provider = True
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#provider").region.height)
        await press(pilot, "#provider")
        await _asked(pilot, app, ProviderDialog)
        assert text(app, "#uri") == AT_PROVIDER
        await press(pilot, "#copy")
        await until(pilot, lambda: app.clipboard == AT_PROVIDER)
        await _enter_code(pilot, app, "wrong-code")
        await until(pilot, lambda: "已用过" in text(app, ".issue"))
        await _enter_code(pilot, app, BROWSER_CODE)
        await until(pilot, lambda: app.current_mode == "overview")
        await until(pilot, lambda: "wang.fang (clinician)" in text(app, "#whom"))


async def test_whoever_leaves_the_provider_stays_outside(box: FakeBox) -> None:
    box.provider = True
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#provider").region.height)
        await press(pilot, "#provider")
        await _asked(pilot, app, ProviderDialog)
        await pilot.press("escape")
        await until(pilot, lambda: "已取消" in text(app, "#said"))
        assert app.current_mode == "door"


async def test_a_code_is_asked_for_until_it_is_right(box: FakeBox) -> None:
    box.totp = True
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await _knock(pilot, app)
        await _asked(pilot, app, CodeDialog)
        await _enter_code(pilot, app, "12")
        await until(pilot, lambda: "至少 6 位" in text(app, ".issue"))
        first = app.screen
        await _enter_code(pilot, app, "654 321")
        await until(pilot, lambda: app.screen is not first and app.screen.query(".issue"))
        await until(pilot, lambda: "不对" in text(app, ".issue"))
        await _enter_code(pilot, app, CODE)
        await until(pilot, lambda: app.current_mode == "overview")


async def test_whoever_has_no_code_stays_outside(box: FakeBox) -> None:
    box.totp = True
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await _knock(pilot, app)
        await _asked(pilot, app, CodeDialog)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query("#said") and "已取消" in text(app, "#said"))
        assert app.current_mode == "door"
        await until(pilot, lambda: "未登录" in text(app, "#whom"))


async def test_a_due_password_is_changed_and_used(box: FakeBox) -> None:
    box.due = ["password"]
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await _knock(pilot, app)
        await _asked(pilot, app, NewPasswordDialog)
        for new, again, said in (
            ("", "", "请输入新密码"),
            ("long enough 1", "long enough 2", "两次输入不同"),
            ("short", "short", "密码太短"),
            ("long enough 1", "long enough 1", ""),
        ):
            app.screen.query_one("#new", Input).value = new
            app.screen.query_one("#again", Input).value = again
            await press(pilot, "#do")
            if said:
                await until(
                    pilot,
                    lambda said=said: app.screen.query(".issue") and said in text(app, ".issue"),
                )
        await until(pilot, lambda: app.current_mode == "overview")
    assert box.password == "long enough 1"
    assert [asked[2]["password"] for asked in box.asked if asked[1].endswith("/sessions")] == [
        PASSPHRASE,
        "long enough 1",
    ]


async def test_one_time_codes_are_set_up_and_the_recovery_codes_shown(box: FakeBox) -> None:
    box.due = ["totp"]
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await _knock(pilot, app)
        await _asked(pilot, app, EnrolDialog)
        await until(pilot, lambda: text(app, "#once").replace(" ", "") == SECRET_OF_TOTP)
        await until(pilot, lambda: "otpauth://" in text(app, "#uri"))
        await _enter_code(pilot, app, "000000")
        await until(
            pilot, lambda: app.screen.query(".issue") and "动态口令不对" in text(app, ".issue")
        )
        await until(pilot, lambda: text(app, "#once").replace(" ", "") == SECRET_OF_TOTP)
        await _enter_code(pilot, app, CODE)
        await _asked(pilot, app, RecoveryCodesDialog)
        await until(pilot, lambda: text(app, "#once").split() == list(RECOVERY_CODES))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "overview")


async def test_leaving_what_is_due_ends_the_session(box: FakeBox) -> None:
    box.due = ["password"]
    app = console_on(box, local=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await _knock(pilot, app)
        await _asked(pilot, app, NewPasswordDialog)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query("#said") and "已取消" in text(app, "#said"))
        assert ("DELETE", "/api/v1/sessions/current") in {asked[:2] for asked in box.asked}
