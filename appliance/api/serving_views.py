"""From what the serving room returns to what the wire carries."""

from collections.abc import Iterable

from appliance.api.views import maybe, moment, text
from appliance.contract import serving as wire
from appliance.serving.lease import Lease, LeaseOffice
from appliance.serving.picture import ModelPicture
from appliance.serving.store import PastLease, StoredAdapter, StoredDeployment, Target


def state_view(one: ModelPicture) -> wire.ModelStateView:
    """A model's state."""
    return wire.ModelStateView.model_validate(
        {
            "model": one.model,
            "engine": one.engine,
            "phase": one.phase,
            "percent": one.percent,
            "seconds": one.seconds,
            "retry_after_s": one.retry_after_s,
            "pinned": one.pinned,
            "idle_unload_s": one.idle_unload_s,
            "idle_s": one.idle_s,
            "in_flight": one.in_flight,
            "holds": dict(one.claim),
            "adapters": one.adapters,
            "reason": None if one.reason is None else text(one.reason),
            "step": one.step,
            "failure": one.failure,
            "way_out": None if one.way_out is None else text(one.way_out),
        }
    )


def targets_of(wish: wire.DeploymentWish) -> tuple[Target, ...]:
    """The targets of a wish, as the serving room takes them."""
    return tuple(Target(one.model, one.adapter, one.weight) for one in wish.targets)


def deployment_view(one: StoredDeployment) -> wire.DeploymentView:
    """A served name."""
    return wire.DeploymentView(
        name=one.name,
        revision=one.revision,
        previous=one.previous,
        drained=one.drained,
        targets=tuple(
            wire.TargetWish(model=t.model, adapter=t.adapter, weight=t.weight) for t in one.targets
        ),
        actor=one.actor,
        made=moment(one.made),
    )


def adapter_view(one: StoredAdapter) -> wire.AdapterView:
    """An adapter."""
    return wire.AdapterView.model_validate(
        {
            "id": one.id,
            "base": one.base,
            "base_digest": one.base_digest,
            "digest": one.digest,
            "bytes": one.size,
            "state": one.state,
            "registered_by": one.registered_by,
            "registered": moment(one.registered),
            "approved_by": one.approved_by,
            "approved": maybe(one.approved),
        }
    )


def leases_view(office: LeaseOffice, past: Iterable[PastLease] = ()) -> wire.Leases:
    """Who holds what, and who held it."""
    reserved = office.reserved
    return wire.Leases(
        leases=tuple(_lease(one) for one in office.leases()),
        capacity=dict(reserved.capacity),
        free={place: reserved.free(place) for place in reserved.capacity},
        windows={purpose: str(window) for purpose, window in office.windows().items()},
        past=tuple(map(_past, past)),
    )


def _past(one: PastLease) -> wire.PastLease:
    return wire.PastLease.model_validate(
        {
            "id": one.id,
            "holder": one.holder,
            "purpose": one.purpose,
            "holds": one.claim,
            "taken": moment(one.taken),
            "ended": maybe(one.ended),
        }
    )


def _lease(one: Lease) -> wire.LeaseView:
    return wire.LeaseView(
        id=one.id,
        holder=one.holder,
        purpose=one.purpose,
        holds=dict(one.claim),
        taken=moment(one.taken),
        willing=one.willing,
        yielding=one.yielding,
    )
