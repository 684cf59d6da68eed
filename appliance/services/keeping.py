"""The backups and the bodies of an open box, out of its settings: constructor calls only."""

import time
from typing import Final

from appliance.backup.retention import Retention
from appliance.backup.rules import BackupRules, Times
from appliance.backup.service import BackupService
from appliance.disclosure.service import Disclosure
from appliance.services.ground import Ground, Site
from appliance.services.version import VERSION
from appliance.vault.body_keys import BodyKeys, BodyRules
from appliance.vault.space import Level, SpaceKeeper

_GOLDEN: Final = "wardbox-reference"
"""What answers in drills: it stands on every box's shelf and needs no accelerator."""


def make_backups(site: Site, ground: Ground) -> BackupService:
    """Make the backup room of a box."""
    settings = site.settings.backup
    rules = BackupRules(
        box=site.settings.box.id,
        recipients=tuple(settings.recipients),
        keep=Retention(settings.keep_daily, settings.keep_weekly, settings.keep_monthly),
        threads=settings.threads,
        version=VERSION,
        model=_GOLDEN,
        servers=(site.settings.engines.directory,),
        times=Times(settings.time, settings.verify_day, settings.drill_day),
        passphrase=settings.passphrase,
    )
    return BackupService(ground.db, ground.log, site.opened, site.layout, rules, time.time)


def make_disclosure(site: Site, ground: Ground, keeper: SpaceKeeper) -> Disclosure:
    """Make the room that reads and forgets bodies."""
    settings = site.settings.audit
    rules = BodyRules(settings.bodies, settings.bodies_days, settings.body_bytes)

    def short() -> bool:
        # Bodies stop first, when no job starts any more either; answers and the log go on.
        now = keeper.now
        return now.level >= Level.LOW or any(
            area.full for area in now.areas if area.name == "bodies"
        )

    keys = BodyKeys(ground.subjects, rules, short)
    place = site.layout.bodies_db, lambda: site.opened.key("bodies.db")
    return Disclosure(ground.log, ground.subjects, keys, place, time.time, short)
