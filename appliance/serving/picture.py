"""A model's state as a console draws it: how far, how long, who holds what, and why not."""

from dataclasses import dataclass

from appliance.serving.failures import Failure
from appliance.serving.keeping import Keeper
from appliance.serving.resident import Phase, Resident
from models.card import Bilingual
from models.planning.reservations import Claim


@dataclass(frozen=True, slots=True)
class ModelPicture:
    """One model that is in memory, on its way there, or failed.

    Attributes:
        model: Model id.
        engine: Name of its engine.
        phase: "waiting" (for room), "checking" (its bytes), "loading", "ready", "draining",
            "failed".
        percent: Of the phase "loading"; 100 when ready.
        seconds: Since loading began; of a failure, since it failed.
        retry_after_s: When asking again makes sense; 0 when ready.
        pinned: Whether it is never put out.
        idle_unload_s: Its idle time, None for the box's own.
        idle_s: Seconds since it was last asked.
        in_flight: Requests being answered.
        claim: What it holds of each place.
        adapters: Adapters that its engine was started with.
        reason: Why it failed.
        step: What its engine does while it loads ("weights", "warmup"), "" where it does not tell.
        failure: Short name of why it failed, as its engine or the box calls it.
        way_out: What to do about it.
    """

    model: str
    engine: str
    phase: str
    percent: int
    seconds: float
    retry_after_s: int
    pinned: bool
    idle_unload_s: int | None
    idle_s: float
    in_flight: int
    claim: Claim
    adapters: tuple[str, ...]
    reason: Bilingual | None
    step: str = ""
    failure: str | None = None
    way_out: Bilingual | None = None


def picture_of_resident(one: Resident, keeper: Keeper, now: float) -> ModelPicture:
    """The picture of a model in memory or on its way there."""
    status = one.status()
    ready = one.alive()
    failure = None if ready else status.failure
    return ModelPicture(
        model=one.model_id,
        engine=one.engine,
        phase=_phase(one),
        percent=100 if ready else round(status.progress * 100),
        seconds=round(now - one.began, 1),
        retry_after_s=0 if ready else one.wait_s(now),
        pinned=keeper.of(one.model_id).pinned,
        idle_unload_s=keeper.of(one.model_id).idle_unload_s,
        idle_s=round(now - one.used, 1),
        in_flight=status.in_flight,
        claim={} if one.lease is None else one.lease.claim,
        adapters=tuple(adapter.id for adapter in one.adapters),
        reason=None if ready else status.reason,
        step=status.phase,
        failure=None if failure is None else failure.code,
        way_out=None if failure is None else failure.way_out,
    )


def picture_of_failure(failure: Failure, keeper: Keeper, now: float) -> ModelPicture:
    """The picture of a model that could not be loaded."""
    return ModelPicture(
        model=failure.model,
        engine="",
        phase=Phase.FAILED.value,
        percent=0,
        seconds=round(now - failure.at, 1),
        retry_after_s=max(0, round(failure.retry_at - now)),
        pinned=keeper.of(failure.model).pinned,
        idle_unload_s=keeper.of(failure.model).idle_unload_s,
        idle_s=0.0,
        in_flight=0,
        claim={},
        adapters=(),
        reason=failure.reason,
        failure=failure.cause,
        way_out=failure.advice,
    )


def _phase(one: Resident) -> str:
    # A ready model whose engine has died is being loaded again by its supervisor.
    died = one.phase is Phase.READY and not one.alive()
    return Phase.LOADING.value if died else one.phase.value
