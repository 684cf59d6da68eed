"""Jobs: the live curve, starting, cancelling, resuming, faults."""

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.tui.conftest import console_on, enter, stands, text, until
from tui.app import ConsoleApp
from tui.dialogs.newjob import NewEvaluationDialog, NewTrainingDialog
from tui.dialogs.question import QuestionDialog
from tui.widgets.jobtable import JobTable


async def _open(pilot: Pilot[Any], app: ConsoleApp) -> JobTable:
    await enter(pilot)
    await pilot.press("f3")
    await until(
        pilot, lambda: app.screen.query(JobTable) and app.screen.query_one(JobTable).row_count
    )
    return app.screen.query_one(JobTable)


async def test_a_running_training_draws_its_loss(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(120, 40)) as pilot:
        table = await _open(pilot, app)
        await until(pilot, lambda: "5,120" in text(app, "#figures"))
        await until(pilot, lambda: "step 40/60" in text(app, "#figures"))
        await until(pilot, lambda: app.screen.query_one("#plot").display)
        await pilot.press("down")
        await until(pilot, lambda: "98.6%" in text(app, "#told"))
        await until(pilot, lambda: "95 % 97.1%–99.3%" in text(app, "#told"))
        table.choose("job_0004")
        await until(pilot, lambda: "磁盘已满" in text(app, "#told"))


async def test_a_training_is_started(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await _open(pilot, app)
        await pilot.press("n")
        await stands(pilot, NewTrainingDialog)
        app.screen.query_one("#more", Input).value = "{"
        await pilot.press("enter")
        await until(pilot, lambda: "JSON" in text(app, ".issue"))
        app.screen.query_one("#more", Input).value = '{"note": 1}'
        await pilot.press("enter")
        await until(pilot, lambda: any(job.id == "job_0009" for job in box.jobs))
        sent = next(
            body for method, path, body in box.asked if (method, path) == ("POST", "/api/v1/jobs")
        )
        assert sent == {
            "kind": "training",
            "spec": {"note": 1, "name": "trial-1", "steps": 60, "seed": 1},
        }
        await until(pilot, lambda: table.chosen == "job_0009")


async def test_an_evaluation_is_started(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("e")
        await stands(pilot, NewEvaluationDialog)
        app.screen.query_one("#abilities", Input).value = "S9 ../x"
        await pilot.press("enter")
        await until(pilot, lambda: "能力" in text(app, ".issue"))
        app.screen.query_one("#abilities", Input).value = "S9, B8"
        await pilot.press("enter")
        await until(pilot, lambda: any(path.endswith("evaluations") for _, path, _ in box.asked))
        sent = next(body for _, path, body in box.asked if path.endswith("evaluations"))
        assert sent == {"abilities": ["S9", "B8"], "model": None, "limit": 50, "seed": 1}


async def test_a_job_is_cancelled_after_a_question_and_resumed(box: FakeBox) -> None:
    app = console_on(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("c")
        await stands(pilot, QuestionDialog)
        await pilot.press("escape")
        await pilot.pause()
        assert box.jobs[0].state == "running"
        await pilot.press("c")
        await stands(pilot, QuestionDialog)
        await pilot.click("#yes")
        await until(pilot, lambda: box.jobs[0].state == "cancelled")
        await until(pilot, lambda: "cancelled" in text(app, "#figures"))
        await pilot.press("u")
        await until(pilot, lambda: box.jobs[0].state == "queued")
