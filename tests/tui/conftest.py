"""A console on a paper box, and waiting for what one should see."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.query import NoMatches
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from appliance.client.session import Session
from tests.fakes.fake_box import FakeBox
from tui.app import ConsoleApp
from tui.line import Line

Until = Callable[[Pilot[Any], Callable[[], object]], Any]


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Every app parses the same sheets again, several times; here each is parsed once for all tests."""
    parse = Stylesheet._parse_rules
    known: dict[tuple[object, ...], list[RuleSet]] = {}

    def remembered(sheet: Stylesheet, *words: Any, **named: Any) -> list[RuleSet]:
        asked = (words, *named.items(), *sorted(sheet._variables.items()))
        if asked not in known:
            known[asked] = parse(sheet, *words, **named)
        return known[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", remembered)
        yield


def console_on(box: FakeBox, *, local: bool = True) -> ConsoleApp:
    return ConsoleApp(
        Line(lambda: Session.local(box.socket), local=local, clock=lambda: 0.0), beat_s=0.5
    )


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Wait until something holds; a minute is for a machine that does eight things at once.

    What is not on the screen yet does not hold yet.
    """

    def held() -> bool:
        try:
            return bool(holds())
        except NoMatches:
            return False

    async with asyncio.timeout(60):
        while not held():
            await pilot.pause(0.02)


async def stands(pilot: Pilot[Any], dialog: type[Screen[Any]]) -> None:
    """Wait until a dialog is there whole: a screen is the present one before its parts are."""
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, dialog) and app.screen.focused is not None)


def text(app: ConsoleApp, which: str) -> str:
    """What a Static on the present screen shows."""
    return str(app.screen.query_one(which, Static).render())


async def press(pilot: Pilot[Any], which: str) -> None:
    """Press a button; one that was pressed just now takes no key for a fifth of a second."""
    button = pilot.app.screen.query_one(which)
    await until(pilot, lambda: not button.has_class("-active"))
    button.focus()
    await pilot.press("enter")


async def enter(pilot: Pilot[Any]) -> None:
    """Go in as the local administrator, by the keyboard: a click aims at where a button was."""
    app = pilot.app
    async with asyncio.timeout(60):
        while app.current_mode != "overview":
            await until(pilot, lambda: app.focused is not None and app.focused.id == "local")
            await pilot.press("enter")
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await until(pilot, lambda: app.current_mode == "overview")


@pytest.fixture
async def box() -> AsyncIterator[FakeBox]:
    made = await FakeBox().start()
    yield made
    await made.close()


async def _clear_away(box: FakeBox) -> None:
    await box.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def served(box: FakeBox) -> Iterator[FakeBox]:
    """Serve a box from a thread of its own, for tests whose loop is not theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(box.start(), loop).result(30)
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_clear_away(box), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
