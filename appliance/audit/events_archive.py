"""The events of archives: made and read back, and then its entries leave the database."""

from typing import Literal

from appliance.audit.event import Detail, Event


def archive_step(
    action: Literal["make", "prune"], actor: str, *, name: str, digest: str, first: int, last: int
) -> Event:
    """An archive was made and read back; or its entries leave the database.

    `digest` is that of the archive's own list of files.
    """
    details: dict[str, Detail] = {"digest": digest, "first": first, "last": last}
    return Event(f"audit:archive:{action}", actor, name, None, details)
