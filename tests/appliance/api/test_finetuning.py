"""Fine-tuning with the official client, on the box's own jobs; the worker is a double that leaves an adapter."""

import asyncio
import json
import sys
from types import SimpleNamespace

import openai
import pytest
import pytest_asyncio

from appliance.access.grants import KeyWish
from appliance.tuning.kind import TRAINING, Workshop
from models.errors import ModelUnknown
from tests.appliance.api.box import live_box
from tests.appliance.api.stand_ins import MODEL
from tests.appliance.tuning.test_chats import GOOD, line

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHATS = line(GOOD) * 12
WORKER = """
import json, pathlib, sys
from appliance.tuning.sealed_chats import lines_of
spec = json.loads(sys.stdin.readline())
lines = list(lines_of(pathlib.Path(sys.argv[2]), spec["seal"]))
if spec["seed"] == 13:
    sys.exit(3)
if spec["seed"] == 7:
    import time
    time.sleep(600)
for step in (1, 2):
    print(json.dumps({"event": "progress", "phase": "train", "step": step, "steps": 2,
                      "loss": 1.0 / step, "tokens": step}), flush=True)
pathlib.Path(spec["directory"], "adapter.gguf").write_bytes(b"GGUF")
print(json.dumps({"event": "done", "result": {
    "gguf": "adapter.gguf", "dataset": {"digest": "d" * 64, "file": spec["dataset"]},
    "steps": 2, "loss": 0.5, "tokens": len(lines) * spec["epochs"]}}))
"""


class Registry:
    """Keeps what was registered."""

    def __init__(self):
        self.kept = []

    def all(self):
        return self.kept

    async def register(self, adapter, base, source, actor):
        assert source.read_bytes() == b"GGUF"
        one = SimpleNamespace(id=adapter, digest="a" * 64, base_digest="b" * 64, base=base)
        self.kept.append(one)
        return one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(tmp_path_factory):
    folder = tmp_path_factory.mktemp("box")
    async with live_box(folder) as one:
        base = folder / "base.gguf"
        base.write_bytes(b"GGUF")
        script = folder / "worker.py"
        script.write_text(WORKER)

        def get(model_id):
            if model_id != MODEL:
                raise ModelUnknown(model_id=model_id, name=model_id)
            return SimpleNamespace(path=base)

        one.registry = Registry()
        shelf = SimpleNamespace(get=get)
        workshop = Workshop(shelf, one.log, 1, one.registry, one.services.files)
        with pytest.MonkeyPatch.context() as patch:
            argv = (sys.executable, "-P", str(script))
            patch.setattr("appliance.tuning.kind._argv", lambda *_: argv)
            one.services.jobs._kinds[TRAINING] = workshop.kind()
            yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(box):
    async with openai.AsyncOpenAI(base_url=f"{box.url}/v1", api_key=box.key, max_retries=0) as one:
        yield one


async def sent(client, content=CHATS, purpose="fine-tune"):
    return (await client.files.create(file=("chats.jsonl", content), purpose=purpose)).id


async def ended(client, job_id):
    async with asyncio.timeout(60):
        # The official client has no waiting of its own.
        while (job := await client.fine_tuning.jobs.retrieve(job_id)).finished_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return job


async def test_a_training_from_the_file_to_the_adapters_name(box, client):
    file_id = await sent(client)
    made = await client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=file_id,
        suffix="cataract",
        seed=5,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        metadata={"ward": "3"},
    )
    assert (made.object, made.model, made.training_file) == ("fine_tuning.job", MODEL, file_id)
    assert made.status in {"queued", "running", "succeeded"}
    done = await ended(client, made.id)
    assert (done.status, done.error, done.seed) == ("succeeded", None, 5)
    assert (done.trained_tokens, done.hyperparameters.n_epochs) == (24, 2)
    assert done.metadata == {"ward": "3"}
    assert done.fine_tuned_model.startswith("ft-cataract-")
    # The name is that of a registered adapter, to be approved, loaded and deployed.
    assert [(one.id, one.base) for one in box.registry.kept] == [(done.fine_tuned_model, MODEL)]
    events = await client.fine_tuning.jobs.list_events(made.id, limit=100)
    numbers = [int(event.id.rpartition("-")[2]) for event in events.data]
    assert numbers == sorted(numbers, reverse=True)
    assert events.data[0].message.startswith("训练完成")
    metrics = [event.data for event in events.data if event.type == "metrics"]
    assert {"step": 2, "total_steps": 2, "train_loss": 0.5, "tokens": 2} in metrics
    one_by_one = [event.id async for event in client.fine_tuning.jobs.list_events(made.id, limit=1)]
    assert one_by_one == [event.id for event in events.data]
    (checkpoint,) = (await client.fine_tuning.jobs.checkpoints.list(made.id)).data
    assert checkpoint.fine_tuned_model_checkpoint == done.fine_tuned_model
    assert (checkpoint.step_number, checkpoint.metrics.train_loss) == (2, 0.5)
    assert "tuning:run:finish" in box.tags()


async def test_trainings_are_listed_newest_first_and_by_their_notes(client):
    file_id = await sent(client)
    made = []
    for number in range(3):
        job = await client.fine_tuning.jobs.create(
            model=MODEL, training_file=file_id, metadata={"list": str(number % 2)}
        )
        await ended(client, job.id)
        made.append(job.id)
    found = [job.id async for job in client.fine_tuning.jobs.list(limit=1)]
    assert [one for one in found if one in made] == made[::-1]
    page = await client.fine_tuning.jobs.list(limit=1, after=made[2])
    assert ([job.id for job in page.data], page.has_more) == ([made[1]], True)
    noted = await client.fine_tuning.jobs.list(metadata={"list": "0"})
    assert [job.id for job in noted.data] == [made[2], made[0]]
    with pytest.raises(openai.NotFoundError):
        await client.fine_tuning.jobs.list(after="job_0000000000000000")


async def test_a_training_is_cancelled(client):
    job = await client.fine_tuning.jobs.create(
        model=MODEL, training_file=await sent(client), seed=7
    )
    await client.fine_tuning.jobs.cancel(job.id)
    assert (await ended(client, job.id)).status == "cancelled"
    assert (await client.fine_tuning.jobs.checkpoints.list(job.id)).data == []
    with pytest.raises(openai.ConflictError) as refusal:
        await client.fine_tuning.jobs.cancel(job.id)
    assert refusal.value.code == "job.wrong-state"


async def test_a_worker_that_dies_is_a_failed_training_with_its_reason(client):
    job = await client.fine_tuning.jobs.create(
        model=MODEL, training_file=await sent(client), seed=13
    )
    failed = await ended(client, job.id)
    assert (failed.status, failed.error.code) == ("failed", "job.worker-died")
    assert failed.fine_tuned_model is None
    (last, *_) = (await client.fine_tuning.jobs.list_events(job.id)).data
    assert last.level == "error"
    assert (await client.fine_tuning.jobs.resume(job.id)).status in {"queued", "running", "failed"}
    assert (await ended(client, job.id)).status == "failed"


async def test_a_file_that_goes_before_the_training_begins_fails_it_cleanly(box, client):
    first = await client.fine_tuning.jobs.create(
        model=MODEL, training_file=await sent(client), seed=7
    )
    file_id = await sent(client)
    job = await client.fine_tuning.jobs.create(model=MODEL, training_file=file_id)
    await client.files.delete(file_id)
    await client.fine_tuning.jobs.cancel(first.id)
    failed = await ended(client, job.id)
    assert (failed.status, failed.error.code) == ("failed", "file.unknown")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": "nobody"}, "model"),
        ({"model": "../up"}, "model"),
        ({"suffix": "../up"}, "suffix"),
        ({"suffix": "x" * 41}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": True}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"batch_size": 8}}, "hyperparameters.batch_size"),
        ({"method": {"type": "dpo"}}, "method.type"),
        ({"integrations": [{"type": "wandb"}]}, "integrations"),
        ({"validation_file": "file-" + "0" * 24}, "validation_file"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"base_url": "http://evil"}, "base_url"),
    ],
)
async def test_what_cannot_be_asked_is_named(client, change, field):
    wish = {"model": MODEL, "training_file": await sent(client), "extra_body": change}
    with pytest.raises(openai.UnprocessableEntityError) as refusal:
        await client.fine_tuning.jobs.create(**wish)
    assert refusal.value.param.startswith(field)


async def test_files_of_others_of_other_purposes_and_with_wrong_lines(box, client):
    create = client.fine_tuning.jobs.create
    with pytest.raises(openai.UnprocessableEntityError, match="line 3"):
        await create(model=MODEL, training_file=await sent(client, line(GOOD) * 2 + b'{"a": 1}\n'))
    other = await sent(client, CHATS, "batch")
    with pytest.raises(openai.UnprocessableEntityError, match="purpose"):
        await create(model=MODEL, training_file=other)
    scopes = frozenset({"jobs:write", "jobs:read", "chat"})
    made = box.services.access.create_key(KeyWish("other", scopes))
    async with openai.AsyncOpenAI(base_url=f"{box.url}/v1", api_key=made.secret) as stranger:
        mine = await sent(client)
        with pytest.raises(openai.NotFoundError) as refusal:
            await stranger.fine_tuning.jobs.create(model=MODEL, training_file=mine)
        assert refusal.value.code == "file.unknown"
        # Nor through the box's own route, where the file is looked up when the training begins.
        spec = {"recipe": "adapter", "name": "sly", "base": MODEL, "dataset": mine, "epochs": 1}
        async with box.http.post(
            f"{box.url}/api/v1/jobs",
            json={"kind": "training", "spec": spec},
            headers={"Authorization": f"Bearer {made.secret}"},
        ) as answer:
            assert answer.status == 202
            job = await answer.json()
        assert (await ended(stranger, job["id"])).error.code == "file.unknown"


async def test_it_takes_the_scopes_of_other_trainings(box, client):
    file_id = await sent(client)
    reader = box.make_key("jobs:read", "chat")
    body = json.dumps({"model": MODEL, "training_file": file_id})
    url = f"{box.url}/v1/fine_tuning/jobs"
    async with box.http.post(url, data=body, headers=reader) as answer:
        assert answer.status == 403
    async with box.http.get(url, headers=reader) as answer:
        assert answer.status == 200
    async with box.http.get(url, headers=box.make_key("chat")) as answer:
        assert answer.status == 403
    for path in ("job_0000000000000000", "x/events", "x/checkpoints"):
        async with box.http.get(f"{url}/{path}", headers=reader) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "job.unknown")
