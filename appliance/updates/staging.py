"""Staging: one pass from the stick into the vault that hashes what it copies."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError

from appliance.updates.errors import BundleDamaged, BundleIncomplete, StagingFull
from appliance.updates.stick import Stick
from appliance.updates.trust import TrustedBundle, TrustedFile

_CHUNK: Final = 1 << 20
_SPARE: Final = 64 << 20


def stage(stick: Stick, bundle: TrustedBundle, folder: Path) -> None:
    """Copy every file of a trusted bundle into `folder`, each verified while it is copied.

    The stick is read once: what is staged is what was hashed, whatever a second read would give.

    Raises:
        StagingFull: There is no room.
        BundleIncomplete: A file is missing or cannot be read.
        BundleDamaged: A file is not the signed one.
    """
    needed = sum(file.size for file in bundle.files)
    free = shutil.disk_usage(folder).free
    # The shelf copies once more when it takes the model in.
    if 2 * needed + _SPARE > free:
        raise StagingFull(needed=2 * needed + _SPARE, free=free)
    for file in bundle.files:
        _copy(stick, file, folder / file.name)


def measure(stick: Stick, bundle: TrustedBundle) -> None:
    """Read every file of a trusted bundle and compare its digest; raises like `stage`."""
    for file in bundle.files:
        _copy(stick, file, None)


def _copy(stick: Stick, file: TrustedFile, target: Path | None) -> None:
    digest = hashlib.sha256()
    left = file.size
    try:
        with (
            stick.open(file.place) as source,
            open(  # noqa: PTH123  # one code path for both
                os.devnull if target is None else target, "wb"
            ) as sink,
        ):
            # One byte more is asked for than is signed, so that a longer file shows.
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise BundleDamaged(what=file.name)
                digest.update(chunk)
                sink.write(chunk)
            if target is not None:
                sink.flush()
                os.fsync(sink.fileno())
    except (DownloadError, OSError) as error:
        raise BundleIncomplete(name=file.name) from error
    if left or digest.hexdigest() != file.sha256:
        raise BundleDamaged(what=file.name)
