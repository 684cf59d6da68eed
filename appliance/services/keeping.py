"""The backups of an open box, out of its settings: constructor calls only."""

import time
from typing import Final

from appliance.backup.retention import Retention
from appliance.backup.rules import BackupRules, Times
from appliance.backup.service import BackupService
from appliance.services.ground import Ground, Site
from appliance.services.version import VERSION

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
    )
    return BackupService(ground.db, ground.log, site.opened, site.layout, rules, time.time)
