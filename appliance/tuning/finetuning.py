"""Fine-tuning as OpenAI's clients ask for it: an adapter is trained on a file of the caller's chats."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Final, Protocol

from appliance.jobs.errors import JobSpecInvalid, JobUnknown
from appliance.jobs.job import Job, JobEvent, Json
from appliance.tuning.chats import FIELD, judge_chats
from appliance.tuning.kind import TRAINING
from appliance.tuning.spec import ADAPTER

PURPOSE: Final = "fine-tune"
AUTO_EPOCHS: Final = 3
_MOST_JOBS: Final = 1000
_LONGEST_STEM: Final = 48
# What a wish calls what the spec of a job calls otherwise.
_FIELDS: Final = {"base": "model", "epochs": "n_epochs", "rate": "learning_rate_multiplier"}


class File(Protocol):
    """A file of a caller; `appliance.batches.shape.StoredFile`."""

    @property
    def purpose(self) -> str:
        """What it was sent for."""
        ...


class Files(Protocol):
    """The files of callers; `appliance.batches.files.FileService`."""

    def get(self, owner: str, file_id: str) -> Any:
        """A file; raises FileUnknown."""
        ...

    def open(self, file: Any) -> BinaryIO:
        """Open its content for reading; raises FileDamaged, SubjectErased."""
        ...


class Jobs(Protocol):
    """The jobs of the box; `appliance.jobs.service.JobService`."""

    def get(self, job_id: str) -> Job:
        """A job; raises JobUnknown."""
        ...

    def list(self, limit: int = 100, kind: str | None = None) -> list[Job]:
        """Jobs, newest first."""
        ...

    def told(self, job_id: str, before: int | None, limit: int) -> tuple[JobEvent, ...]:
        """Events of a job, newest first."""
        ...

    async def submit(self, kind: str, spec: Json, actor: str) -> Job:
        """Queue a job."""
        ...

    async def cancel(self, job_id: str, actor: str) -> Job:
        """Ask a job to stop."""
        ...

    async def resume(self, job_id: str, actor: str) -> Job:
        """Queue an interrupted or failed job again."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        model: Model on the shelf that the adapter is for.
        file: The caller's file of chats, sent for the purpose "fine-tune".
        suffix: Part of the adapter's name, or None.
        seed: Of weights and order; None chooses one.
        epochs: Passes over the file.
        rate: Multiplies the learning rate.
        notes: The caller's own.
    """

    model: str
    file: str
    suffix: str | None = None
    seed: int | None = None
    epochs: int = AUTO_EPOCHS
    rate: float = 1.0
    notes: Mapping[str, str] = field(default_factory=dict)


class FineTuning:
    """Trainings of adapters on callers' files, as jobs like any other.

    Args:
        files: The callers' files.
        jobs: The jobs.
    """

    def __init__(self, files: Files, jobs: Jobs) -> None:
        self._files = files
        self._jobs = jobs

    async def create(self, wish: Wish, actor: str) -> Job:
        """Judge the file whole, and queue the training.

        Raises:
            FileUnknown: The caller has no such file.
            JobSpecInvalid: The file is for something else, or a line or a number is wrong.
            JobsFull: Too many jobs wait already.
        """
        await asyncio.to_thread(self._judge, wish.file, actor)
        spec = {
            "recipe": ADAPTER,
            "name": _name(wish),
            "base": wish.model,
            "dataset": wish.file,
            "epochs": wish.epochs,
            "rate": wish.rate,
            "seed": secrets.randbelow(1 << 31) if wish.seed is None else wish.seed,
            # The passes over the file decide how long it takes.
            "minutes": 0.0,
            "notes": dict(wish.notes),
        }
        try:
            return await self._jobs.submit(TRAINING, spec, actor)
        except JobSpecInvalid as refusal:
            name = str(refusal.facts["field"])
            raise JobSpecInvalid(**{**refusal.facts, "field": _FIELDS.get(name, name)}) from None

    def get(self, job_id: str) -> Job:
        """One training. Raises JobUnknown, for jobs of other kinds too."""
        job = self._jobs.get(job_id)
        if not _ours(job):
            raise JobUnknown(job_id=ascii(job_id[:64]).strip("'"))
        return job

    def newest(self, limit: int, after: str, notes: Mapping[str, str]) -> list[Job]:
        """Trainings, newest first: those older than `after`, with these notes.

        Raises:
            JobUnknown: There is no training `after`.
        """
        found = [job for job in self._jobs.list(_MOST_JOBS, TRAINING) if _ours(job)]
        if after:
            places = {job.id: place for place, job in enumerate(found)}
            found = found[places.get(self.get(after).id, len(found)) + 1 :]
        wanted = notes.items()
        return [job for job in found if wanted <= (job.spec["notes"] or {}).items()][:limit]

    async def cancel(self, job_id: str, actor: str) -> Job:
        """Ask a training to stop. Raises JobUnknown or JobMove."""
        await asyncio.to_thread(self.get, job_id)
        return await self._jobs.cancel(job_id, actor)

    async def resume(self, job_id: str, actor: str) -> Job:
        """Queue an interrupted or failed training again. Raises JobUnknown or JobMove."""
        await asyncio.to_thread(self.get, job_id)
        return await self._jobs.resume(job_id, actor)

    def events(self, job_id: str, limit: int, before: int | None) -> tuple[JobEvent, ...]:
        """What happened to a training, newest first. Raises JobUnknown."""
        return self._jobs.told(self.get(job_id).id, before, limit)

    def _judge(self, file_id: str, owner: str) -> None:
        file = self._files.get(owner, file_id)
        if file.purpose != PURPOSE:
            raise JobSpecInvalid(
                field=FIELD,
                reason_zh=f"该文件的用途不是 {PURPOSE}",
                reason_en=f"the file was not sent for the purpose {PURPOSE}",
            )
        judge_chats(partial(self._files.open, file))


def _name(wish: Wish) -> str:
    """The adapter's name: whose, and a number that no other has."""
    stem = (wish.suffix or wish.model)[:_LONGEST_STEM].lower().rstrip("._-")
    return f"ft-{stem}-{secrets.token_hex(4)}"


def _ours(job: Job) -> bool:
    return job.kind == TRAINING and job.spec.get("dataset") is not None
