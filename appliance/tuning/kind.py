"""Training as a kind of job: the spec is judged, a worker trains, the result goes on the shelf."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.events_files import content_use
from appliance.cluster.errors import NotMember
from appliance.jobs.errors import WorkerDied
from appliance.jobs.job import Job, JobKind, Json
from appliance.tuning.sealed_chats import CHATS, Files, told_to_worker
from appliance.tuning.spec import ADAPTER, REFERENCE, read_spec
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


class Adapter(Protocol):
    """An adapter as it was registered; `appliance.serving.store.StoredAdapter`."""

    @property
    def id(self) -> str:
        """Its name."""
        ...

    @property
    def digest(self) -> str:
        """Digest of its manifest."""
        ...

    @property
    def base_digest(self) -> str:
        """Digest of the manifest of its base."""
        ...


class Registry(Protocol):
    """Where adapters are registered; `appliance.serving.adapter.Adapters`."""

    def all(self) -> Sequence[Adapter]:
        """Every adapter."""
        ...

    async def register(self, adapter: str, base: str, source: Path, actor: str) -> Adapter:
        """Judge an adapter's file and copy it into the vault; raises why not."""
        ...


class Audit(Protocol):
    """The part of the audit log that tuning needs."""

    def append(self, event: Event) -> Future[Any]:
        """Queue an event; the future fails when it cannot be made durable."""
        ...


@dataclass(frozen=True, slots=True)
class Gang:
    """How a training runs on several boxes.

    Attributes:
        python: The interpreter of the environment that holds Ray.
        env: What a process needs to work on so many boxes; paths and addresses, no secret. Raises
            NotMember, BoxesTooFew, and RaySilent while this box's node does not run.
    """

    python: Path
    env: Callable[[int], Mapping[str, str]]


class Workshop:
    """Makes training jobs.

    Args:
        catalogue: Where results go.
        audit: The audit log.
        threads: Threads of a worker.
        registry: Where adapters go; None: no adapters are trained.
        files: Files that adapters learn from; None: they learn from invented records alone.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        audit: Audit,
        threads: int = 1,
        registry: Registry | None = None,
        files: Files | None = None,
    ) -> None:
        self._registry = registry
        self._files = files
        self._catalogue = catalogue
        self._audit = audit
        self._threads = threads
        self._gang: Gang | None = None

    def use(self, gang: Gang) -> None:
        """Say how trainings on several boxes are run."""
        self._gang = gang

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`."""
        return JobKind(
            name=TRAINING,
            argv=self._command,
            resumable=True,
            check=self._check,
            spec=self._given,
            finish=self._finish,
            resource="accelerator",
            priority=60,
            silence_s=_SILENCE_S,
        )

    def _check(self, spec: Json) -> Json:
        given = {"threads": self._threads, **spec}
        taken = self._named if spec.get("recipe") == ADAPTER else self._taken
        read = read_spec(given, taken, self._why_no_base)
        if read.boxes > 1:
            self._require_gang().env(read.boxes)
        return read.to_json()

    def _command(self, job: Job, directory: Path) -> tuple[str, ...]:
        """The worker; a base is looked up by its id, so that no path ever stands in a spec."""
        words = _argv(job, directory)
        if _boxes(job) > 1:
            # The interpreter that holds Ray finds the box's own modules and torch as well.
            words = (str(self._require_gang().python), *words[1:])
        if job.spec.get("recipe") != ADAPTER:
            return words
        words = (*words, str(self._catalogue.get(str(job.spec["base"])).path))
        return words if job.spec.get("dataset") is None else (*words, str(directory / CHATS))

    def _given(self, job: Job, directory: Path) -> Json:
        """What the worker reads; who submitted a file may delete it from here on."""
        given = {**job.spec, "directory": str(directory)}
        file_id = job.spec.get("dataset")
        if file_id is not None and self._files is not None:
            self._borrow(self._files, job, str(file_id), directory / CHATS)
            given["seal"] = told_to_worker(self._files, str(file_id))
        if _boxes(job) > 1:
            given["ray"] = dict(self._require_gang().env(1))
        return given

    def _borrow(self, files: Files, job: Job, file_id: str, place: Path) -> None:
        """Take hold of the submitter's file, once for each job and on the record."""
        if place.exists():
            return
        file = files.get(job.actor, file_id)
        use = content_use(
            job.actor, file_id=file.id, digest=file.digest, job_id=job.id, purpose=TRAINING
        )
        self._audit.append(use).result(_AUDIT_TIMEOUT_S)
        files.lend(file, place)

    def _require_gang(self) -> Gang:
        if self._gang is None:
            raise NotMember
        return self._gang

    def _named(self, adapter: str) -> bool:
        return self._registry is not None and any(one.id == adapter for one in self._registry.all())

    def _why_no_base(self, model_id: str) -> str | None:
        if self._registry is None:
            return "no adapters are kept here"
        try:
            model = self._catalogue.get(model_id)
        except ModelsError as error:
            return error.sentence_en
        return "it is no GGUF model" if model.path.is_dir() else None

    def _taken(self, model_id: str) -> bool:
        try:
            self._catalogue.get(model_id)
        except ModelUnknown:
            return False
        except ModelsError:
            return True
        return True

    async def _finish(self, job: Job, directory: Path, result: Json) -> Json:
        if job.spec.get("recipe") == ADAPTER and self._registry is not None:
            return await self._register(self._registry, job, directory, result)
        return await asyncio.to_thread(self._shelve, job, directory, result)

    async def _register(self, registry: Registry, job: Job, directory: Path, result: Json) -> Json:
        """An adapter waits for approval; it answers nobody before it was approved and loaded."""
        base, source = str(job.spec["base"]), _result_file(directory, result)
        made = await registry.register(str(job.spec["name"]), base, source, job.actor)
        dataset = str(result["dataset"]["digest"])
        event = events.tuning_finish(
            job.actor,
            job_id=job.id,
            base=made.base_digest,
            dataset=dataset,
            recipe=ADAPTER,
            result=made.digest,
        )
        await asyncio.wrap_future(self._audit.append(event))
        file_id = job.spec.get("dataset")
        if file_id is not None and self._files is not None:
            await asyncio.to_thread(self._files.take_back, str(file_id), directory / CHATS)
        kept = {key: value for key, value in result.items() if key != "gguf"}
        return {"adapter": made.id, "base": base, "digest": made.digest, **kept}

    def _shelve(self, job: Job, directory: Path, result: Json) -> Json:
        source = _result_file(directory, result)
        card = ModelCard.from_json(result["card"])
        manifest = self._catalogue.admit(source, card, job.actor)
        dataset = str(result["dataset"]["digest"])
        event = events.tuning_finish(
            job.actor,
            job_id=job.id,
            base="none",
            dataset=dataset,
            recipe=str(job.spec.get("recipe", REFERENCE)),
            result=manifest.digest,
        )
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)
        kept = {key: value for key, value in result.items() if key not in {"gguf", "card"}}
        return {"model": card.id, "digest": manifest.digest, **kept}


def _result_file(directory: Path, result: Json) -> Path:
    """The file that the worker names, in its own folder and nowhere else."""
    name = str(result.get("gguf"))
    source = directory / name
    if Path(name).name != name or not source.is_file():
        raise WorkerDied(how="结果文件缺失 no result file")
    return source


def _boxes(job: Job) -> int:
    return int(job.spec.get("boxes", 1))


def _argv(job: Job, directory: Path) -> tuple[str, ...]:
    del job, directory
    return (sys.executable, "-P", "-m", "appliance.tuning.worker")
