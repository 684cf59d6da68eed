"""Those outside the box: exports with their progress, witnesses with their age, forwarding with what waits."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NOON
from tests.fakes.paper_watchers import LAG, ZIP, forward_of, witness_of
from tests.tui.conftest import console_on, enter, press, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.export import ExportDialog
from tui.dialogs.page import PageDialog
from tui.watching import WatchNow, watch_line


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> None:
    await enter(pilot)
    await pilot.press("f4")
    await until(pilot, lambda: app.screen.query("#light") and "转发" in text(app, "#light"))


async def _ask(pilot: Pilot[Any], **fields: str) -> None:
    await pilot.press("x")
    await stands(pilot, ExportDialog)
    for name, value in fields.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = value
    await press(pilot, "#do")


async def test_an_export_tells_how_far_it_is_and_where_it_lies(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await _ask(pilot, place="/media/stick", since="soon", tag="vault:*")
        await until(pilot, lambda: "看不懂的时间" in text(app, ".issue"))
        assert app.screen.query_one("#place", Input).value == "/media/stick"
        app.screen.query_one("#since", Input).value = "2026-01-01"
        await press(pilot, "#do")
        await until(pilot, lambda: "33%" in text(app, "#light"))
        await until(pilot, lambda: "已导出 exported 30" in text(app, "#light"))
        assert "/media/stick" in text(app, "#light")
        sent = [body for how, path, body in box.asked if (how, path[-8:]) == ("POST", "/exports")]
        assert (sent[-1]["since"], sent[-1]["tag"], sent[-1]["patient"]) == (
            "2026-01-01",
            "vault:*",
            None,
        )


@pytest.mark.slow
async def test_an_export_is_cancelled(box: FakeBox) -> None:
    box.watchers.step = 0
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await _ask(pilot)
        await until(pilot, lambda: "k 取消" in text(app, "#light"))
        await pilot.press("k")
        await until(pilot, lambda: "cancelled" in text(app, "#light"))
        assert box.watchers.exports == {}


@pytest.mark.slow
async def test_from_a_remote_box_the_export_comes_as_a_file(box: FakeBox, tmp_path: Path) -> None:
    app = console_on(box, local=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#entering").display)
        app.screen.query_one("#name", Input).value = "wang.fang"
        app.screen.query_one("#password", Input).value = box.password
        app.screen.query_one("#password", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "overview")
        await pilot.press("f4")
        await until(pilot, lambda: "转发" in text(app, "#light"))
        place = tmp_path / "audit.zip"
        await _ask(pilot, place=str(place))
        await until(pilot, lambda: place.exists() and place.read_bytes() == ZIP)
        await until(pilot, lambda: str(place) in text(app, "#light").replace("\n", ""))
        await _ask(pilot, place=str(place))
        await until(pilot, lambda: any("exists" in one.message for one in app._notifications))
        assert place.read_bytes() == ZIP


async def test_witnesses_and_forwarding_are_shown_in_full(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        line = text(app, "#light")
        assert "✔ ward-2 4 m" in line
        assert "▲ stick-A 12 d" in line
        box.watchers.forward = forward_of(
            state="failing", behind=1200, position=4, reason=LAG, failing_since=NOON
        )
        await pilot.press("f1")
        await until(pilot, lambda: app.current_mode == "overview")
        await pilot.press("f4")
        await until(pilot, lambda: "✖ failing 1,200" in text(app, "#light"))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, PageDialog))
        told = text(app, "#told")
        assert all(
            word in told for word in ("TPM", "counter 412", "9 / 30", "refuses the connection")
        )


@pytest.mark.slow
async def test_hostile_witnesses_stay_inert() -> None:
    box = await FakeBox(hostile=True).start()
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, PageDialog))
        shown = text(app, "#told")
        assert "恶意" in shown
        assert not any(sign in shown for sign in "\x1b\x07\u202e\u2066\x9b")
    await box.close()


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 500])
async def test_witnesses_that_cannot_be_seen_are_told_unless_they_may_not_be(
    box: FakeBox, status: int
) -> None:
    box.watchers.refused = status
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await enter(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "完整 intact" in text(app, "#light"))
        await until(pilot, lambda: any(p.endswith("/witnesses") for _, p, _ in box.asked))
        if status == 500:
            await until(pilot, lambda: "见证与转发未知" in text(app, "#light"))
        await until(pilot, lambda: not app.screen.asking("watch"))  # type: ignore[attr-defined]
        assert ("见证" in text(app, "#light")) == (status == 500)


def test_the_line_stays_short_and_says_what_is_wrong(box: FakeBox) -> None:
    many = [witness_of(f"witness-{number}", 60) for number in range(9)]
    found = box.watchers
    for forward, said in (
        (forward_of(state="off"), "off"),
        (forward_of(behind=5, lag_s=90), "lag 1 m"),
        (forward_of(behind=5, lag_s=9000, late=True), "▲ late 2 h"),
        (forward_of(state="misconfigured", behind=7), "✖ failing 7"),
    ):
        second = found.second.model_copy(update={"trouble": "rolled-back"})
        seen = WatchNow(_list(second, many), forward)
        line = watch_line(seen, NOON, wide=False).plain
        assert said in line
        assert "+6" in line
        assert "✖ 二钥 2nd rolled-back" in line
        assert line.count("\n") == 0
    nobody = WatchNow(_list(found.second.model_copy(update={"kind": None}), []), forward_of())
    assert "none outside" in watch_line(nobody, NOON, wide=True).plain


def _list(second: Any, witnesses: list[Any]) -> Any:
    from appliance.contract.outside import WitnessList

    return WitnessList(second=second, witnesses=tuple(witnesses), size=30)
