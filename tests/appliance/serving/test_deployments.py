"""Deployments: exact shares, failover while one is cold, revert, drain, restart, refusals."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import AuditUnavailable
from appliance.serving.deployment import spread
from appliance.serving.errors import DeploymentDrained, DeploymentRefused, DeploymentUnknown
from appliance.serving.store import Target
from models.errors import ModelUnknown
from tests.appliance.serving.fakes import until

WHO = "user:it"


def targets(**weights: int) -> tuple[Target, ...]:
    return tuple(Target(model, None, weight) for model, weight in weights.items())


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_every_target_gets_its_share_and_none_waits_long(weights):
    turns = spread(weights)
    assert Counter(turns) == dict(enumerate(weights))
    for index, weight in enumerate(weights):
        places = [place for place, turn in enumerate(turns * 2) if turn == index]
        gap = max(b - a for a, b in pairwise(places)) if weight > 1 else 0
        assert gap <= 2 * sum(weights) / weight + len(weights)


async def test_a_canary_gets_its_percent_and_receipts_name_the_true_model(rooms):
    await rooms.serving.deployments.apply("notes", targets(a=90, b=10), WHO)
    for model in ("a", "b"):
        await rooms.serving.upstream(model)
    answered = Counter(rooms.serving.ready("notes").model for _ in range(200))
    assert answered == {"a": 180, "b": 20}
    upstream = rooms.serving.ready("notes")
    assert upstream.digest == rooms.shelf.get(upstream.model).manifest.digest


async def test_while_the_canary_is_cold_or_broken_the_other_one_answers(rooms):
    await rooms.serving.deployments.apply("notes", targets(a=50, b=50), WHO)
    await rooms.serving.upstream("a")
    assert [rooms.serving.ready("notes").model for _ in range(6)] == ["a"] * 6
    await until(lambda: rooms.loaded() == {"a", "b"})
    assert {rooms.serving.ready("notes").model for _ in range(2)} == {"a", "b"}


async def test_a_served_name_may_be_the_default(rooms):
    rooms.serving.default = "notes"
    await rooms.serving.deployments.apply("notes", targets(a=100), WHO)
    assert (await rooms.serving.upstream(None)).model == "a"
    assert rooms.serving.default_state() == "ready"
    assert rooms.serving.keeper.kept("a")
    assert (await rooms.serving.deep_health()).ok


async def test_reverting_goes_back_and_forth_and_survives_a_restart(rooms):
    names = rooms.serving.deployments
    await names.apply("notes", targets(a=100), WHO)
    with pytest.raises(DeploymentRefused):
        await names.revert("notes", WHO)
    await names.apply("notes", targets(a=95, b=5), WHO)
    assert (await names.revert("notes", WHO)).targets == targets(a=100)
    again = rooms.again("m").deployments
    await again.start()
    (one,) = again.all()
    assert (one.revision, one.targets, one.actor) == (3, targets(a=100), WHO)
    assert (await again.revert("notes", WHO)).targets == targets(a=95, b=5)
    told = [event.details["targets"] for event in rooms.log.events]
    assert told == [["a=100"], ["a=95", "b=5"], ["a=100"], ["a=95", "b=5"]]


async def test_a_drained_name_takes_nothing_new(rooms):
    names = rooms.serving.deployments
    await names.apply("notes", targets(a=100), WHO)
    running = await rooms.serving.upstream("notes")
    running.enter()
    await names.drain("notes", WHO)
    assert rooms.serving.ready("notes") is None
    with pytest.raises(DeploymentDrained):
        await rooms.serving.upstream("notes")
    running.leave()
    again = rooms.again("m").deployments
    await again.start()
    assert again.get("notes").drained
    await names.apply("notes", targets(a=100), WHO)
    assert rooms.serving.ready("notes") is not None
    await names.withdraw("notes", WHO)
    with pytest.raises(ModelUnknown):
        await rooms.serving.upstream("notes")


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        ("notes", targets(a=99)),
        ("notes", ()),
        ("notes", targets(a=150, b=-50)),
        ("notes", (Target("a", None, 50), Target("a", None, 50))),
        ("a", targets(a=100)),
        ("Notes", targets(a=100)),
        ("x" * 65, targets(a=100)),
        ("../x", targets(a=100)),
        ("", targets(a=100)),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(rooms, name, wish):
    with pytest.raises(DeploymentRefused):
        await rooms.serving.deployments.apply(name, wish, WHO)
    assert rooms.serving.deployments.all() == ()


async def test_a_name_of_a_model_is_not_for_deployments(rooms):
    with pytest.raises(DeploymentRefused):
        await rooms.serving.deployments.apply("m", targets(a=100), WHO)


async def test_targets_must_be_there(rooms):
    with pytest.raises(ModelUnknown):
        await rooms.serving.deployments.apply("notes", targets(nobody=100), WHO)
    with pytest.raises(DeploymentUnknown):
        await rooms.serving.deployments.revert("nobody", WHO)


async def test_without_a_record_nothing_is_deployed(rooms):
    rooms.log.error = AuditUnavailable(reason="full")
    with pytest.raises(AuditUnavailable):
        await rooms.serving.deployments.apply("notes", targets(a=100), WHO)
    assert rooms.serving.deployments.all() == ()
    assert rooms.store.deployments() == []
