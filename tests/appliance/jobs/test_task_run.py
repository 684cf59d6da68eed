"""Jobs whose work is a task inside the box: their ends, cancels and stops."""

import asyncio

import pytest

from appliance.jobs.errors import JobAbandoned
from appliance.jobs.job import Job, JobKind, JobState
from appliance.jobs.task_run import TaskRun


def run_of(task, tmp_path):
    kind = JobKind("inside", lambda _job, _directory: (), resumable=True, task=task)
    job = Job("job_1", "inside", JobState.RUNNING, "local:console", {}, 0.0, None, None, None, None,
              None, 1, resumable=True)  # fmt: skip

    async def tell(_):
        pass

    return TaskRun(job, kind, tmp_path, tell)


async def forever(_job, _directory, _tell):
    await asyncio.Event().wait()
    return {}


async def test_its_result_is_the_jobs(tmp_path):
    async def work(_job, directory, tell):
        await tell({"fraction": 0.5})
        return {"directory": directory.name}

    outcome = await run_of(work, tmp_path).outcome()
    assert (outcome.state, outcome.result) == (JobState.DONE, {"directory": tmp_path.name})


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(
    ("ask", "state"), [("cancel", JobState.CANCELLED), ("interrupt", JobState.INTERRUPTED)]
)
async def test_it_ends_when_it_is_asked_to(tmp_path, ask, state, early):
    run = run_of(forever, tmp_path)
    if early:
        getattr(run, ask)()
    outcome = asyncio.create_task(run.outcome())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    getattr(run, ask)()
    assert (await outcome).state is state


async def test_a_refusal_fails_it_with_its_sentence(tmp_path):
    async def work(_job, _directory, _tell):
        raise JobAbandoned

    fault = (await run_of(work, tmp_path).outcome()).fault
    assert fault.code == "job.abandoned"


async def test_a_fault_tells_nothing_of_itself(tmp_path):
    async def work(_job, _directory, _tell):
        message = "secret"
        raise RuntimeError(message)

    outcome = await run_of(work, tmp_path).outcome()
    assert outcome.state is JobState.FAILED
    assert outcome.fault.code == "job.worker-died"
    assert "secret" not in outcome.fault.sentence
