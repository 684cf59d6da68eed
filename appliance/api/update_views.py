"""Views of offline updates, and what is asked of them in the form that jobs take."""

from pathlib import Path
from typing import Any

from appliance.access.grants import Grant
from appliance.access.two_person import TAKE_EXPIRED
from appliance.api.errors import FieldRefused
from appliance.contract import update as wire
from appliance.contract.base import Text
from appliance.errors import ApplianceError
from appliance.services.open_box import Services
from appliance.services.version import VERSION
from appliance.updates.expiry import Override
from appliance.updates.fetcher import Stick
from appliance.updates.health import Found
from appliance.updates.inventory import bundle_id
from appliance.updates.pace import Rate
from appliance.updates.plan import Change, Plan
from appliance.updates.sticks import mounted
from appliance.updates.trust import Pinned
from appliance.updates.work import UPDATE

_ACTIVE = frozenset({"queued", "running"})
_LATEST = 20


def apply_spec(box: Services, wish: wire.UpdateWish, who: Grant) -> dict[str, Any]:
    """What a job is told that applies a stick; an approval is used up by it.

    Raises:
        BundleMissing: There is no stick.
        ApprovalUnknown, ApprovalRefused, PersonNeeded: The approval does not hold.
    """
    spec: dict[str, Any] = {"what": "apply", "directory": wish.directory}
    if wish.approval is not None:
        approvals = box.access.approvals
        approvals.use(wish.approval, TAKE_EXPIRED, _bundle(wish), who)
        spec["override"] = list(_people(box, wish.approval))
    return spec


def override_of(box: Services, wish: wire.UpdateWish) -> Override | None:
    """Who would let a bundle pass, for its plan; the approval is not used up.

    Raises:
        BundleMissing: There is no stick.
        ApprovalUnknown, FieldRefused: The approval does not hold for this bundle.
    """
    if wish.approval is None:
        return None
    approval = box.access.approvals.get(wish.approval)
    if (approval.action, approval.subject, approval.state) != (
        TAKE_EXPIRED,
        _bundle(wish),
        "approved",
    ):
        raise FieldRefused(
            field="approval",
            reason_zh="不是针对该更新包的有效批准",
            reason_en="it is no approval in force for this bundle",
        )
    return Override(by=_people(box, wish.approval))


def _bundle(wish: wire.UpdateWish) -> str:
    with Stick(Path(wish.directory)) as stick:
        return bundle_id(stick)


def _people(box: Services, approval_id: str) -> tuple[str, str]:
    approval = box.access.approvals.get(approval_id)
    return (approval.requested_by, approval.decided_by or "")


def update_view(row: Any) -> wire.UpdateView:
    """A bundle that was seen."""
    return wire.UpdateView.model_validate(row, from_attributes=True)


def plan_view(plan: Plan) -> wire.UpdatePlan:
    """What applying a bundle would do."""
    return wire.UpdatePlan(
        bundle=plan.bundle,
        signed_at=plan.signed_at,
        changes=tuple(_change(one) for one in plan.changes),
        copies=plan.copies,
        needs=plan.needs,
        free=plan.free,
        seconds=plan.seconds,
        downtime_s=plan.downtime_s,
        schema_after=plan.schema_after,
        overridden=plan.overridden,
        hindrances=tuple(
            wire.HindranceView(code=one.code, sentence=one.sentence, way_out=one.way_out)
            for one in plan.hindrances
        ),
        left=plan.left,
        pace=wire.PaceView(copying=_rate(plan.pace.copy), making=_rate(plan.pace.make)),
        log_steps=plan.log_steps,
    )


def _rate(one: Rate) -> wire.RateView:
    return wire.RateView(bytes_s=one.bytes_s, known=one.known)


def _change(one: Change) -> wire.ChangeView:
    package = one.package
    return wire.ChangeView.model_validate(
        {
            "kind": package.kind,
            "id": package.package_id,
            "title": {"zh": one.title.zh, "en": one.title.en},
            "before": one.before,
            "after": package.version,
            "what": one.what,
            "size": package.size,
            "live": one.live,
            "downtime_s": one.downtime_s,
        }
    )


def status_view(box: Services) -> wire.UpdateStatus:
    """How updates stand."""
    service = box.updates.service
    at_work = [job.id for job in box.jobs.list(_LATEST, UPDATE) if job.state.value in _ACTIVE]
    return wire.UpdateStatus(
        release=VERSION,
        trust=_trust(box),
        sticks=tuple(
            wire.StickView(directory=ascii_path(one.directory), bundle=one.bundle)
            for one in mounted()
        ),
        installed=_installed(box),
        pending=_pending(service.pending()),
        job=at_work[0] if at_work else None,
        recipient=box.updates.licence.recipient(),
    )


def ascii_path(path: Path) -> str:
    """A path as it can be said and sent back; names that are no text are left out of the wire."""
    return str(path).encode("utf-8", "replace").decode()


def _trust(box: Services) -> wire.TrustView | None:
    try:
        return trust_view(box.updates.service.trusted())
    except ApplianceError:
        # Nobody is trusted yet, or the record is damaged: applying says which.
        return None


def trust_view(pinned: Pinned) -> wire.TrustView:
    """The trusted root."""
    return wire.TrustView.model_validate(pinned, from_attributes=True)


def _installed(box: Services) -> tuple[wire.InstalledView, ...]:
    rows = [
        {
            "kind": one.kind,
            "id": one.package_id,
            "version": one.version,
            "previous": before,
            "bundle": one.bundle,
            "time": one.time,
        }
        for one, before in box.updates.service.installed()
    ]
    return tuple(wire.InstalledView.model_validate(row) for row in rows)


def _pending(one: Any) -> wire.PendingView | None:
    if one is None:
        return None
    return wire.PendingView(
        version=one.version,
        rollback=one.rollback,
        asked_by=one.asked_by,
        time=one.time,
        told=Text(zh=one.zh, en=one.en) if one.zh or one.en else None,
    )


def health_view(found: tuple[Found, ...]) -> wire.UpdateHealth:
    """What the checks after an update found; that there is an answer is one of them."""
    answers = Found("api", True, "接口有应答", "the API answers", 0.0)
    checks = tuple(
        wire.HealthCheckView(
            name=one.name, ok=one.ok, told=Text(zh=one.zh, en=one.en), seconds=one.seconds
        )
        for one in (answers, *found)
    )
    return wire.UpdateHealth(ok=all(one.ok for one in checks), release=VERSION, checks=checks)
