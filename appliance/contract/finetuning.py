"""Wire types of fine-tuning, in OpenAI's words; times are whole Unix seconds."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Wire
from appliance.contract.files import FileId, Label, Noted

Auto = Literal["auto"]
Metadata = Annotated[dict[Label, Noted], Field(max_length=16)]
Status = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class Hyperparameters(Wire):
    """How hard to train; batches are made by tokens, so there is no size to choose."""

    n_epochs: Annotated[int, Field(ge=1, le=100)] | Auto = "auto"
    batch_size: Auto = "auto"
    learning_rate_multiplier: Annotated[float, Field(ge=0.01, le=100)] | Auto = "auto"


class Supervised(Wire):
    """Learning from answers."""

    hyperparameters: Hyperparameters = Hyperparameters()


class Method(Wire):
    """How to train; answers are learnt, there is no other method."""

    type: Literal["supervised"] = "supervised"
    supervised: Supervised = Supervised()


class FineTuningRequest(Wire):
    """An adapter for a model of the shelf, from a file of chats sent for `fine-tune`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "wardbox-reference",
                    "training_file": "file-0123456789abcdef01234567",
                    "suffix": "cataract",
                }
            ]
        }
    )

    model: Identifier
    training_file: FileId
    suffix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    hyperparameters: Hyperparameters | None = None
    method: Method | None = None
    metadata: Metadata | None = None
    validation_file: None = None
    integrations: Annotated[tuple[str, ...], Field(max_length=0)] | None = None


class FineTuningFault(Wire):
    """Why a training failed."""

    code: str
    message: str
    param: str | None = None


class FineTuningJob(Wire):
    """One training; `fine_tuned_model` is an adapter, to be approved, loaded and deployed."""

    id: str
    created_at: int
    model: str
    status: Status
    training_file: str
    hyperparameters: Hyperparameters
    method: Method
    seed: int
    fine_tuned_model: str | None = None
    finished_at: int | None = None
    trained_tokens: int | None = None
    error: FineTuningFault | None = None
    metadata: dict[str, str] | None = None
    validation_file: None = None
    estimated_finish: None = None
    integrations: tuple[str, ...] = ()
    result_files: tuple[str, ...] = ()
    organization_id: str = "wardbox"
    object: Literal["fine_tuning.job"] = "fine_tuning.job"


class FineTuningJobList(Wire):
    """Trainings, newest first."""

    data: tuple[FineTuningJob, ...]
    has_more: bool
    object: Literal["list"] = "list"


class FineTuningEvent(Wire):
    """What happened to a training."""

    id: str
    created_at: int
    level: Literal["info", "warn", "error"]
    message: str
    type: Literal["message", "metrics"]
    data: dict[str, Any] | None = None
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"


class FineTuningEventList(Wire):
    """Events, newest first."""

    data: tuple[FineTuningEvent, ...]
    has_more: bool
    object: Literal["list"] = "list"


class CheckpointMetrics(Wire):
    """Where the training stood."""

    step: int
    train_loss: float | None = None


class FineTuningCheckpoint(Wire):
    """What a training left that can be asked: its last adapter."""

    id: str
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: CheckpointMetrics
    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"


class FineTuningCheckpointList(Wire):
    """Checkpoints, newest first."""

    data: tuple[FineTuningCheckpoint, ...]
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"
