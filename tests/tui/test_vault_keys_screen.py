"""Keys of the vault: listed, replaced, destroyed once the name is typed, by two where demanded."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_keys import CERTIFICATE, SUBJECT, approval_of
from tests.tui.conftest import console_on, enter, press, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.datasets import DatasetsDialog
from tui.dialogs.erase import EraseDialog, TypedDialog
from tui.dialogs.question import QuestionDialog
from tui.widgets.rowtable import RowTable


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> RowTable:
    await enter(pilot)
    await pilot.press("f12")
    await until(pilot, lambda: app.screen.query("#slots"))
    await until(pilot, lambda: app.screen.query_one("#slots").has_focus)
    await pilot.press("k")
    await until(pilot, lambda: app.screen.query("#vault-keys"))
    table = app.screen.query_one("#vault-keys", RowTable)
    await until(pilot, lambda: table.row_count >= 6)
    return table


async def _want(pilot: Pilot[Any], subject: str, path: Path, approval: str = "") -> None:
    await pilot.press("e")
    await stands(pilot, EraseDialog)
    await _enter(pilot, subject, path, approval)


async def _enter(pilot: Pilot[Any], subject: str, path: Path, approval: str = "") -> None:
    for which, value in (("subject", subject), ("path", str(path)), ("approval", approval)):
        pilot.app.screen.query_one(f"#{which}", Input).value = value
    await press(pilot, "#do")


async def _type(pilot: Pilot[Any], name: str) -> None:
    await stands(pilot, TypedDialog)
    pilot.app.screen.query_one("#typed", Input).value = name
    await press(pilot, "#do")


def _told(app: ConsoleApp, words: str) -> bool:
    return any(words in one.message for one in app._notifications)


async def test_keys_are_shown_and_replaced(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        assert "40 d" in str(table.get_row("box.db/2")[3])
        assert "1,204" in str(table.get_row("family.patient/1")[5])
        assert "不可转储" in text(app, "#root")
        await pilot.press("o")
        await stands(pilot, QuestionDialog)
        await press(pilot, "#yes")
        await until(pilot, lambda: "root-fresh" in text(app, "#root"))
        table.choose("box.db/2")
        await pilot.press("u")
        await stands(pilot, QuestionDialog)
        assert "15 s" in str(app.screen.query_one(".dialog Static").render())
        await press(pilot, "#yes")
        await until(pilot, lambda: _told(app, "from the next unlock"))
        await until(pilot, lambda: "box.db/3" in table._shown)
        table.choose("files/1")
        await pilot.press("u")
        await until(pilot, lambda: _told(app, "o replaces the root key"))
        sent = [body for how, path, body in box.asked if path.endswith("/keys/rotate")]
        assert sent == [{"use": None}, {"use": "box.db"}]
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "storage")


@pytest.mark.slow
async def test_nothing_is_destroyed_before_the_name_is_typed(box: FakeBox, tmp_path: Path) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        there = tmp_path / "there.cert"
        there.write_text("another")
        await _want(pilot, "P0042", there)
        await until(pilot, lambda: "exists" in text(app, ".issue"))
        place = tmp_path / "new.cert"
        await _enter(pilot, "P0042", place)
        await _type(pilot, "P42")
        await until(pilot, lambda: "什么也没有销毁" in text(app, ".issue"))
        assert not [path for _, path, _ in box.asked if path.endswith("/erase")]
        await pilot.press("escape")
        await until(pilot, lambda: not place.exists())
        assert box.vault_keys.patients == {"P0042"}
        await _want(pilot, "P0042", place)
        await _type(pilot, "P0042")
        await until(pilot, lambda: place.exists() and place.read_text() == CERTIFICATE)
        await until(pilot, lambda: _told(app, "sha256:abab"))
        assert box.vault_keys.patients == set()
        assert there.read_text() == "another"
        # What is gone cannot be destroyed twice: told, and the proof of the first stays.
        await _want(pilot, "P0042", tmp_path / "again.cert")
        await _type(pilot, "P0042")
        await until(pilot, lambda: "没有为它" in text(app, ".issue"))
        assert not (tmp_path / "again.cert").exists()
        assert app.screen.query_one("#subject", Input).value == "P0042"


@pytest.mark.slow
async def test_a_whole_box_takes_its_id(box: FakeBox, tmp_path: Path) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("e")
        await stands(pilot, EraseDialog)
        app.screen.query_one("#kind", Select).value = "box"
        await until(pilot, lambda: app.screen.query_one("#subject", Input).disabled)
        await _enter(pilot, "", tmp_path / "box.cert")
        await stands(pilot, TypedDialog)
        assert "重新安装" in str(app.screen.query_one(".dialog Static").render())
        await _type(pilot, "box-1")
        await until(pilot, lambda: (tmp_path / "box.cert").exists() and _told(app, "box-1"))
        sent = [body for _, path, body in box.asked if path.endswith("/erase")]
        assert sent == [{"kind": "box", "subject": "box-1", "confirm": "box-1", "approval": None}]


@pytest.mark.slow
async def test_two_people_destroy_where_the_box_is_set_so(box: FakeBox, tmp_path: Path) -> None:
    box.vault_keys.two = True
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        place = tmp_path / "p.cert"
        await _want(pilot, "P0042", place)
        await _type(pilot, "P0042")
        await stands(pilot, QuestionDialog)
        assert not place.exists()
        await press(pilot, "#yes")
        requests = app.screen.query_one("#approvals", RowTable)
        await until(pilot, lambda: requests.row_count == 1)
        (asked,) = box.vault_keys.approvals
        assert (asked.action, asked.subject) == ("vault.erase", SUBJECT)
        assert box.vault_keys.patients == {"P0042"}
        await _want(pilot, "P0042", place, asked.id)
        await _type(pilot, "P0042")
        await until(pilot, lambda: "尚未批准" in text(app, ".issue"))
        await pilot.press("escape")
        requests.focus()
        await pilot.press("y")
        await until(pilot, lambda: "已批" in str(requests.get_row(asked.id)[0]))
        await _want(pilot, "P0042", place, asked.id)
        await _type(pilot, "P0042")
        await until(pilot, lambda: place.exists() and place.read_text() == CERTIFICATE)


@pytest.mark.slow
async def test_hostile_names_stay_inert_and_weak_memory_is_told() -> None:
    box = await FakeBox(hostile=True).start()
    box.vault_keys.locked, box.vault_keys.dumpable = False, True
    nasty = box.vault_keys.hostile
    box.vault_keys.approvals = [approval_of(1, subject=nasty, reason=nasty, requested_by=nasty)]
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        table = await _open(pilot, app)
        table.choose("box.db/2")
        await until(pilot, lambda: "恶意" in text(app, "#said"))
        shown = [text(app, "#said"), text(app, "#root")]
        assert "▲" in shown[1]
        requests = app.screen.query_one("#approvals", RowTable)
        await until(pilot, lambda: requests.row_count == 1)
        requests.focus()
        await until(pilot, lambda: "apr_" in text(app, "#said"))
        shown += [text(app, "#said"), *map(str, requests.get_row_at(0))]
        assert not any(sign in one for one in shown for sign in "\x1b\x07\u202e\u2066\x9b")
    await box.close()


@pytest.mark.slow
async def test_a_file_is_chosen_from_the_list_and_destroyed(box: FakeBox, tmp_path: Path) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        place = tmp_path / "file.cert"
        await pilot.press("e")
        await stands(pilot, EraseDialog)
        app.screen.query_one("#kind", Select).value = "dataset"
        await _enter(pilot, "", place)
        await stands(pilot, DatasetsDialog)
        table = app.screen.query_one("#datasets", RowTable)
        await until(pilot, lambda: table.row_count == 3)
        assert "plain" in str(table.get_row_at(2)[1])
        table.choose("file-" + "0" * 23 + "1")
        await until(pilot, lambda: "0001" in text(app, "#chosen"))
        await press(pilot, "#do")
        await stands(pilot, EraseDialog)
        chosen = app.screen.query_one("#subject", Input).value
        assert chosen == "file-" + "0" * 23 + "1"
        await press(pilot, "#do")
        await _type(pilot, chosen)
        await until(pilot, lambda: place.exists() and place.read_text() == CERTIFICATE)
        assert [one.id[-1] for one in box.vault_keys.datasets] == ["0", "2"]
