"""What a release on a stick says of the audit log, held against the release that runs."""

from collections.abc import Sequence
from typing import Final

from appliance.db.widening import NotWidening
from appliance.updates.chunks import ChunkReader
from appliance.updates.errors import BaseMissing, ContentRefused, LogFormRefused
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.log_forms import (
    MAX_BYTES,
    OWN,
    PLACE,
    Forms,
    forms_at,
    read_forms,
    require_bearable,
)
from appliance.updates.manifest import RELEASE, Package

FILE: Final = f"{RELEASE}/{PLACE}"


def log_steps(
    stick: Stick, packages: Sequence[Package]
) -> tuple[tuple[str, ...], tuple[LogFormRefused, ...]]:
    """The steps by which releases widen the log, and why those may not come that do more.

    One small file of a release is read for it. Where a stick does not bring it since it has not
    changed, or a release tells nothing, the rehearsal is what decides.

    Raises:
        ContentRefused: The file is not the signed one.
        StickUnreadable: The stick fails.
    """
    own = forms_at(OWN)
    found: list[str] = []
    refused: list[LogFormRefused] = []
    if own is None:
        return (), ()
    for package in packages:
        try:
            found += _steps(stick, package, own)
        except NotWidening as error:
            refused.append(LogFormRefused(version=package.version, step=str(error)[:300]))
    return tuple(found), tuple(refused)


def _steps(stick: Stick, package: Package, own: Forms) -> tuple[str, ...]:
    if package.file(FILE) is None:
        return ()
    try:
        raw = ChunkReader(stick, Holdings.none()).small(package, FILE, MAX_BYTES)
        return require_bearable(own, read_forms(raw))
    except BaseMissing:
        return ()
    except NotWidening:
        raise
    except ValueError as error:
        raise ContentRefused(
            name=f"{package.target} {FILE}", reason_zh="格式有误", reason_en="it is malformed"
        ) from error
