"""Puts the serving room together: engines of this machine, its lender of memory, its books."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from appliance.cluster.peering import Peering
from appliance.db.database import Db
from appliance.serving.beyond import Beyond
from appliance.serving.books import Books
from appliance.serving.engine_maker import EngineMaker
from appliance.serving.guests import Guests
from appliance.serving.job_desk import JobDesk, Need
from appliance.serving.lease import Audit, LeaseOffice
from appliance.serving.own_weights import OwnWeights
from appliance.serving.peer_pool import PeerPools
from appliance.serving.resident import Resident
from appliance.serving.room import ModelSource
from appliance.serving.service import ServingService
from appliance.serving.site_engines import SiteEngines
from appliance.serving.store import ServingStore
from appliance.serving.upstream import Upstream
from appliance.serving.window import local_minute
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from models.capacity import Wish
from models.engines.process import ProcessKeeper
from models.hardware.facts import Hardware
from models.planning.reservations import CORES, HOST, Reservations

# Set aside for a worker that trains a small model, and for one that only asks and scores.
_TRAINING_BYTES: Final = 1 << 30
_EVALUATION_BYTES: Final = 1 << 28


@dataclass(frozen=True, slots=True)
class Ground:
    """What the room stands on: database, audit log, models, the machine at rest and as it is now.

    `environ` is the box's environment, where the secret of a declared engine may stand; `cluster`
    tells what an engine needs in its own to work on the box's Ray node.
    """

    db: Db
    log: Audit
    shelf: ModelSource
    hardware: Hardware
    look: Callable[[], Hardware]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    cluster: Callable[[], Mapping[str, str]] = dict


def make_serving(
    settings: Settings, layout: StateLayout, ground: Ground, salt: bytes
) -> ServingService:
    """Make the serving room of a box; nothing is started.

    Args:
        settings: Of the box.
        layout: Where its state lies.
        ground: What the room stands on; `hardware` as it is while nothing of the box runs.
        salt: Key under which callers' cached prefixes are kept apart.
    """
    maker = EngineMaker(
        servers=(settings.engines.directory,),
        runtime=layout.run / "engines",
        hardware=ground.hardware,
        wish=Wish(settings.engines.context, settings.engines.slots, settings.engines.device),
        threads=settings.engines.threads,
        keeper=ProcessKeeper(),
        site=SiteEngines(layout.engines),
        environ=ground.environ,
        cluster=ground.cluster,
    )
    store, capacity = ServingStore(ground.db), Reservations.of(ground.hardware)
    return ServingService(
        ground.shelf,
        maker,
        LeaseOffice(capacity, store, ground.log, time.time, local_minute, ground.look),
        Books(
            store=store,
            audit=ground.log,
            adapters=layout.shelf / "adapters",
            clock=time.time,
            idle_unload_s=settings.engines.idle_unload_s,
            salt=salt,
        ),
        default=settings.model.default,
    )


def go_beyond(
    serving: ServingService, peering: Peering | None, ground: Ground, salt: bytes
) -> None:
    """Let a box ask its neighbours, and answer them, while it is a member of a cluster.

    Args:
        serving: Its serving room.
        peering: Speaks with the other boxes; None in a box that cannot.
        ground: What the room stands on.
        salt: Key under which callers' cached prefixes are kept apart.
    """
    if peering is None:
        return
    log, shelf = ground.log, ground.shelf
    pools = PeerPools(lambda: peering.context, log)
    beyond = Beyond(peering.hearing.book, pools, serving.traffic, salt, OwnWeights(shelf))

    def reach(*, anybody: bool) -> None:
        serving.beyond = beyond if anybody else None

    beyond.watched(reach)

    def upstream(one: Resident, adapter: str | None) -> Upstream | None:
        return one.offer(adapter, serving.traffic, salt)

    guests = Guests(serving.residency, serving.deployments, shelf, upstream, log)
    peering.attach(guests, beyond)


def make_job_desk(leases: LeaseOffice, cores: int, *, training: str, evaluation: str) -> JobDesk:
    """Make the desk where jobs borrow.

    Args:
        leases: Lends.
        cores: Threads of each job.
        training: Name of the kind of job that trains.
        evaluation: Name of the kind of job that examines.
    """
    return JobDesk(
        leases,
        {
            training: Need("train", {HOST: _TRAINING_BYTES, CORES: cores}),
            evaluation: Need("evaluate", {HOST: _EVALUATION_BYTES, CORES: cores}),
        },
    )
