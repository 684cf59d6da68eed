"""Serving: models and their loading, live requests, loading, unloading and pinning."""

from typing import Any

import pytest
from textual.pilot import Pilot

from appliance.contract.base import Text
from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NASTY
from tests.fakes.paper_serving import ONE, THREE, TWO, neighbours, state_of
from tests.tui.conftest import console_on, enter, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.question import QuestionDialog
from tui.gauges import rates, read
from tui.widgets.rowtable import RowTable


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> RowTable:
    await enter(pilot)
    await pilot.press("f9")
    await until(pilot, lambda: app.screen.query("#models"))
    table = app.screen.query_one("#models", RowTable)
    await until(pilot, lambda: table.row_count == 3)
    return table


async def test_models_requests_and_progress_are_shown(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        await until(pilot, lambda: "拒绝 refused" in text(app, "#requests"))
        await until(pilot, lambda: "in flight 3" in text(app, "#bymodel"))
        table.choose(TWO)
        await until(pilot, lambda: " 37%" in str(table.get_row(TWO)[2]))
        await until(pilot, lambda: "loading" in str(table.get_row(TWO)[0]))
        assert "⚲" in str(table.get_row(ONE)[1])
        box.serving.states[TWO] = box.serving.states[TWO].model_copy(update={"percent": 80})
        await until(pilot, lambda: " 80%" in str(table.get_row(TWO)[2]))


async def test_a_model_that_failed_says_why_and_what_to_do(box: FakeBox) -> None:
    reason = Text(zh="显存不足" + NASTY, en="The accelerator's memory is too small.")
    way_out = Text(zh="请先卸载另一个模型。", en="Let another model go first.")
    box.serving.states[TWO] = state_of(TWO, "failed", 0, reason=reason, way_out=way_out)
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        table.choose(TWO)
        await until(pilot, lambda: "显存不足" in text(app, "#model"))
        assert "→ 请先卸载另一个模型。 Let another model go first." in text(app, "#model")
        assert "\x1b" not in text(app, "#model")
        shown = app.screen.query_one("#model").region
        assert shown.height >= 3
        assert app.screen.query_one("#chosen").region.contains_region(shown)


async def test_the_other_boxes_and_what_they_offer_are_shown(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        assert not app.screen.query_one("#cluster").display
        box.serving.nearby = neighbours()
        await until(pilot, lambda: app.screen.query_one("#cluster").display)
        for said in (
            f"this box lends {ONE}",
            f"✔ 在线 alive  ward-2 10.20.0.2  {TWO} 3/8 · {ONE} 0/4 ‖",
            "? 无声 silent  ward-3 10.20.0.3  1 m 35 s 未听到",
            "✖ 失联 lost  ward-4 10.20.0.4  自 since 01-05 12:00 UTC",
        ):
            await until(pilot, lambda said=said: said in text(app, "#boxes"))
        title = app.screen.query_one("#cluster").border_title
        assert title == "多机 Other boxes · ✔ 在线 1 · ? 无声 1 · ✖ 失联 1"
        table.choose(TWO)
        await until(
            pilot, lambda: "未借出 not lent · 副本 replicas 10.20.0.2 3/8" in text(app, "#model")
        )
        table.choose(ONE)
        await until(pilot, lambda: "借出 lent · 副本 replicas 10.20.0.2 0/4" in text(app, "#model"))
        box.serving.nearby = neighbours().model_copy(
            update={"boxes": (), "shared": (), "door": False}
        )
        await until(pilot, lambda: "no other box yet" in text(app, "#boxes"))
        assert "its door is closed" in text(app, "#boxes")
        for which in ("#models", "#chosen", "#cluster", "#live"):
            assert app.screen.region.contains_region(app.screen.query_one(which).region)


async def test_what_other_boxes_say_stays_inert_and_bounded(box: FakeBox) -> None:
    seen = neighbours(NASTY)
    crowd = tuple(
        seen.boxes[0].model_copy(
            update={"address": f"10.20.1.{n}", "replicas": seen.boxes[0].replicas * 50}
        )
        for n in range(200)
    )
    box.serving.nearby = seen.model_copy(update={"boxes": crowd})
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await until(pilot, lambda: "恶意" in text(app, "#boxes"))
        told = text(app, "#boxes")
        assert "\x1b" not in told
        assert "\u202e" not in told
        assert (told.count("10.20.1."), told.count("+88"), "… +136" in told) == (64, 64, True)


async def test_an_empty_shelf_says_how_to_fill_it(box: FakeBox) -> None:
    box.serving.shelf.clear()
    box.serving.states.clear()
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await pilot.press("f9")
        await until(
            pilot,
            lambda: app.screen.query("#model") and "wardbox model import" in text(app, "#model"),
        )


async def test_a_model_is_loaded_pinned_and_let_go(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        table = await _open(pilot, app)
        table.choose(THREE)
        await pilot.press("l")
        await until(pilot, lambda: THREE in box.serving.states)
        await until(pilot, lambda: "loading" in str(table.get_row(THREE)[0]))
        table.choose(THREE)
        await pilot.press("p")
        await until(pilot, lambda: box.serving.states[THREE].pinned)
        await until(pilot, lambda: "⚲" in str(table.get_row(THREE)[1]))
        await pilot.press("p")
        await until(pilot, lambda: not box.serving.states[THREE].pinned)
        await pilot.press("u")
        await stands(pilot, QuestionDialog)
        app.screen.query_one("#yes").focus()
        await pilot.press("enter")
        await until(pilot, lambda: THREE not in box.serving.states)


@pytest.mark.slow
async def test_a_hostile_name_stays_inert() -> None:
    box = await FakeBox(hostile=True).start()
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await until(pilot, lambda: "恶意" in text(app, "#model"))
        assert "\x1b" not in text(app, "#model")
    await box.close()


COUNTED = (
    'wardbox_request_seconds_count{{route="/v1/x",model="m"}} {n}\n'
    'wardbox_first_token_seconds_sum{{route="/v1/x",model="m"}} {wait}\n'
    'wardbox_first_token_seconds_count{{route="/v1/x",model="m"}} {n}\n'
    'wardbox_completion_tokens_total{{model="m",route="/v1/x"}} {tokens}\n'
    'wardbox_refusals_total{{route="/v1/x",code="access"}} 3\n'
)


def test_two_readings_make_rates() -> None:
    before = read(COUNTED.format(n=10, wait=2.0, tokens=100), 0.0)
    after = read(COUNTED.format(n=20, wait=7.0, tokens=400), 5.0)
    rate = rates(before, after)["m"]
    assert (rate.requests, rate.tokens, rate.first_token_s) == (2.0, 60.0, 0.5)
    assert after.refused == 3
    assert rates(after, after) == {}


def test_a_box_that_started_anew_makes_no_negative_rate() -> None:
    before = read(COUNTED.format(n=1000, wait=2.0, tokens=100_000), 0.0)
    after = read(COUNTED.format(n=5, wait=1.0, tokens=50), 5.0)
    assert rates(before, after)["m"].requests == 1.0


@pytest.mark.parametrize(
    "told",
    [
        "",
        "\x00" * 99,
        'wardbox_completion_tokens_total{model="m"} NaN',
        "wardbox_x{ 1 2 3",
        "9" * 999,
    ],
)
def test_counters_that_are_none_are_passed_over(told: str) -> None:
    assert read(told, 1.0).models == {}
