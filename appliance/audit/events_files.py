"""Events of files, batches and kept responses; never their content."""

from typing import Literal

from appliance.audit.event import Detail, Event
from appliance.audit.events import BOX


def file_change(
    action: Literal["admit", "delete"], actor: str, *, file_id: str, digest: str
) -> Event:
    """A file was taken in or deleted."""
    return Event(f"file:content:{action}", actor, file_id, None, {"digest": digest})


def content_use(actor: str, *, file_id: str, digest: str, job_id: str, purpose: str) -> Event:
    """A job begins to read somebody's data: the file, its digest, and what for."""
    details: dict[str, Detail] = {"digest": digest, "job": job_id, "purpose": purpose}
    return Event("file:content:use", actor, file_id, None, details)


def batch_change(
    action: Literal["create", "cancel", "finish"],
    actor: str,
    *,
    batch_id: str,
    endpoint: str,
    status: str,
    lines: int,
) -> Event:
    """A batch was made, cancelled, or has come to rest."""
    details: dict[str, Detail] = {"endpoint": endpoint, "lines": lines, "status": status}
    return Event(f"batch:run:{action}", actor, batch_id, None, details)


def response_change(action: Literal["keep", "delete"], actor: str, *, response_id: str) -> Event:
    """A response was kept for going on from it, or deleted."""
    return Event(f"model:response:{action}", actor, response_id)


def files_seal(*, files: int, left: int) -> Event:
    """Files of an older release were sealed one by one; `left` still lie as they did."""
    return Event("file:store:seal", BOX, None, None, {"files": files, "left": left})
