"""The overview says what is wrong in a sentence."""

import pytest

from tests.fakes.fake_box import FakeBox
from tests.tui.conftest import console_on, enter, text, until


async def test_everything_is_there(box: FakeBox) -> None:
    box.gpu = True
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        await enter(pilot)
        await until(pilot, lambda: "一切正常" in text(app, "#summary"))
        await until(pilot, lambda: "level 2/4" in text(app, "#posture"))
        await until(pilot, lambda: "H100" in text(app, "#machine"))
        await until(pilot, lambda: "42" in text(app, "#traffic-words"))
        await until(pilot, lambda: "完整 intact" in text(app, "#proof"))
        await until(pilot, lambda: "1 d 2 h" in text(app, "#proof"))


@pytest.mark.parametrize(
    ("engine", "integrity", "said"),
    [
        ("failed", "ok", "模型文件损坏"),
        ("loading", "ok", "40%"),
        ("ready", "broken", "核验未通过"),
    ],
)
async def test_a_degraded_box_is_explained(
    box: FakeBox, engine: str, integrity: str, said: str
) -> None:
    box.engine, box.integrity = engine, integrity
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await until(pilot, lambda: said in text(app, "#summary"))


async def test_hostile_names_are_inert(box: FakeBox) -> None:
    box.hostile = True
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await until(pilot, lambda: "恶意" in text(app, "#posture"))
        for which in ("#summary", "#posture", "#engine"):
            assert "\x1b" not in text(app, which)
            assert "\u202e" not in text(app, which)
        assert "[bold red]" in text(app, "#posture")


async def test_a_box_without_a_gpu_says_so(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await until(pilot, lambda: "no GPU" in text(app, "#machine"))


async def test_training_that_is_stopped_is_told_at_once(box: FakeBox) -> None:
    box.consequence = "stop-training"
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await enter(pilot)
        await until(pilot, lambda: "训练已停" in text(app, "#summary"))
