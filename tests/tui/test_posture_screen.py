"""Posture: level, findings by impact with what to do, the course of the runs, and checking now."""

from typing import Any

from textual.pilot import Pilot

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_posture import checks, run_of
from tests.tui.conftest import console_on, enter, text, until
from tui.dialogs.page import PageDialog
from tui.postureshow import course, finding_rows
from tui.widgets.rowtable import RowTable


async def posture(pilot: Pilot[Any]) -> None:
    app = pilot.app
    await enter(pilot)
    await until(pilot, lambda: "level 2/4" in text(app, "#posture"))
    await pilot.press("h")
    await until(pilot, lambda: app.current_mode == "posture")
    await until(pilot, lambda: app.screen.query_one("#findings", RowTable).row_count)
    await until(pilot, lambda: "150" in text(app, "#course"))


async def test_the_gravest_finding_stands_first_and_says_what_to_do(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await posture(pilot)
        table = app.screen.query_one("#findings", RowTable)
        assert table.chosen == "baseline.registers"
        assert table.row_count == 4
        assert "shim 15.7 -> 15.8" in text(app, "#said")
        assert "firmware setup" in text(app, "#said")
        glance = text(app, "#glance")
        assert "level 2/4" in glance
        assert "训练已停" in glance
        assert "secure-boot.on" in glance
        await pilot.press("down")
        await until(pilot, lambda: "Secure Boot is off" in text(app, "#said"))
        await pilot.press("enter")
        await stands_page(pilot)
        told = text(app, "#told")
        for piece in ("Anybody's kernel", "SecureBoot: 0", "UEFI 2.10"):
            assert piece in told
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query("#findings"))
        await pilot.press("a")
        await until(pilot, lambda: table.row_count == 7)
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "overview")


async def stands_page(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, PageDialog))
    await until(pilot, lambda: text(pilot.app, "#told"))


async def test_checking_now(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await posture(pilot)
        await pilot.press("c")
        await until(pilot, lambda: box.checks_asked == 1)
        await until(pilot, lambda: "shim 15.7" in text(app, "#said"))
        box.broken_checks = True
        await pilot.press("c")
        await until(pilot, lambda: "cannot be checked" in text(app, "#said"))


async def test_hostile_findings_are_inert(box: FakeBox) -> None:
    box.hostile = True
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await posture(pilot)
        for which in ("#glance", "#said", "#course"):
            assert "\x1b" not in text(app, which)
            assert "\u202e" not in text(app, which)
        assert "[bold red]" in text(app, "#said")


async def test_a_sound_box_says_so(box: FakeBox) -> None:
    box.sound = True
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await pilot.press("h")
        await until(pilot, lambda: "Nothing was found" in text(app, "#said"))
        await until(pilot, lambda: "No history yet" in text(app, "#course"))
        assert "top level" in text(app, "#glance")


def test_findings_are_ordered_by_impact_and_then_by_outcome() -> None:
    assert list(finding_rows(checks(), everything=False)) == [
        "baseline.registers",
        "secure-boot.on",
        "tpm.maker",
        "clock.plausible",
    ]
    assert list(finding_rows(checks(), everything=True))[-1] == "gpu.confidential"


def test_the_course_runs_from_left_to_right() -> None:
    runs = [run_of(number) for number in range(30)]
    (line, span) = str(course(runs, 40, tall=False)).split("\n")
    assert line == "▄" * 3 + "▄" * 7 + "█" * 19 + "▄" or len(line) == 30
    assert line[-1] == "▄"
    assert line[-2] == "█"
    assert "30 次 runs" in span
    tall = str(course(runs, 14, tall=True)).split("\n")
    assert [row[:2] for row in tall[:4]] == ["4 ", "3 ", "2 ", "1 "]
    assert [row[-1] for row in tall[:4]] == [" ", " ", "█", "█"]
    assert {len(row) for row in tall[:4]} == {12}
    assert "No history" in str(course([], 40, tall=True))
