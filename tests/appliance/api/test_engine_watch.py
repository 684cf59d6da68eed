"""Following engines: changes told once, falls counted, memory deaths known from their reason."""

from dataclasses import replace

from appliance.api.engine_watch import RECENT_S, EngineWatch
from appliance.serving.service import ServedEngine
from models.card import Bilingual
from models.engines.explain import Failure
from models.engines.lifecycle_table import EngineStatus, State

READY = EngineStatus(
    state=State.READY, progress=1.0, restarts=0, pid=1, in_flight=2, reason=None, retry_after_s=1
)
MEMORY = Bilingual("内存或显存不足", "it ran out of memory")


def one(status: EngineStatus, model: str = "m") -> list[ServedEngine]:
    return [ServedEngine(model, "llama.cpp", status)]


def seen(watch: EngineWatch, status: EngineStatus) -> list[str]:
    return [data["state"] for _, data in watch.changes(one(status))]


def test_a_change_is_told_once() -> None:
    watch = EngineWatch(lambda: 0.0)
    assert seen(watch, READY) == ["ready"]
    assert seen(watch, READY) == []
    assert seen(watch, replace(READY, restarts=1)) == ["ready"]  # it fell between two looks
    assert [data["state"] for _, data in watch.changes([])] == ["absent"]
    assert list(watch.changes([])) == []


def test_falls_count_for_ten_minutes_in_the_window_and_for_ever_in_all() -> None:
    now = [0.0]
    watch = EngineWatch(lambda: now[0])
    for restarts in range(4):
        seen(watch, replace(READY, restarts=restarts))
        now[0] += 60
    (facts,) = watch.facts(one(READY))
    assert (facts.restarts, facts.recent_restarts, facts.in_flight) == (3, 3, 2)
    now[0] = RECENT_S + 1000
    (facts,) = watch.facts([replace(one(READY)[0], queued=7)])
    assert (facts.restarts, facts.recent_restarts, facts.queued) == (3, 0, 7)


def test_a_supervisor_made_anew_counts_on() -> None:
    watch = EngineWatch(lambda: 0.0)
    for restarts in (0, 2, 0, 1):
        seen(watch, replace(READY, restarts=restarts))
    (facts,) = watch.facts(one(READY))
    assert facts.restarts == 3


def test_a_death_for_lack_of_memory_is_counted_once() -> None:
    watch = EngineWatch(lambda: 0.0)
    failed = replace(READY, state=State.FAILED, reason=MEMORY)
    seen(watch, READY)
    seen(watch, failed)
    seen(watch, failed)
    seen(watch, replace(READY, restarts=1, reason=MEMORY))  # back again, the old reason beside it
    (facts,) = watch.facts(one(READY))
    assert (facts.memory_deaths, facts.restarts) == (1, 1)
    seen(watch, replace(READY, restarts=2, reason=MEMORY))  # fell between two looks
    (facts,) = watch.facts(one(READY))
    assert facts.memory_deaths == 2


def test_the_code_of_a_failure_decides_where_there_is_one() -> None:
    watch = EngineWatch(lambda: 0.0)
    said = Bilingual("x", "it mentions memory")
    for number, code in enumerate(("device-memory", "host-memory", "bad-argument")):
        failure = Failure("x", "it mentions memory", code, said)
        seen(watch, READY)
        seen(watch, replace(READY, state=State.FAILED, reason=said, failure=failure))
        (facts,) = watch.facts(one(READY))
        assert facts.memory_deaths == min(number + 1, 2)


def test_a_thousand_names_take_no_more_than_their_share() -> None:
    watch = EngineWatch(lambda: 0.0)
    many = [ServedEngine(f"m{n}", "llama.cpp", READY) for n in range(1000)]
    assert len(list(watch.changes(many))) == 256
