"""Imports as a kind of job: a worker carries the files in, the box puts them on the shelf."""

import asyncio
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from appliance.catalogue.service import CatalogueService
from appliance.errors import ApplianceError
from appliance.jobs.errors import JobSpecInvalid, WorkerDied
from appliance.jobs.job import Job, JobKind, JobState, Json
from models.card import ModelCard, model_id
from models.errors import CardMalformed, ModelDamaged, ModelExists, ModelsError, ModelUnknown
from models.registry.carding import card_from, id_from
from models.registry.carrying import FILES
from models.registry.package import check_card
from models.registry.source import survey

IMPORT: Final = "import"
_SILENCE_S: Final = 600.0
_MENDABLE: Final = frozenset({"model.source-gone", "model.disk-full"})
_OVER: Final = frozenset({JobState.DONE, JobState.CANCELLED})


class Importer:
    """Makes import jobs.

    A job copies into a staging folder of its own inside the vault. What is finished there is given
    to the shelf by hard links and hashed again; the folder goes when the job is done or cancelled,
    and stays for `jobs resume` when it failed or was interrupted.

    Args:
        catalogue: The shelf with its records.
        staging: The folder of staging folders, on the shelf's own file system.
        forbidden: Folders that nothing is imported from: the box's state.
    """

    def __init__(
        self, catalogue: CatalogueService, staging: Path, forbidden: tuple[Path, ...]
    ) -> None:
        self._catalogue = catalogue
        self._staging = staging
        self._forbidden = forbidden
        self._get: Callable[[str], Job] | None = None

    def follow(self, get: Callable[[str], Job]) -> None:
        """Name who tells jobs by their id, and remove what jobs left that nobody will go on with."""
        self._get = get
        self._sweep()

    def kind(self) -> JobKind:
        """Return the kind of job to give to `JobService`."""
        return JobKind(
            name=IMPORT,
            argv=_argv,
            resumable=True,
            check=self._check,
            spec=self._spec,
            finish=self._finish,
            resource=IMPORT,
            priority=20,
            silence_s=_SILENCE_S,
        )

    def _sweep(self) -> None:
        if self._get is None:
            return
        with suppress(FileNotFoundError):
            for folder in sorted(self._staging.iterdir()):
                if _over(self._get, folder.name):
                    shutil.rmtree(folder, ignore_errors=True)

    def _check(self, spec: Json) -> Json:
        unknown = sorted(set(spec) - {"path", "id"})
        path, wish = spec.get("path"), spec.get("id")
        if unknown or not isinstance(path, str) or not isinstance(wish, str | None):
            raise JobSpecInvalid(
                field=unknown[0][:64] if unknown else "path",
                reason_zh="不可用",
                reason_en="is wrong",
            )
        self._sweep()
        found = survey(path, self._forbidden)
        name = wish or id_from(found.path.name)
        try:
            model_id(name)
        except CardMalformed as error:
            raise JobSpecInvalid(
                field="id", reason_zh="不是可用的标识", reason_en="it is no acceptable id"
            ) from error
        self._refuse_taken(name)
        card, _ = card_from(name, found.summary, found.sidecar)
        check_card(card, found.summary)
        return {"path": str(found.path), "id": name}

    def _refuse_taken(self, name: str) -> None:
        try:
            self._catalogue.get(name)
        except ModelUnknown:
            return
        except ModelsError:
            raise ModelExists(model_id=name) from None
        raise ModelExists(model_id=name)

    def _spec(self, job: Job, directory: Path) -> Json:
        del directory
        staging = self._staging / job.id
        forbidden = [str(place) for place in self._forbidden]
        return {**job.spec, "staging": str(staging), "forbidden": forbidden}

    async def _finish(self, job: Job, directory: Path, result: Json) -> Json:
        del directory
        return await asyncio.to_thread(self._shelve, job, result)

    def _shelve(self, job: Job, result: Json) -> Json:
        staging = self._staging / job.id
        held = staging / FILES
        names = sorted(result["files"])
        card = ModelCard.from_json(result["card"])
        if card.id != job.spec["id"] or not names:
            raise WorkerDied(how="结果与任务不符 the result is not the job's")
        source = held if result["folder"] else held / names[0]
        manifest = self._catalogue.take_over(source, card, job.actor)
        # The shelf hashed what lies in the vault; it must be what left the stick.
        if {row.name: row.sha256 for row in manifest.files} != result["files"]:
            self._catalogue.remove(card.id, job.actor)
            raise ModelDamaged(
                model_id=card.id, reason_zh="与来源不同", reason_en="it differs from the source"
            )
        shutil.rmtree(staging, ignore_errors=True)
        return {
            "model": card.id,
            "digest": manifest.digest,
            "files": len(names),
            "bytes": result["bytes"],
            "missing": list(result["missing"]),
        }


def _argv(job: Job, directory: Path) -> tuple[str, ...]:
    del job, directory
    return (sys.executable, "-P", "-m", "appliance.catalogue.import_worker")


def _over(get: Callable[[str], Job], job_id: str) -> bool:
    """Whether nobody will go on with what a job left."""
    try:
        job = get(job_id)
    except ApplianceError as error:
        return error.code == "job.unknown"
    if job.state is JobState.FAILED and job.fault is not None:
        # A pulled stick, a full disk or a dead worker can be mended; a refused model cannot.
        return job.fault.code.startswith("model.") and job.fault.code not in _MENDABLE
    return job.state in _OVER
