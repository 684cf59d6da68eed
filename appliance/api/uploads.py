"""Takes a file in from a form: streamed to the disk, judged, and admitted or forgotten."""

import asyncio
from typing import Final

from fastapi import Request

from appliance.api.errors import FieldRefused
from appliance.api.multipart import Form
from appliance.batches.files import FileService
from appliance.batches.shape import StoredFile

_SHORTEST_S: Final = 3600
_LONGEST_S: Final = 30 * 86_400
_KNOWN: Final = frozenset({"purpose", "expires_after[anchor]", "expires_after[seconds]"})


async def take_file(request: Request, files: FileService, owner: str) -> StoredFile:
    """Read the form of `POST /v1/files`.

    Raises:
        FormMalformed: It is no form with one file.
        FieldRefused: A field is unknown or out of bounds.
        ApplianceError: The file is too large, or not what its purpose needs.
    """
    incoming = await asyncio.to_thread(files.begin, owner)
    try:
        form = Form(request.headers.get("content-type", ""), incoming.write)
        async for data in request.stream():
            if data:
                await asyncio.to_thread(form.feed, data)
        form.close()
        keep_s = _keep_s(form.fields)
        purpose, name = form.fields.get("purpose", ""), form.filename or ""
        return await asyncio.to_thread(files.admit, incoming, owner, name, purpose, keep_s)
    finally:
        await asyncio.to_thread(incoming.discard)


def _keep_s(fields: dict[str, str]) -> float | None:
    unknown = sorted(set(fields) - _KNOWN)
    if unknown:
        raise _refused(unknown[0], "未知字段", "unknown here")
    if fields.get("expires_after[anchor]", "created_at") != "created_at":
        raise _refused("expires_after.anchor", "须为 created_at", "it must be created_at")
    given = fields.get("expires_after[seconds]")
    if given is None:
        return None
    if (
        not given.isascii()
        or not given.isdigit()
        or not _SHORTEST_S <= int(given[:9]) <= _LONGEST_S
    ):
        bounds = f"{_SHORTEST_S}..{_LONGEST_S}"
        raise _refused("expires_after.seconds", f"须在 {bounds}", f"it must lie in {bounds}")
    return float(given)


def _refused(field: str, zh: str, en: str) -> FieldRefused:
    plain = "".join(c if c.isprintable() else "?" for c in field[:80])
    return FieldRefused(field=plain, reason_zh=zh, reason_en=en)
