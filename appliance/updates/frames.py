"""One zstd frame, expanded to exactly the size that was signed and not a byte beyond."""

from typing import Final

from zstandard import ZstdDecompressor, ZstdError, get_frame_parameters

from appliance.updates.manifest import MAX_CHUNK

_MAX_WINDOW: Final = 2 * MAX_CHUNK
"""Memory that a frame may ask for beside its content."""


def expand(stored: bytes | bytearray | memoryview, size: int) -> bytes:
    """Expand a frame.

    Args:
        stored: One frame and nothing behind it.
        size: Bytes that it must hold, at most `MAX_CHUNK`.

    Raises:
        ValueError: It is no frame, or holds more, less, or does not say how much.
    """
    try:
        facts = get_frame_parameters(stored)
        if facts.content_size != size or facts.window_size > _MAX_WINDOW or size > MAX_CHUNK:
            raise ValueError("another size")
        found = ZstdDecompressor().decompress(stored, size, allow_extra_data=False)
    except ZstdError as error:
        raise ValueError("no zstd frame") from error
    if len(found) != size:
        raise ValueError("another size")
    return found
