"""What the API shows of witnesses and of forwarding."""

from datetime import UTC, datetime

from appliance.contract.base import Text
from appliance.contract.outside import (
    CosignedBy,
    CosignedCheckpoint,
    ForwardView,
    OfferView,
    SecondKeyView,
    TakenView,
    WitnessList,
    WitnessView,
)
from appliance.forwarding.service import ForwardService
from appliance.telemetry.facts_outside import ForwardFacts, WitnessFacts
from appliance.witnesses.service import WitnessService
from appliance.witnesses.standing import CosignedNote, Offer, SecondStanding, Taken

_FAR: int = 1 << 37
"""Witnesses state their time themselves; what no calendar holds is shown as its end."""


def checkpoint_view(one: CosignedNote) -> CosignedCheckpoint:
    """A cosigned checkpoint."""
    by = tuple(CosignedBy(key=vkey, time=_moment(time)) for vkey, time in one.by)
    return CosignedCheckpoint(size=one.size, note=one.note, by=by)


def witness_list(service: WitnessService, size: int) -> WitnessList:
    """Everybody who cosigns."""
    standing = service.status()
    witnesses = tuple(
        WitnessView(
            name=one.name,
            key=one.vkey,
            added=_moment(one.added),
            size=one.size,
            time=None if one.time is None else _moment(one.time),
            age_s=one.age_s,
            stale=one.stale,
        )
        for one in standing.witnesses
    )
    return WitnessList(second=_second(standing.second), witnesses=witnesses, size=size)


def _second(one: SecondStanding) -> SecondKeyView:
    trouble = one.trouble
    return SecondKeyView.model_validate(
        {
            "kind": one.kind,
            "key": one.vkey,
            "made": None if one.made is None else _moment(one.made),
            "size": one.size,
            "time": None if one.time is None else _moment(one.time),
            "counter": one.counter,
            "trouble": None if trouble is None else trouble.code,
            "sentence": None if trouble is None else Text(zh=trouble.zh, en=trouble.en),
        }
    )


def offer_view(one: Offer) -> OfferView:
    """An offer."""
    return OfferView(path=one.path, text=one.text, size=one.size, since=one.old)


def taken_view(one: Taken) -> TakenView:
    """What became of a file."""
    sentence = Text(zh=one.zh, en=one.en)
    return TakenView(
        name=one.name, ok=one.ok, witnesses=one.witnesses, size=one.size, sentence=sentence
    )


def forward_view(service: ForwardService) -> ForwardView:
    """How forwarding stands."""
    now = service.status()
    at = now.progress
    reason = Text(zh=now.reason_zh, en=now.reason_en) if now.reason_en else None
    return ForwardView(
        state=now.state,
        target=now.target,
        format=service.format,
        connected=at is not None and at.connected,
        peer="" if at is None else at.peer,
        position=0 if at is None else at.position,
        sent=0 if at is None else at.sent,
        size=now.size,
        behind=now.behind,
        lag_s=now.lag_s,
        late=now.late,
        messages=0 if at is None else at.messages,
        confirmed=None if at is None or at.confirmed is None else _moment(at.confirmed),
        failing_since=None if at is None or at.failing_since is None else _moment(at.failing_since),
        reason=reason,
    )


def witness_facts(service: WitnessService) -> WitnessFacts:
    """What metrics and alerts know of the witnesses."""
    standing = service.status()
    trouble = standing.second.trouble
    return WitnessFacts(
        witnesses=len(standing.witnesses),
        stale=tuple((one.name, one.age_s) for one in standing.witnesses if one.stale),
        oldest_s=max((one.age_s for one in standing.witnesses), default=None),
        trouble_zh="" if trouble is None else trouble.zh,
        trouble_en="" if trouble is None else trouble.en,
    )


def forward_facts(service: ForwardService, now: float) -> ForwardFacts | None:
    """What metrics and alerts know of forwarding; None while it is off. `now` in Unix seconds."""
    found = service.status()
    if found.state == "off":
        return None
    at = found.progress
    since = None if at is None else at.failing_since
    return ForwardFacts(
        target=found.target,
        connected=at is not None and at.connected,
        behind=found.behind,
        lag_s=found.lag_s,
        late=found.late,
        messages=0 if at is None else at.messages,
        failing_s=0.0 if since is None else max(0.0, now - since),
        misconfigured=found.state == "misconfigured",
        reason_zh=found.reason_zh,
        reason_en=found.reason_en,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(seconds, _FAR), UTC)
