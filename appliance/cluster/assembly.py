"""Puts the cluster room together: this box's Ray node, what it lends, and what is remembered."""

import os
import time
from pathlib import Path
from typing import Final

from appliance.cluster.hearing import Audit
from appliance.cluster.node import Lent, RayKeeper
from appliance.cluster.peering import Peering
from appliance.cluster.service import ClusterService
from appliance.cluster.store import ClusterStore
from appliance.db.database import Db
from appliance.settings.layout import StateLayout
from models.engines.process import ProcessKeeper

_OBJECTS: Final = 1 << 30
"""Shared memory that a box lends to the cluster's objects, in bytes."""


def ray_python(layout: StateLayout) -> Path:
    """The interpreter of the environment that holds Ray; `wardbox prepare-cluster` puts it there."""
    return layout.root / "cluster-env" / "bin" / "python"


def make_cluster(
    layout: StateLayout, db: Db, log: Audit, *, name: str, cards: int
) -> ClusterService:
    """Make the cluster room of a box; nothing is started.

    Args:
        layout: Where its state lies.
        db: Its database.
        log: The record.
        name: How this box is called among the others.
        cards: Accelerators that it lends.
    """
    lent = Lent(os.cpu_count() or 1, cards, _OBJECTS)
    ray = RayKeeper(ProcessKeeper(), ray_python(layout), layout.files_mount / "cluster", lent)
    store = ClusterStore(db)
    service = ClusterService(store, log, ray, name, time.time)
    service.accompany(Peering(store, log, time.monotonic, time.time))
    return service
