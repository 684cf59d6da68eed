"""Trainings of adapters as OpenAI's clients read them."""

from collections.abc import Sequence
from typing import Final

from appliance.contract import finetuning as wire
from appliance.jobs.job import Job, JobEvent, JobState
from appliance.tuning.finetuning import AUTO_EPOCHS, Wish

_STATUS: Final[dict[JobState, wire.Status]] = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "running",
    JobState.INTERRUPTED: "paused",
    JobState.DONE: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}
_SENTENCES: Final = {
    "queued": "已排队。 Queued.",
    "running": "训练开始。 The training has begun.",
    "interrupted": "已中断，可继续。 Interrupted; it can go on.",
    "done": "训练完成，适配器已登记。 Done: the adapter is registered.",
    "failed": "训练失败。 The training failed.",
    "cancelled": "已取消。 Cancelled.",
}
_METRICS: Final = {"step": "step", "steps": "total_steps", "loss": "train_loss", "tokens": "tokens"}
_EVENT: Final = "ftevent"


def wish_of(request: wire.FineTuningRequest) -> Wish:
    """What a request asks for; what is "auto" is chosen here."""
    method = request.method or wire.Method()
    asked = request.hyperparameters or method.supervised.hyperparameters
    epochs, rate = asked.n_epochs, asked.learning_rate_multiplier
    return Wish(
        model=request.model,
        file=request.training_file,
        suffix=request.suffix,
        seed=request.seed,
        epochs=epochs if isinstance(epochs, int) else AUTO_EPOCHS,
        rate=rate if isinstance(rate, float | int) else 1.0,
        notes=request.metadata or {},
    )


def job_view(job: Job) -> wire.FineTuningJob:
    """A training."""
    spec, result, fault = job.spec, job.result or {}, job.fault
    numbers = wire.Hyperparameters(
        n_epochs=spec["epochs"], learning_rate_multiplier=float(spec["rate"])
    )
    return wire.FineTuningJob(
        id=job.id,
        created_at=int(job.created),
        model=spec["base"],
        status=_STATUS[job.state],
        training_file=spec["dataset"],
        hyperparameters=numbers,
        method=wire.Method(supervised=wire.Supervised(hyperparameters=numbers)),
        seed=spec["seed"],
        fine_tuned_model=result.get("adapter"),
        finished_at=None if job.finished is None else int(job.finished),
        trained_tokens=result.get("tokens"),
        error=None
        if fault is None
        else wire.FineTuningFault(code=fault.code, message=f"{fault.sentence} {fault.way_out}"),
        metadata=spec["notes"],
    )


def job_list(jobs: Sequence[Job], limit: int) -> wire.FineTuningJobList:
    """Trainings; one more than `limit` were asked for, to know whether there are more."""
    shown = tuple(job_view(job) for job in jobs[:limit])
    return wire.FineTuningJobList(data=shown, has_more=len(jobs) > limit)


def event_list(events: Sequence[JobEvent], limit: int) -> wire.FineTuningEventList:
    """Events; one more than `limit` were asked for, to know whether there are more."""
    shown = tuple(_event(event) for event in events[:limit])
    return wire.FineTuningEventList(data=shown, has_more=len(events) > limit)


def event_number(event_id: str) -> int | None:
    """The number of an event within its training; None for what is no id of one."""
    number = event_id.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 16 else None  # noqa: PLR2004


def checkpoint_list(job: Job) -> wire.FineTuningCheckpointList:
    """The adapter that a training left; what it wrote on its way answers nobody."""
    result = job.result or {}
    if "adapter" not in result:
        return wire.FineTuningCheckpointList(data=())
    step = int(result["steps"])
    one = wire.FineTuningCheckpoint(
        id=f"ftckpt-{job.id}-{step}",
        created_at=int(job.finished or job.created),
        fine_tuned_model_checkpoint=result["adapter"],
        fine_tuning_job_id=job.id,
        step_number=step,
        metrics=wire.CheckpointMetrics(step=step, train_loss=result.get("loss")),
    )
    return wire.FineTuningCheckpointList(data=(one,), first_id=one.id, last_id=one.id)


def _event(event: JobEvent) -> wire.FineTuningEvent:
    progress = event.event == "progress"
    data = {_METRICS[key]: value for key, value in event.data.items() if key in _METRICS}
    if progress and data:
        message = f"Step {data.get('step')}/{data.get('total_steps')}: {data.get('train_loss')}"
    else:
        message = _SENTENCES.get(event.event, "准备中。 Preparing.")
    levels = {"failed": "error", "interrupted": "warn"}
    return wire.FineTuningEvent.model_validate(
        {
            "id": f"{_EVENT}-{event.job_id}-{event.id}",
            "created_at": int(event.time),
            "level": levels.get(event.event, "info"),
            "message": message,
            "type": "metrics" if progress and data else "message",
            "data": data or None,
        }
    )
