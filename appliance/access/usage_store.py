"""The SQL of what was used: hourly rows by value, and the counts of calendar quotas."""

from collections.abc import Iterable, Iterator
from dataclasses import astuple
from typing import Final

from appliance.access.grants import UsageRow, UsageSum
from appliance.access.limits import REQUESTS, TOKENS
from appliance.access.quota import Count
from appliance.db.database import Db

_FROM: Final = (
    " sum(requests) AS requests, sum(prompt_tokens) AS prompt_tokens,"
    " sum(completion_tokens) AS completion_tokens FROM access_usage"
    " WHERE hour >= :since AND hour < :until GROUP BY name ORDER BY name"
)
_BY: Final = {
    "key": "SELECT key_id AS name, max(key_name) AS label," + _FROM,
    "user": "SELECT owner AS name, '' AS label," + _FROM,
    "model": "SELECT model AS name, '' AS label," + _FROM,
    "day": "SELECT date(hour + :offset, 'unixepoch') AS name, '' AS label," + _FROM,
}
GROUPS: Final = tuple(_BY)


class UsageStore:
    """Rows of metered use. They name owner, key and model by value and point at nothing."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(
        self,
        rows: Iterable[UsageRow],
        counts: Iterable[tuple[str, Count]],
        seen: Iterable[tuple[str, float]],
    ) -> None:
        """Add use to its hour, set the counts of keys and the last use of sessions, all or none."""
        with self._db.write() as tx:
            for row in rows:
                tx.execute(
                    "INSERT INTO access_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (hour, actor, key_id, model) DO UPDATE SET"
                    " requests = requests + excluded.requests,"
                    " prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
                    " completion_tokens = completion_tokens + excluded.completion_tokens",
                    list(astuple(row)),
                )
            for key_id, count in counts:
                tx.execute(
                    "INSERT OR REPLACE INTO access_counts VALUES (?, ?, ?, ?, ?)",
                    [key_id, *astuple(count)],
                )
            for identity, at in seen:
                tx.execute("UPDATE access_sessions SET seen = ? WHERE id = ?", [at, identity])

    def usage(self, since: int, until: int) -> list[UsageRow]:
        """Return the use of the hours that start in [since, until), Unix seconds."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT * FROM access_usage WHERE hour >= ? AND hour < ?"
                    " ORDER BY hour, actor, key_id, model",
                    [since, until],
                )
            )
        return [UsageRow(**row) for row in rows]

    def sums(self, by: str, since: int, until: int, offset_s: int) -> Iterator[UsageSum]:
        """Yield the use of [since, until) added up by one of `GROUPS`.

        Args:
            by: what to add up by.
            since: Unix seconds.
            until: Unix seconds, outside.
            offset_s: how far the days of the hospital are ahead of UTC, seconds.
        """
        bounds = {"since": since, "until": until, "offset": offset_s}
        with self._db.read() as db:
            rows = list(db.query(_BY[by], bounds))
        return (UsageSum(**row) for row in rows)

    def earliest(self) -> int | None:
        """Return the first hour with any use, Unix seconds."""
        with self._db.read() as db:
            (row,) = db.query("SELECT min(hour) AS hour FROM access_usage")
        return None if row["hour"] is None else int(row["hour"])

    def counts(self, key_id: str, since: int) -> list[Count]:
        """Return the stored counts of a key for calendar windows that began after `since`."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT kind, span, start, used FROM access_counts"
                    " WHERE key_id = ? AND start >= ?",
                    [key_id, since],
                )
            )
        return [Count(row["kind"], row["span"], row["start"], row["used"]) for row in rows]

    def metered(self, key_id: str, span: str, start: int) -> tuple[Count, Count]:
        """Return what a key was metered for since `start`, as counts of that window.

        For a limit that is set in the middle of its window.
        """
        with self._db.read() as db:
            (row,) = db.query(
                "SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(prompt_tokens +"
                " completion_tokens), 0) AS tokens FROM access_usage WHERE key_id = ? AND hour >= ?",
                [key_id, start],
            )
        return (
            Count(REQUESTS, span, start, row["requests"]),
            Count(TOKENS, span, start, row["tokens"]),
        )

    def prune(self, before: int) -> None:
        """Delete the use of hours, and the counts of windows, before `before`, Unix seconds."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM access_usage WHERE hour < ?", [before])
            tx.execute("DELETE FROM access_counts WHERE start < ?", [before])
