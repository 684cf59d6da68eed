"""The texts behind an entry: read after a question, with who read them before; exports that lie there."""

from datetime import timedelta

from appliance.contract.audit import ExportState
from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NASTY, NOON
from tests.fakes.paper_record import entry_of
from tests.tui.conftest import console_on, press, stands, text, until
from tests.tui.test_audit_screen import _open
from tui.dialogs.page import PageDialog
from tui.dialogs.question import QuestionDialog


def readings(box: FakeBox) -> int:
    return sum("/audit/bodies/" in path for _, path, _ in box.asked)


async def test_texts_are_read_after_a_question_and_tell_who_read_them(box: FakeBox) -> None:
    read = entry_of(30, "audit:body:read", "user:dr.li")
    box.entries.append(read.model_copy(update={"details": {"found": "kept", "index": 31}}))
    box.entries.append(entry_of(31, receipt="rcp_x"))
    box.texts[31] = ("胸痛三天" + NASTY, "建议心电图")
    app = console_on(box)
    async with app.run_test(size=(100, 40)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("b")
        await stands(pilot, QuestionDialog)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, QuestionDialog))
        assert readings(box) == 0
        await pilot.press("b")
        await stands(pilot, QuestionDialog)
        await press(pilot, "#yes")
        await stands(pilot, PageDialog)
        told = text(app, "#told")
        assert all(
            word in told for word in ("#31", "胸痛三天", "建议心电图", "只存开头", "pt_4f1c")
        )
        assert "who asked (2)" in told
        assert told.index("user:it") < told.index("user:dr.li")
        assert "with a certificate" in told
        assert "\x1b" not in told
        assert readings(box) == 1


async def test_an_entry_without_texts_says_why_and_that_is_on_the_record(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(100, 40)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("b")
        await stands(pilot, QuestionDialog)
        await press(pilot, "#yes")
        await stands(pilot, PageDialog)
        told = text(app, "#told")
        assert "No body is kept" in told
        assert "who asked (1)" in told
        assert "certificate" not in told


async def test_what_lies_on_the_box_is_listed(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(100, 40)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("l")
        await stands(pilot, PageDialog)
        assert "There are no exports" in text(app, "#told")
        await pilot.press("escape")
        box.watchers.exports["e"] = ExportState(
            id="e",
            state="done",
            directory="/vault/files/exports/audit-1",
            asked=NOON,
            actor="user:auditor",
            since=None,
            until=None,
            done=30,
            total=30,
            entries=30,
            root="ab" * 32,
            sentence=None,
            way_out=None,
            kept_until=NOON + timedelta(days=30),
        )
        await until(pilot, lambda: not isinstance(app.screen, PageDialog))
        await pilot.press("l")
        await stands(pilot, PageDialog)
        told = text(app, "#told")
        assert "user:auditor" in told
        assert "30 条 entries" in told
        assert "kept until 2026-02-04" in told
