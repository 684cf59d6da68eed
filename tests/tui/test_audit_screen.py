"""The audit tail: live entries, filters, light, proof, export."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from secure_compute.merkle import leaf_hash
from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NASTY, NOON
from tests.fakes.paper_record import RECEIPT, checkpoint_of, entry_of, path_of
from tests.tui.conftest import console_on, enter, press, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.page import PageDialog
from tui.dialogs.receipt import ReceiptDialog
from tui.proving import proves
from tui.widgets.auditfilter import moment_of
from tui.widgets.entrytable import MOST, EntryTable


async def _open(pilot: Pilot[Any], app: ConsoleApp, box: FakeBox) -> EntryTable:
    await enter(pilot)
    await pilot.press("f4")
    await until(
        pilot, lambda: app.screen.query(EntryTable) and app.screen.query_one(EntryTable).row_count
    )
    await until(pilot, lambda: box.listeners)
    return app.screen.query_one(EntryTable)


def _pages(box: FakeBox) -> int:
    return sum(path.endswith("/audit/entries") for _, path, _ in box.asked)


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


async def test_filters_by_model_patient_and_time(box: FakeBox) -> None:
    box.entries.append(entry_of(30, patient="pt_4f1c"))
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app, box)
        patient = app.screen.query_one("#patient", Input)
        before = _pages(box)
        patient.value = "pt_4f"
        patient.value = "pt_4f1c"
        await until(pilot, lambda: "on the record" in text(app, "#light"))
        # Nobody is looked for before Enter: each look for a patient is an entry of its own.
        assert _pages(box) == before
        patient.focus()
        await pilot.press("enter")
        await until(pilot, lambda: table.row_count == 1)
        assert _pages(box) == before + 1
        box.record(entry_of(31, patient="pt_4f1c"))
        box.record(entry_of(32, patient="pt_other"))
        await until(pilot, lambda: table.newest == 31)
        assert (table.row_count, _pages(box)) == (2, before + 1)
        patient.value = ""
        await until(pilot, lambda: table.newest == 32)
        app.screen.query_one("#model", Input).value = "another"
        await until(pilot, lambda: table.row_count == 0)
        box.record(entry_of(33, model="another"))
        box.record(entry_of(34))
        await until(pilot, lambda: table.newest == 33)
        app.screen.query_one("#model", Input).value = ""
        await until(pilot, lambda: table.newest == 34)
        app.screen.query_one("#since", Input).value = "12:00"
        await until(pilot, lambda: table.row_count == 35)
        app.screen.query_one("#until", Input).value = "2026-01-05T12:00:10"
        await until(pilot, lambda: table.row_count == 10)
        app.screen.query_one("#since", Input).value = "yesterday"
        await until(pilot, lambda: "看不懂的时间 no time: yesterday" in text(app, "#light"))


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("2h", NOON - timedelta(hours=2)),
        ("3 d", NOON - timedelta(days=3)),
        ("08:30", NOON.replace(hour=8, minute=30)),
        ("2026-01-04", NOON.replace(day=4, hour=0)),
        ("2026-01-04T20:00+08:00", NOON - timedelta(days=1)),
        ("", None),
        ("25:00", None),
        ("soon", None),
        ("9999999999d", None),
        ("2026-13-01", None),
        ("\x1b[31m", None),
    ],
)
def test_times_as_people_type_them(words: str, moment: datetime | None) -> None:
    assert moment_of(words, NOON) == moment


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
        await until(pilot, lambda: "✔ 证明通向" in text(app, "#proof"))


@pytest.mark.slow
async def test_a_proof_that_leads_nowhere_is_told(box: FakeBox) -> None:
    box.lie = ("cd" * 32, "ef" * 32)
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("p")
        await until(pilot, lambda: "✖ 证明不成立" in text(app, "#proof"))


async def test_a_receipt_leads_to_what_wrote_the_answer(box: FakeBox) -> None:
    box.entries.append(entry_of(30, receipt="rcp_other"))
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, box)
        await pilot.press("c")
        await stands(pilot, ReceiptDialog)
        field = app.screen.query_one("#receipt", Input)
        assert field.value == "rcp_other"
        await pilot.press("enter")
        await until(pilot, lambda: "没有这张回执" in text(app, ".issue"))
        app.screen.query_one("#receipt", Input).value = RECEIPT
        await press(pilot, "#do")
        await until(pilot, lambda: isinstance(app.screen, PageDialog))
        told = text(app, "#told")
        assert all(word in told for word in ("wardbox-reference", "5a5a", "9c9c", "pt_4f1c", "#4"))
        assert "✔ 证明通向检查点的根" in told


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31])
def test_proofs_are_worked_out_and_any_change_is_seen(size: int) -> None:
    for index in range(size):
        leaf = leaf_hash(str(index).encode()).hex()
        path, note = path_of(index, size), checkpoint_of(size)
        assert proves(leaf, index, path, note)
        assert not proves(leaf, index, (*path, "00" * 32), note)
        assert not proves(leaf, index + 1, path, note)
        assert not proves(leaf, index, path, checkpoint_of(size + 1))
        for at in range(len(path)):
            assert not proves(leaf, index, (*path[:at], "00" * 32, *path[at + 1 :]), note)
    for bad in ("", "x\n1\n", "x\n-1\nAAAA\n", "x\n1\n!!\n", "x\n99999999999999999999999\nAAAA\n"):
        assert not proves("00" * 32, 0, (), bad)
    assert not proves("zz", 0, (), checkpoint_of(1))


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
