"""How a caller's file is sealed: under a key of its own, bound to the file's id."""

from typing import Final

from secure_compute.secret import Secret
from secure_compute.stream import StreamKey

KEY_ID: Final = "family.dataset"
"""Stands in the header of every sealed file; which key it is follows from the file's id."""
_AAD: Final = b"wardbox/v1/file/"


def stream_key(file_id: str, key: Secret, algorithm: str) -> StreamKey:
    """What seals or opens the content of a file.

    Args:
        file_id: its id.
        key: its own, 32 bytes.
        algorithm: of new content; a reader takes it from the content.
    """
    return StreamKey(key, KEY_ID, _AAD + file_id.encode(), algorithm)
