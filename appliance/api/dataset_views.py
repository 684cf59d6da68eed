"""Callers' files and data sets as whoever may erase them sees them: how each lies, never its content."""

from datetime import UTC, datetime

from appliance.batches.files import FileService
from appliance.batches.shape import StoredFile
from appliance.contract import vault_keys as wire


def dataset_list(files: FileService, limit: int) -> wire.DatasetList:
    """The newest files of all callers."""
    return wire.DatasetList(datasets=tuple(_row(files, one) for one in files.every(limit)))


def _row(files: FileService, file: StoredFile) -> wire.DatasetRow:
    standing = files.standing(file)
    return wire.DatasetRow(
        id=file.id,
        name=file.name,
        owner=file.owner,
        purpose=file.purpose,
        bytes=file.bytes,
        created=datetime.fromtimestamp(file.created, UTC),
        expires=None if file.expires is None else datetime.fromtimestamp(file.expires, UTC),
        state=standing.state,
        algorithm=standing.algorithm,
        key=standing.key,
    )
