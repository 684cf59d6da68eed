"""Keys that wait for the next opening of the vault: databases are encrypted anew before all else."""

import logging
from typing import Final

from appliance.db.errors import DbError
from appliance.db.rekey import rekey
from appliance.settings.layout import StateLayout
from appliance.vault.opened import Opened
from secure_compute.secret import scrub

_LOG: Final = logging.getLogger("wardbox.vault")


def complete(layout: StateLayout, opened: Opened) -> tuple[str, ...]:
    """Encrypt every database whose key waits under its new key; nobody has them open yet.

    A database that cannot be changed now (a full disk) keeps its key, and the new one goes on waiting.

    Returns:
        The uses that were changed.
    """
    done = []
    places = {"box.db": layout.box_db, "audit.db": layout.audit_db}
    for use in opened.book.waiting():
        path = places.get(use)
        if path is None:
            continue
        version = opened.book.next(use).wrapped.version
        with opened.secret(use) as old, opened.secret(use, version) as new:
            keys = old.reveal(), new.reveal()
        try:
            rekey(path, *keys)
            opened.promote(use)
            done.append(use)
        except DbError as error:
            _LOG.warning("the database of %s keeps its key: %s", use, error.code)
        finally:
            for key in keys:
                scrub(key)
    return tuple(done)
