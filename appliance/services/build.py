"""The composition root: every service of an open box, made by constructor calls."""

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from types import MappingProxyType

from appliance.catalogue.service import CatalogueService
from appliance.cluster.assembly import make_cluster
from appliance.compiled import HOUSE
from appliance.jobs.schedule import Schedules
from appliance.posture.keeper import keeping, with_keeping
from appliance.posture.policy import PosturePolicy
from appliance.posture.service import PostureRules, PostureService
from appliance.services.author import EngineAuthor
from appliance.services.exports import make_exports
from appliance.services.ground import Ground, Site, open_ground
from appliance.services.keeping import make_disclosure
from appliance.services.open_box import Services
from appliance.services.outside import make_outside
from appliance.services.updating import make_updating
from appliance.services.version import POLICY, VERSION
from appliance.services.work import make_work
from appliance.serving.assembly import Ground as ServingGround
from appliance.serving.assembly import go_beyond, make_serving
from appliance.serving.turn import Notary
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.signin.service import SignInService, Trust
from appliance.specialists.admission_note import AdmissionNoteWriter
from appliance.specialists.recording import Provenance
from appliance.updates.packs import PackShelf
from appliance.updates.trial import on_trial, place_of
from appliance.vault.opened import Opened
from firmware_checks.posture import run_checks
from models.registry.succession import GrowingShelf


async def build(
    settings: Settings,
    layout: StateLayout,
    opened: Opened,
    clock: Callable[[], datetime],
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Services:
    """Make the services of an opened vault.

    Raises:
        ApplianceError, ModelsError: what cannot be opened; nothing stays open then.
    """
    site = Site(settings, layout, opened, clock, environ)
    async with AsyncExitStack() as undo:
        services = _assemble(site, await open_ground(site, undo))
        undo.pop_all()
        return services


def _assemble(site: Site, ground: Ground) -> Services:
    settings, layout, db, log = site.settings, site.layout, ground.db, ground.log
    salt = site.opened.key("usage-salt")
    catalogue = _make_catalogue(site, ground)
    packs = PackShelf(layout.packs)
    checks = with_keeping(
        lambda: run_checks(shelves=packs.current("baselines").values()),
        partial(keeping, site.opened),
    )
    rules = PostureRules(PosturePolicy.of(settings.posture), settings.posture.time, VERSION)
    posture = PostureService(db, log, time.time, checks, rules)
    cards = len(ground.hardware.accelerators)
    cluster = make_cluster(layout, db, log, name=settings.box.name, cards=cards)
    serving_ground = ServingGround(
        db=db,
        log=log,
        shelf=catalogue,
        hardware=ground.hardware,
        look=ground.watch,
        environ=site.environ,
        cluster=cluster.env,
    )
    serving = make_serving(settings, layout, serving_ground, salt)
    go_beyond(serving, cluster.peering, serving_ground, salt)
    tried = partial(on_trial, place_of(layout, site.environ), HOUSE)
    outside = make_outside(settings, layout, site.opened, db, log, tried)
    updating = make_updating(site, ground, catalogue, serving, packs, outside.witnesses)
    work = make_work(site, ground, catalogue, serving, cluster, updating)
    posture.holds(work.training)
    trust = Trust(layout, site.opened.ca, site.clock)
    disclosure = make_disclosure(site, ground, work.space.keeper)
    provenance = Provenance(salt, posture.digest, POLICY, site.clock, disclosure.keys.seal)
    return Services(
        db=db,
        log=log,
        access=ground.access,
        signin=SignInService(db, ground.access, log, settings, trust),
        notary=Notary(log, salt, posture.digest, POLICY, ground.access.turned_away),
        catalogue=catalogue,
        serving=serving,
        jobs=work.jobs,
        specialist=AdmissionNoteWriter(EngineAuthor(serving), log, provenance),
        posture=posture,
        updates=updating,
        cluster=cluster,
        files=work.files,
        batches=work.batches,
        responses=work.responses,
        backups=work.backups,
        space=work.space,
        disclosure=disclosure,
        outside=outside,
        exports=make_exports((settings, layout), log, outside.witnesses, disclosure, site.clock),
        schedules=Schedules(),
        hardware=ground.watch,
    )


def _make_catalogue(site: Site, ground: Ground) -> CatalogueService:
    signer = site.opened.signing_key("manifest")
    trusted = {signer.key_id: signer.verify_key}
    shelf = GrowingShelf(site.layout.shelf, clock=site.clock, trusted=trusted)
    return CatalogueService(shelf, signer, ground.log, site.settings.model.default)
