"""From what services return to what the wire carries; the only place that knows both."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from appliance.access import grants
from appliance.audit import event as audit_event
from appliance.audit import receipts
from appliance.audit.known import Known, told
from appliance.contract import access, audit, catalogue, job, system, telemetry
from appliance.contract.base import Text
from appliance.jobs import job as jobs
from appliance.serving.service import ServedEngine
from appliance.serving.traffic import TrafficPicture
from appliance.telemetry.hub import News
from appliance.telemetry.store import Alert
from models.card import Bilingual
from models.hardware.facts import Accelerator
from models.registry.shelf import ShelvedModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """Unix seconds as a time."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe(seconds: float | None) -> datetime | None:
    """Unix seconds as a time, None as None."""
    return None if seconds is None else moment(seconds)


def text(both: Bilingual) -> Text:
    """A sentence in both languages."""
    return Text(zh=both.zh, en=both.en)


def key_view(key: grants.KeyView) -> access.KeyView:
    """A key."""
    return access.KeyView(
        id=key.id,
        name=key.name,
        scopes=tuple(sorted(key.scopes)),
        models=None if key.models is None else tuple(sorted(key.models)),
        created=moment(key.created),
        expires=maybe(key.expires),
        revoked=maybe(key.revoked),
        owner=key.owner,
        state=key.state,
        requests_per_minute=key.limits.rpm,
        tokens_per_minute=key.limits.tpm,
        requests_per_day=key.limits.rpd,
        tokens_per_day=key.limits.tpd,
        requests_per_month=key.limits.rpmo,
        tokens_per_month=key.limits.tpmo,
    )


def key_wish(wish: access.KeyWish) -> grants.KeyWish:
    """A wish for a key, as the access room takes it."""
    return grants.KeyWish(
        name=wish.name,
        scopes=frozenset(wish.scopes),
        models=None if wish.models is None else frozenset(wish.models),
        expires=None if wish.expires is None else wish.expires.timestamp(),
        rpm=wish.requests_per_minute,
        tpm=wish.tokens_per_minute,
        rpd=wish.requests_per_day,
        tpd=wish.tokens_per_day,
        rpmo=wish.requests_per_month,
        tpmo=wish.tokens_per_month,
        account=wish.account,
    )


def created_key(made: grants.CreatedKey, wish: access.KeyWish) -> access.CreatedKey:
    """A new key with its secret."""
    return access.CreatedKey(
        id=made.id,
        name=wish.name,
        secret=made.secret,
        scopes=tuple(sorted(wish.scopes)),
        models=wish.models,
        expires=wish.expires,
    )


def user_view(user: grants.UserView) -> access.UserView:
    """A person."""
    return access.UserView.model_validate(
        {
            "name": user.name,
            "role": user.role,
            "created": moment(user.created),
            "locked": user.locked,
            "disabled": user.disabled,
            "totp": user.totp,
            "source": user.source,
            "password_changed": moment(user.changed),
        }
    )


def session_view(session: grants.Session) -> access.SessionView:
    """A session with its token."""
    return access.SessionView.model_validate(
        {
            "token": session.token,
            "expires": moment(session.expires),
            "role": session.role,
            "scopes": tuple(sorted(session.scopes)),
            "must": session.must,
        }
    )


def alert_view(one: Alert) -> telemetry.Alert:
    """An alert."""
    return telemetry.Alert.model_validate(
        {
            "id": one.id,
            "rule": one.rule,
            "subject": one.subject,
            "severity": one.severity,
            "text": {"zh": one.zh, "en": one.en},
            "way_out": {"zh": one.way_out_zh, "en": one.way_out_en},
            "raised": moment(one.raised),
            "cleared": maybe(one.cleared),
            "acknowledged": maybe(one.acknowledged),
            "acknowledged_by": one.acknowledged_by,
        }
    )


def news_view(one: News) -> telemetry.BoxEvent:
    """One event of the stream."""
    return telemetry.BoxEvent.model_validate(
        {"event": one.kind, "subject": one.subject, "time": moment(one.time), "data": one.data}
    )


def job_view(one: jobs.Job) -> job.Job:
    """A job."""
    fault = one.fault
    return job.Job.model_validate(
        {
            "id": one.id,
            "kind": one.kind,
            "state": one.state.value,
            "actor": one.actor,
            "created": moment(one.created),
            "started": maybe(one.started),
            "finished": maybe(one.finished),
            "spec": one.spec,
            "progress": one.progress,
            "result": one.result,
            "fault": None if fault is None else asdict(fault),
        }
    )


def job_event(event: jobs.JobEvent) -> job.JobEvent:
    """An event of a job."""
    return job.JobEvent(
        index=event.id,
        job=event.job_id,
        event=event.event,
        time=moment(event.time),
        data=event.data,
    )


def entry_view(entry: audit_event.Entry, leaf_hash: bytes) -> audit.Entry:
    """A record of the audit log."""
    event = entry.event
    return audit.Entry(
        index=entry.index,
        time=_EPOCH + timedelta(microseconds=entry.time),
        tag=event.tag,
        actor=event.actor,
        subject=event.subject,
        request_id=event.request_id,
        details=dict(event.details),
        hash=leaf_hash.hex(),
        listed=isinstance(told(event), Known),
    )


def receipt_view(receipt: receipts.Receipt, body: str) -> audit.Receipt:
    """A receipt with its proof, and what became of the body behind it."""
    return audit.Receipt(
        receipt=receipt.receipt,
        model=receipt.model,
        model_digest=receipt.model_digest,
        adapter_digest=receipt.adapter_digest,
        policy=receipt.policy,
        posture=receipt.posture,
        patient=receipt.patient,
        body=body,
        index=receipt.index,
        hash=receipt.hash.hex(),
        proof=tuple(part.hex() for part in receipt.proof),
        checkpoint=receipt.checkpoint,
        time=_EPOCH + timedelta(microseconds=receipt.time),
    )


def model_view(
    model: ShelvedModel, engine: str, *, default: bool, boxes: tuple[str, ...] = ()
) -> catalogue.ModelView:
    """A model on the shelf; `boxes` that have it as well."""
    card, manifest = model.card, model.manifest
    return catalogue.ModelView.model_validate(
        {
            "id": card.id,
            "name": text(card.name),
            "version": card.version,
            "architecture": card.architecture,
            "parameters": card.parameters,
            "context": card.context,
            "quantisation": card.quantisation,
            "bytes": sum(file.size for file in manifest.files),
            "digest": manifest.digest,
            "engine": engine,
            "default": default,
            "boxes": boxes,
        }
    )


def engine_view(one: ServedEngine) -> system.EngineView:
    """An engine."""
    status = one.status
    return system.EngineView.model_validate(
        {
            "model": one.model,
            "engine": one.engine,
            "state": str(status.state),
            "since": None,
            "progress": status.progress,
            "restarts": status.restarts,
            "pid": status.pid,
            "in_flight": status.in_flight,
            "reason": None if status.reason is None else text(status.reason),
        }
    )


def accelerator_view(card: Accelerator) -> system.AcceleratorView:
    """An accelerator."""
    return system.AcceleratorView(
        vendor=card.vendor,
        index=card.index,
        name=card.name,
        memory_bytes=card.memory_bytes,
        memory_free_bytes=card.memory_free_bytes,
    )


def traffic_view(picture: TrafficPicture) -> system.TrafficView:
    """The counts of requests."""
    return system.TrafficView(**asdict(picture))
