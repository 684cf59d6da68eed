"""Plans over REST: known and shelved models, refusals as problems, and no way to the box's files."""

import json

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.planning import PlanWish

PATH = "/api/v1/models/plan"


async def ask(box, body, headers=None):
    async with box.http.post(
        box.url + PATH, json=body, headers=box.bearer if headers is None else headers
    ) as answer:
        return answer.status, json.loads(await answer.read())


@pytest.mark.asyncio(loop_scope="module")
async def test_a_known_model_is_planned(shared_box):
    body = {"model": "Qwen3-32B", "gpus": "8x H20-96G", "tp": 8, "concurrency": 32, "train": True}
    status, plan = await ask(shared_box, body)
    assert status == 200
    assert plan["schema"] == 1
    assert plan["fits"]
    assert plan["chosen"]["tensor_parallel"] == 8
    assert len(plan["training"]) == 6


@pytest.mark.asyncio(loop_scope="module")
async def test_the_client_asks_over_the_socket(shared_box):
    async with Session.local(shared_box.socket) as session:
        plan = await session.plan_model(PlanWish(model="bge-m3", gpus="L20"))
        assert plan.fits
        with pytest.raises(ProblemError) as caught:
            await session.plan_model(PlanWish(model="bge-m3", gpus="L21"))
        assert caught.value.code == "plan.card-unknown"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "nothing"}, 422, "plan.model-unknown"),
        ({"model": "/etc/passwd"}, 422, "plan.model-unknown"),
        ({"model": "../../../etc"}, 422, "plan.model-unknown"),
        ({"gpus": "8x TPU"}, 422, "plan.card-unknown"),
        ({"gpus": "0x H20"}, 422, "plan.count-refused"),
        ({"tp": 3}, 422, "plan.split-refused"),
        ({"context": 1 << 20}, 422, "plan.context-beyond"),
        ({"context": 0}, 422, "request.field-refused"),
        ({"context": "many"}, 422, "request.field-refused"),
        ({"context": 1e400}, 422, "request.field-refused"),
        ({"precision": "int3"}, 422, "plan.precision-refused"),
        ({"surprise": 1}, 422, "request.field-refused"),
    ],
)
async def test_a_refusal_is_a_problem(shared_box, change, status, code):
    body = {"model": "Qwen3-32B", "gpus": "8x H20", **change}
    got, problem = await ask(shared_box, body)
    assert (got, problem["code"]) in {(status, code), (400, "request.body-malformed")}
    assert problem["way_out"]


@pytest.mark.asyncio(loop_scope="module")
async def test_it_wants_the_scope_for_reading_models(shared_box):
    nothing = shared_box.make_key("chat")
    status, problem = await ask(shared_box, {"model": "bge-m3", "gpus": "L20"}, nothing)
    assert (status, problem["code"]) == (403, "access.forbidden")
