"""Storage: slots, space and backups drawn; slots added, tried, sealed anew and revoked; backups asked for."""

import stat
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_people import PASSPHRASE
from tests.fakes.paper_storage import FRESH_RECOVERY, KEY_FILE, SHARES
from tests.tui.conftest import console_on, enter, press, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.backup import NewTargetDialog
from tui.dialogs.opening import OpeningDialog
from tui.dialogs.page import PageDialog
from tui.dialogs.question import QuestionDialog
from tui.dialogs.slots import KeyFileDialog, NewSlotDialog, RecoveryKeyDialog, ShareDialog, in_rows
from tui.widgets.rowtable import RowTable


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> RowTable:
    await enter(pilot)
    await pilot.press("f12")
    await until(pilot, lambda: app.screen.query("#slots"))
    table = app.screen.query_one("#slots", RowTable)
    await until(pilot, lambda: table.row_count >= 2)
    await until(pilot, lambda: app.screen.query_one("#backups", RowTable).row_count == 2)
    return table


async def _kind(pilot: Pilot[Any], kind: str) -> None:
    await pilot.press("n")
    await stands(pilot, NewSlotDialog)
    pilot.app.screen.query_one("#kind", Select).value = kind
    part = {"recovery": None, "shares": "#part-officers"}.get(kind, "#part-words")
    if part is not None:
        await until(pilot, lambda: pilot.app.screen.query_one(part).region.height)


async def _prove(pilot: Pilot[Any], secret: str = PASSPHRASE) -> None:
    await stands(pilot, OpeningDialog)
    field = pilot.app.screen.query_one("#secret", Input)
    field.value = secret
    field.focus()
    await until(pilot, lambda: field.has_focus)
    await pilot.press("enter")


async def test_slots_space_and_backups_are_shown(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        assert "2 d" in str(table.get_row_at(0)[3])
        assert "从未" in str(table.get_row_at(1)[3])
        told = text(app, "#storage")
        assert "58%" in told
        assert "▲任务 jobs 38/40G" in told
        rows = app.screen.query_one("#backups", RowTable)
        assert ["9 h" in str(rows.get_row_at(0)[1]), "失败" in str(rows.get_row_at(1)[3])] == [1, 1]
        assert "▲ 9 d" in str(rows.get_row_at(1)[1])
        assert "never" in str(rows.get_row_at(1)[4])
        table.choose(box.storage.slots[3].id)
        await until(pilot, lambda: "李主任、王主任、陈主任(2 份开启 open)" in text(app, "#said"))
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, PageDialog))
        await until(pilot, lambda: "没有空闲的磁盘分区" in text(app, "#told"))
        await pilot.press("escape")


@pytest.mark.slow
async def test_a_recovery_key_is_added_with_a_secret_and_shown_once(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        await _kind(pilot, "recovery")
        await press(pilot, "#do")
        await _prove(pilot, "wrong")
        await until(pilot, lambda: "不对" in text(app, ".issue"))
        assert app.screen.query_one("#secret", Input).value == ""
        await _prove(pilot)
        await stands(pilot, RecoveryKeyDialog)
        await until(pilot, lambda: in_rows(FRESH_RECOVERY) in text(app, "#once"))
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count == 6)
        assert FRESH_RECOVERY not in text(app, "#said")
        sent = [body for how, path, body in box.asked if (how, path[-6:]) == ("POST", "/slots")]
        assert [body["present"]["secret"] for body in sent] == ["wrong", PASSPHRASE]


@pytest.mark.slow
async def test_every_officer_sees_their_own_share_alone(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await _kind(pilot, "shares")
        app.screen.query_one("#holders", Input).value = "李主任、王主任 陈主任"
        await press(pilot, "#do")
        await _prove(pilot)
        for at, holder in enumerate(("李主任", "王主任", "陈主任"), 1):
            await stands(pilot, QuestionDialog)
            await until(pilot, lambda holder=holder: holder in text(app, ".dialog Static"))
            await press(pilot, "#yes")
            await stands(pilot, ShareDialog)
            await until(pilot, lambda at=at: f"SHARE-{at}" in text(app, "#once"))
            await press(pilot, "#kept")
        await until(pilot, lambda: len(box.storage.slots) == 6)
        assert box.storage.slots[-1].holders == ("李主任", "王主任", "陈主任")


@pytest.mark.slow
async def test_a_key_file_is_written_for_its_owner_alone_and_none_replaced(
    box: FakeBox, tmp_path: Path
) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        place = tmp_path / "box.key"
        for again in (False, True):
            await _kind(pilot, "keyfile")
            app.screen.query_one("#path", Input).value = str(place)
            app.screen.query_one("#new", Input).value = "one"
            app.screen.query_one("#again", Input).value = "two"
            await press(pilot, "#do")
            await until(pilot, lambda: "不同" in text(app, ".issue"))
            app.screen.query_one("#new", Input).value = PASSPHRASE
            app.screen.query_one("#again", Input).value = PASSPHRASE
            await press(pilot, "#do")
            await _prove(pilot)
            if again:
                await stands(pilot, KeyFileDialog)
                await until(pilot, lambda: "File exists" in text(app, ".dialog Static"))
                assert "AAAAA-BBBBB" in text(app, "#once")
                await pilot.press("escape")
            await until(pilot, place.exists)
        assert place.read_text() == KEY_FILE
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


async def test_a_slot_is_tried_sealed_anew_and_revoked(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        tpm, shares = box.storage.slots[2].id, box.storage.slots[3].id
        table.choose(tpm)
        await pilot.press("t")
        await until(pilot, lambda: any("opens" in one.message for one in app._notifications))
        table.choose(shares)  # there is but one TPM slot: it need not be chosen
        await pilot.press("s")
        await stands(pilot, OpeningDialog)
        await until(pilot, lambda: app.screen.query_one("#by-shares").region.height)
        await press(pilot, "#by-shares")
        for share, heard in ((SHARES[1], "已有 1 份"), (SHARES[1], "两次"), (SHARES[0], "")):
            await stands(pilot, OpeningDialog)
            field = app.screen.query_one("#share", Input)
            await until(pilot, lambda field=field: field.region.height)
            field.value = share
            field.focus()
            await until(pilot, lambda field=field: field.has_focus)
            await pilot.press("enter")
            if heard:
                await until(pilot, lambda heard=heard: heard in text(app, ".issue"))
        await until(pilot, lambda: any("anew" in one.message for one in app._notifications))
        table.choose(shares)
        await pilot.press("r")
        await stands(pilot, OpeningDialog)
        app.screen.query_one("#approval", Input).value = "apr-1"
        await _prove(pilot)
        await until(pilot, lambda: table.row_count == 4)
        sent = next(body for _, path, body in box.asked if path.endswith("/revoke"))
        assert sent["approval"] == "apr-1"
        await pilot.press("r")
        await stands(pilot, OpeningDialog)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query("#slots"))
        assert len(box.storage.slots) == 4


async def test_backups_are_made_checked_and_rehearsed(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        table = app.screen.query_one("#backups", RowTable)
        table.focus()
        table.choose("usb")
        await until(pilot, lambda: "损坏" in text(app, "#said"))
        await pilot.press("d")
        await until(pilot, lambda: "▶ 演练" in str(table.get_row("usb")[1]))
        await pilot.press("v")
        await until(pilot, lambda: any("正忙" in one.message for one in app._notifications))
        assert [job.spec["what"] for job in box.storage.jobs if job.kind == "backup"] == ["drill"]
        await pilot.press("a")
        await stands(pilot, NewTargetDialog)
        await press(pilot, "#do")
        await until(pilot, lambda: "name" in text(app, ".issue"))
        app.screen.query_one("#name", Input).value = "vaulted"
        app.screen.query_one("#place", Input).value = "/not/mounted"
        await press(pilot, "#do")
        await until(pilot, lambda: "挂载" in text(app, ".issue"))
        place = app.screen.query_one("#place", Input)
        assert place.value == "/not/mounted"
        place.value = "/media/two"
        await press(pilot, "#do")
        await until(pilot, lambda: table.row_count == 3)
        table.choose("vaulted")
        await pilot.press("x")
        await stands(pilot, QuestionDialog)
        await press(pilot, "#yes")
        await until(pilot, lambda: table.row_count == 2)


async def test_hostile_labels_places_and_findings_stay_inert() -> None:
    box = await FakeBox(hostile=True).start()
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        table = await _open(pilot, app)
        shown = [str(cell) for at in range(5) for cell in table.get_row_at(at)]
        shown += [str(cell) for cell in app.screen.query_one("#backups", RowTable).get_row_at(0)]
        app.screen.query_one("#backups").focus()
        await until(pilot, lambda: "恶意" in text(app, "#said"))
        shown.append(text(app, "#said"))
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, PageDialog))
        await until(pilot, lambda: "恶意" in text(app, "#told"))
        shown.append(text(app, "#told"))
        assert any("恶意" in one for one in shown)
        assert not any(sign in one for one in shown for sign in "\x1b\x07\u202e\u2066\x9b")
    await box.close()
