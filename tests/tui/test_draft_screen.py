"""Drafting a note: form, stream, sources, refusals."""

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, TextArea

from tests.fakes.fake_box import FakeBox
from tests.tui.conftest import console_on, enter, text, until
from tui.app import ConsoleApp
from tui.widgets.factform import FactForm, FactRow
from tui.widgets.fieldlist import EXAMPLE


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> FactForm:
    await enter(pilot)
    await pilot.press("f2")
    await until(pilot, lambda: app.screen.query(FactRow))
    return app.screen.query_one(FactForm)


def _row(form: FactForm, path: str) -> FactRow:
    return next(row for row in form.rows if row.field.path == path)


async def test_an_example_is_drafted_and_each_sentence_shows_its_sources(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        form = await _open(pilot, app)
        await pilot.press("f6")
        await pilot.pause()
        await until(pilot, lambda: form.collect() == EXAMPLE)
        await pilot.press("f7")
        await until(pilot, lambda: "完成" in text(app, "#status"))
        assert box.asked[-1][2] == {"facts": EXAMPLE, "stream": True} or any(
            asked[2] == {"facts": EXAMPLE, "stream": True} for asked in box.asked
        )
        await until(pilot, lambda: "rcp_mfrggzdfmztwq2lk" in text(app, "#receipt"))
        await until(pilot, lambda: "左眼眼压: 18mmHg → 16mmHg" in text(app, "#findings"))
        await until(pilot, lambda: "术前用药" in text(app, "#findings"))
        await until(pilot, lambda: "姓名 王秀兰" in text(app, "#sources"))
        await pilot.press("down")
        await until(pilot, lambda: "主诉眼别 左眼" in text(app, "#sources"))
        await until(pilot, lambda: _row(form, "chief_complaint.eye").has_class("-source"))
        assert not _row(form, "patient.name").has_class("-source")


@pytest.mark.slow
async def test_contradictions_are_shown_at_the_fields_named(box: FakeBox) -> None:
    box.contradictory = True
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        form = await _open(pilot, app)
        await pilot.press("f6", "f7")
        await until(pilot, lambda: "互相矛盾" in text(app, "#status"))
        wrong = {row.field.path for row in form.rows if row.has_class("-wrong")}
        assert wrong == {"plan.eye", "chief_complaint.eye"}
        assert not app.screen.has_class("-writing")


@pytest.mark.slow
async def test_a_field_that_cannot_be_read_never_reaches_the_box(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        form = await _open(pilot, app)
        _row(form, "patient.age").query_one(Input).value = "seventy"
        await pilot.press("f7")
        await until(pilot, lambda: "更正" in text(app, "#status"))
        assert _row(form, "patient.age").has_class("-wrong")
        form.query_one("#rest", TextArea).text = "{"
        assert form.collect() is None
        assert not [one for one in box.asked if one[0] == "POST"]


@pytest.mark.slow
async def test_a_stream_that_breaks_off_leaves_a_warning(box: FakeBox) -> None:
    box.break_draft = True
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("f6", "f7")
        await until(pilot, lambda: "✖" in text(app, "#status"))
        assert text(app, "#receipt") == ""
        box.break_draft = False
        await pilot.press("f7")
        await until(pilot, lambda: "完成" in text(app, "#status"))


@pytest.mark.slow
async def test_a_stream_that_hangs_can_be_stopped(box: FakeBox) -> None:
    box.hang_draft = True
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("f6", "f7")
        await until(pilot, lambda: "王秀兰" in text(app, "#streamed"))
        await until(pilot, lambda: "writing" in text(app, "#status"))
        await pilot.press("escape")
        await until(pilot, lambda: "已停止" in text(app, "#status"))


@pytest.mark.slow
async def test_a_model_that_is_loading_is_waited_for(box: FakeBox) -> None:
    box.loading = 2
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("f6", "f7")
        await until(pilot, lambda: "完成" in text(app, "#status"))
        assert box.loading == 0


async def test_hostile_model_output_is_inert(box: FakeBox) -> None:
    box.hostile = True
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("f6", "f7")
        await until(pilot, lambda: "完成" in text(app, "#status"))
        listed = app.screen.query_one(OptionList)
        shown = str(listed.get_option("s0-0").prompt)
        assert "␛[31m[bold red]恶意[/]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\x1b[31m" not in app.export_screenshot()
