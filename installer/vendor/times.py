"""Times of the vendor's metadata: whole seconds in UTC."""

from datetime import UTC, datetime, timedelta


def later(now: datetime, days: int) -> datetime:
    """A time in whole seconds, some days on."""
    return now.astimezone(UTC).replace(microsecond=0) + timedelta(days=days)
