"""Puts the updates room together: where each kind of package goes, and what goes live how."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from appliance.audit.log import AuditLog
from appliance.catalogue.service import CatalogueService
from appliance.errors import AuditEntryUnknown
from appliance.jobs.schedule import Schedules
from appliance.services.ground import Ground, Site
from appliance.services.licence import Licence
from appliance.services.version import VERSION
from appliance.serving.service import ServingService
from appliance.updates.applying import Rooms
from appliance.updates.kinds import Kind, ModelKind, PackKind
from appliance.updates.packs import PackShelf
from appliance.updates.plan import Site as UpdateSite
from appliance.updates.service import UpdateService
from appliance.updates.software import SoftwareDesk
from appliance.updates.staging import free_bytes
from appliance.updates.store import Seen, UpdateStore
from appliance.updates.surroundings import Surroundings
from appliance.updates.work import UpdateJobs
from appliance.witnesses.service import WitnessService
from models.hardware.facts import Hardware

EVALUATIONS: Final = "evaluations"
PACKS: Final = (EVALUATIONS, "baselines", "data")
_MICRO: Final = 1_000_000
_LISTEN_S: Final = 30.0


class LiveEngines:
    """Replaces engines of updated models; called from threads, works on the box's loop."""

    def __init__(self, serving: ServingService) -> None:
        self._serving = serving
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Remember the loop on which engines live."""
        self._loop = asyncio.get_running_loop()

    def renew(self, model: str) -> None:
        """Have a model's engine replaced by one with the version that lies on the shelf now.

        Nothing happens where the model is not in memory: its next caller gets the new one.

        Raises:
            ApplianceError, ModelsError: The new one does not come up; the old one answers on.
        """
        if self._loop is None or model not in self._serving.residency.residents:
            return
        task = self._serving.residency.refresh(model)
        asyncio.run_coroutine_threadsafe(task, self._loop).result()


@dataclass(frozen=True, slots=True)
class Updating:
    """The updates of an open box.

    Attributes:
        jobs: Long work.
        packs: Where evaluation sets, baselines and data packs stand.
        engines: What replaces engines.
        licence: What vendors seal for this box alone.
        brought: Whether a stick brought the model under an id.
    """

    jobs: UpdateJobs
    packs: PackShelf
    engines: LiveEngines
    licence: Licence
    brought: Callable[[str], bool]

    @property
    def service(self) -> UpdateService:
        """What knows everything about updates."""
        return self.jobs.service

    def list(self, limit: int = 100) -> tuple[Seen, ...]:
        """What was seen on sticks and what became of it, newest first."""
        return self.service.list(limit)

    async def start(self) -> None:
        """Hear what became of a release that the installer was asked for."""
        self.engines.attach()
        await self._hear()

    def attend(self, schedules: Schedules) -> None:
        """Go on listening: a release is found healthy while it runs."""
        schedules.every("installer", _LISTEN_S, self._hear)

    async def _hear(self) -> None:
        await asyncio.to_thread(self.service.hear)


def make_updating(
    site: Site,
    ground: Ground,
    catalogue: CatalogueService,
    serving: ServingService,
    packs: PackShelf,
    witnesses: WitnessService,
) -> Updating:
    """Make the updates room of a box; nothing is started."""
    layout, store = site.layout, UpdateStore(ground.db)
    engines = LiveEngines(serving)

    def ours(model_id: str) -> bool:
        return any((one.kind, one.package_id) == ("models", model_id) for one in store.installed())

    kinds: dict[str, Kind] = {kind: PackKind(kind, packs) for kind in PACKS}
    kinds["models"] = ModelKind(catalogue, ours, engines.renew)
    desk = SoftwareDesk(layout.updates, free_bytes)
    licence = Licence(site.opened)
    rooms = Rooms(kinds, desk, layout.uploads / "updates", free_bytes, licence.open)
    about = UpdateSite(site.settings.box.id, VERSION, hardware_classes(ground.hardware))
    around = Surroundings(site.clock, past_of(ground.log), lambda: about, doubt_of(witnesses))
    service = UpdateService(ground.db, ground.log, rooms, layout.updates_root, around)
    return Updating(UpdateJobs(service), packs, engines, licence, ours)


def hardware_classes(hardware: Hardware) -> frozenset[str]:
    """What this machine is to packages: "cpu", its makers, and makers with models.

    A card "NVIDIA H20-3e" makes the machine "nvidia" and "nvidia-h20-3e".
    """
    found = {"cpu"}
    for card in hardware.accelerators:
        name = "".join(sign if sign.isalnum() else "-" for sign in card.name.lower())
        words = [word for word in name.split("-") if word and word != card.vendor]
        found |= {card.vendor, "-".join([card.vendor, *words])[:64]}
    return frozenset(found)


def doubt_of(witnesses: WitnessService) -> Callable[[], tuple[str, str] | None]:
    """Why what this disk remembers is in doubt: the TPM's counter or the log itself speaks against it."""

    def doubt() -> tuple[str, str] | None:
        trouble = witnesses.trouble
        return (trouble.zh, trouble.en) if trouble is not None and trouble.of_the_past else None

    return doubt


def past_of(log: AuditLog) -> Callable[[], datetime]:
    """A time that is certainly past: that of the newest entry of the log."""

    def past() -> datetime:
        try:
            moment = log.reader.head().time / _MICRO
        except AuditEntryUnknown:
            moment = 0
        return datetime.fromtimestamp(moment, UTC)

    return past
