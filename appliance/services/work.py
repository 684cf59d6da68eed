"""What a job can be: each kind of work comes from its own room, and all wait at one desk."""

import time
from dataclasses import dataclass
from functools import partial

from appliance.backup.kinds import BackupJobs
from appliance.backup.rules import BACKUP
from appliance.batches.desk import DeskRules, make_desk
from appliance.batches.files import FileLimits, FileService
from appliance.batches.kept import KeptResponses
from appliance.batches.service import BatchService
from appliance.batches.work import KIND as BATCH
from appliance.catalogue.importing import IMPORT, Importer
from appliance.catalogue.service import CatalogueService
from appliance.cluster.assembly import ray_python
from appliance.cluster.service import ClusterService
from appliance.examination.service import EVALUATION, ExaminationService
from appliance.jobs.service import JobService
from appliance.posture.gate import TrainingGate
from appliance.services.ground import Ground, Site
from appliance.services.keeping import make_backups
from appliance.services.space_gate import Growth, SpaceGate, SpaceWatch
from appliance.services.updating import EVALUATIONS, Updating
from appliance.serving.assembly import make_job_desk
from appliance.serving.service import ServingService
from appliance.tuning.kind import TRAINING, Gang, Workshop
from appliance.tuning.sealed_chats import learner, seal_copies
from appliance.updates.work import UPDATE
from appliance.vault.assembly import build_files
from appliance.vault.dataset_keys import DatasetKeys
from appliance.vault.space import SpaceKeeper


@dataclass(frozen=True, slots=True)
class Work:
    """The jobs, and what callers leave at the box for them."""

    jobs: JobService
    files: FileService
    batches: BatchService
    responses: KeptResponses
    backups: BackupJobs
    space: SpaceWatch
    training: TrainingGate


def make_work(
    site: Site,
    ground: Ground,
    catalogue: CatalogueService,
    serving: ServingService,
    cluster: ClusterService,
    updating: Updating,
) -> Work:
    """Make the jobs of a box: training, evaluation, batches, imports, backups and updates."""
    settings, layout = site.settings, site.layout
    db, log, threads = ground.db, ground.log, settings.jobs.threads
    importer = Importer(catalogue, layout.uploads / "imports", (layout.root,))
    limits = FileLimits(settings.files.max_bytes, settings.files.owner_bytes)
    rules = DeskRules(layout.caller_files, limits, settings.files.batch_width)
    seals = DatasetKeys(ground.subjects)
    desk = make_desk(db, log, ground.access, rules, time.time, seals)
    desk.responses.seal_by(ground.subjects)
    workshop = Workshop(catalogue, log, threads, serving.adapters, desk.files)
    workshop.use(Gang(ray_python(layout), cluster.env))
    backups = BackupJobs(make_backups(site, ground))
    examination = ExaminationService(db, log, catalogue, layout.socket, time.time)
    examination.look_for_sets(partial(updating.packs.current, EVALUATIONS))
    kinds = {
        TRAINING: workshop.kind(),
        EVALUATION: examination.kind(),
        BATCH: desk.work.kind(),
        IMPORT: importer.kind(),
        BACKUP: backups.kind(),
        UPDATE: updating.jobs.kind(),
    }
    jobs = JobService(db, log, kinds, layout.jobs_dir, time.time, workers=settings.jobs.workers)
    keeper = SpaceKeeper(layout, settings.storage)
    lender = make_job_desk(serving.leases, threads, training=TRAINING, evaluation=EVALUATION)
    catalogue.ask_for_room(partial(keeper.require, "shelf"))
    desk.files.ask_for_room(partial(keeper.require, "datasets"))
    desk.files.ask_who_learns(partial(learner, partial(jobs.list, 1000, TRAINING)))
    desk.files.seal_also(partial(seal_copies, layout.jobs_dir, jobs.get, desk.files))
    gate = SpaceGate(lender, lambda: keeper.now)
    training = TrainingGate(gate, frozenset({TRAINING}))
    jobs.borrow_from(training)
    growth = Growth(lambda: build_files(layout).grow(site.opened.key("files")), log)
    importer.follow(jobs.get)
    return Work(
        jobs,
        desk.files,
        desk.batches(jobs),
        desk.responses,
        backups,
        SpaceWatch(keeper, gate, growth),
        training,
    )
