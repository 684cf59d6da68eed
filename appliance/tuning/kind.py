"""Training as a kind of job: the spec is judged, a worker trains, the result goes on the shelf."""

import asyncio
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.jobs.errors import WorkerDied
from appliance.jobs.job import Job, JobKind, Json
from appliance.tuning.spec import read_spec
from models.card import ModelCard
from models.errors import ModelsError, ModelUnknown
from models.registry.manifest import Manifest
from models.registry.shelf import ShelvedModel

TRAINING: Final = "training"
_SILENCE_S: Final = 1800.0  # inventing the records and the tokenizer says nothing for minutes
_AUDIT_TIMEOUT_S: Final = 30.0


class Catalogue(Protocol):
    """The shelf with its records; `CatalogueService`."""

    def get(self, model_id: str) -> ShelvedModel:
        """A model; raises ModelUnknown."""
        ...

    def admit(self, source: Path, card: ModelCard, actor: str) -> Manifest:
        """Put a model on the shelf."""
        ...


class Audit(Protocol):
    """The part of the audit log that tuning needs."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


class Workshop:
    """Makes training jobs.

    Args:
        catalogue: Where results go.
        audit: The audit log.
        threads: Threads of a worker.
    """

    def __init__(self, catalogue: Catalogue, audit: Audit, threads: int = 1) -> None:
        self._catalogue = catalogue
        self._audit = audit
        self._threads = threads

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`."""
        return JobKind(
            name=TRAINING,
            argv=_argv,
            resumable=True,
            check=self._check,
            finish=self._finish,
            resource="accelerator",
            priority=60,
            silence_s=_SILENCE_S,
        )

    def _check(self, spec: Json) -> Json:
        given = {"threads": self._threads, **spec}
        return read_spec(given, self._taken).to_json()

    def _taken(self, model_id: str) -> bool:
        try:
            self._catalogue.get(model_id)
        except ModelUnknown:
            return False
        except ModelsError:
            return True
        return True

    async def _finish(self, job: Job, directory: Path, result: Json) -> Json:
        return await asyncio.to_thread(self._shelve, job, directory, result)

    def _shelve(self, job: Job, directory: Path, result: Json) -> Json:
        name = str(result.get("gguf"))
        source = directory / name
        # The worker names a file of its own folder and nothing else.
        if Path(name).name != name or not source.is_file():
            raise WorkerDied(how="结果文件缺失 no result file")
        card = ModelCard.from_json(result["card"])
        manifest = self._catalogue.admit(source, card, job.actor)
        dataset = str(result["dataset"]["digest"])
        event = events.tuning_finish(
            job.actor, job_id=job.id, base="none", dataset=dataset, result=manifest.digest
        )
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
        kept = {key: value for key, value in result.items() if key not in {"gguf", "card"}}
        return {"model": card.id, "digest": manifest.digest, **kept}


def _argv(job: Job, directory: Path) -> tuple[str, ...]:
    del job, directory
    return (sys.executable, "-P", "-m", "appliance.tuning.worker")
