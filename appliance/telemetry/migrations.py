"""The tables of the telemetry room, in order of their making."""

from typing import TYPE_CHECKING

from appliance.db.migration import Migration

if TYPE_CHECKING:
    from sqlite_utils import Database


def _first(db: "Database") -> None:
    db.execute(
        "CREATE TABLE telemetry_alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL,"
        " subject TEXT NOT NULL, severity TEXT NOT NULL, zh TEXT NOT NULL, en TEXT NOT NULL,"
        " way_out_zh TEXT NOT NULL, way_out_en TEXT NOT NULL, raised REAL NOT NULL, cleared REAL,"
        " acknowledged REAL, acknowledged_by TEXT)"
    )
    # One alert of a rule and subject at a time, whoever asks twice.
    db.execute(
        "CREATE UNIQUE INDEX telemetry_alerts_raised ON telemetry_alerts (rule, subject)"
        " WHERE cleared IS NULL"
    )


MIGRATIONS: tuple[Migration, ...] = (Migration("telemetry.1-tables", _first),)
