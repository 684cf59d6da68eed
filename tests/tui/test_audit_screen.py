"""The audit tail: live entries, filters, light, proof, export."""

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NASTY
from tests.fakes.paper_record import entry_of
from tests.tui.conftest import console_on, enter, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.export import ExportDialog
from tui.widgets.entrytable import MOST, EntryTable


async def _open(pilot: Pilot[Any], app: ConsoleApp, box: FakeBox) -> EntryTable:
    await enter(pilot)
    await pilot.press("f4")
    await until(
        pilot, lambda: app.screen.query(EntryTable) and app.screen.query_one(EntryTable).row_count
    )
    await until(pilot, lambda: box.listeners)
    return app.screen.query_one(EntryTable)


async def test_new_entries_appear_below_and_are_followed(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app, box)
        for n in range(30, 60):
            box.record(entry_of(n))
        await until(pilot, lambda: table.newest == 59)
        assert table.row_count == 60
        await until(pilot, lambda: table.chosen is not None and table.chosen.index == 59)
        await until(pilot, lambda: "#59" in text(app, "#words"))
        await pilot.press("space")
        await until(pilot, lambda: not table.following)
        await pilot.pause(0.2)
        box.record(entry_of(60))
        await pilot.pause(0.5)
        assert table.newest == 59
        await pilot.press("space")
        await until(pilot, lambda: table.newest == 60)


async def test_the_tail_is_bounded_and_gaps_are_filled(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app, box)
        box.entries += [entry_of(n) for n in range(30, 40)]
        box.record(entry_of(40))
        await until(pilot, lambda: table.row_count == 41)
        for n in range(41, 41 + MOST):
            box.record(entry_of(n))
        await until(pilot, lambda: table.newest == 40 + MOST)
        assert table.row_count == MOST


async def test_an_empty_log_says_so(box: FakeBox) -> None:
    box.entries.clear()
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await pilot.press("f4")
        await until(
            pilot, lambda: app.screen.query("#words") and "No entries" in text(app, "#words")
        )


async def test_filters_by_tag_and_actor(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app, box)
        app.screen.query_one("#tag", Input).value = "vault:"
        await until(pilot, lambda: table.row_count == 6)
        box.record(entry_of(30, "box:audit:start"))
        box.record(entry_of(31, "vault:root:lock"))
        await until(pilot, lambda: table.row_count == 7)
        app.screen.query_one("#actor", Input).value = "nobody"
        await until(pilot, lambda: table.row_count == 0)


@pytest.mark.parametrize(
    ("integrity", "said"), [("ok", "完整 intact"), ("broken", "已损坏 broken")]
)
async def test_the_light_says_what_the_verification_found(
    box: FakeBox, integrity: str, said: str
) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, box)
        box.integrity = integrity
        await pilot.press("v")
        await until(pilot, lambda: any(path.endswith("/verify") for _, path, _ in box.asked))
        await until(pilot, lambda: said in text(app, "#light"))


async def test_a_proof_is_shown(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("p")
        await until(pilot, lambda: "#29 / 30" in text(app, "#proof"))
        await until(pilot, lambda: "✔" in text(app, "#proof"))


async def test_an_export_says_where_it_lies(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("x")
        await stands(pilot, ExportDialog)
        app.screen.query_one("#out", Input).value = "/media/stick"
        await pilot.click("#do")
        await until(pilot, lambda: "/media/stick" in text(app, "#light"))


async def test_hostile_entries_are_inert(box: FakeBox) -> None:
    box.entries.append(entry_of(30, "access:session:refuse", NASTY, name=NASTY))
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app, box)
        cells = [str(cell) for cell in table.get_row("30")]
        assert "\x1b" not in "".join(cells) + text(app, "#words")
        assert "[bold red]" in cells[3]


async def test_the_tail_comes_back_after_the_box_does(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app, box)
        await box.stop()
        await until(pilot, lambda: app.screen.query_one("Banner").display)
        await box.start()
        await until(pilot, lambda: box.listeners)
        box.record(entry_of(30))
        await until(pilot, lambda: table.newest == 30)
