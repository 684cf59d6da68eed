"""What a release does to the audit log, judged by its vendor against every release before it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from appliance.db.widening import NotWidening
from appliance.updates.log_forms import (
    MAX_BYTES,
    PLACE,
    Forms,
    forms_at,
    read_forms,
    require_bearable,
)
from appliance.updates.manifest import RELEASE
from appliance.updates.plan import version_key
from installer.vendor.describing import Wanted
from installer.vendor.errors import VendorLogFormRefused
from installer.vendor.files import read_bounded


def judge_log(wanted: Wanted, files: Mapping[str, Path], stock: Path) -> None:
    """See whether the releases that a new one may follow could go on with the log that it leaves.

    A release that tells nothing of its log is of a time before, and is judged by the rehearsal alone.

    Args:
        wanted: The release.
        files: Its files, by their names in its tree.
        stock: The folder of all of its versions, as the warehouse keeps them.

    Raises:
        VendorLogFormRefused: One of them could not, or what it tells of its log is malformed.
    """
    earlier = dict(_earlier(wanted, stock))
    path = files.get(PLACE)
    if path is None:
        if earlier:
            raise _refused(wanted, f"{PLACE} 缺失 is missing")
        return
    try:
        new = read_forms(read_bounded(path, MAX_BYTES))
        require_bearable(new, new)
    except ValueError as error:
        raise _refused(wanted, f"{PLACE}: {error}") from error
    for version, old in earlier.items():
        try:
            require_bearable(old, new)
        except NotWidening as error:
            raise _refused(wanted, f"{version}: {error}") from error


def _earlier(wanted: Wanted, stock: Path) -> Iterator[tuple[str, Forms]]:
    allowed = wanted.requires.wardbox
    for folder in sorted(stock.iterdir()) if stock.is_dir() else ():
        older = version_key(folder.name) < version_key(wanted.version)
        if older and (not allowed or folder.name in allowed):
            forms = forms_at(folder / "content" / RELEASE / PLACE)
            if forms is not None:
                yield folder.name, forms


def _refused(wanted: Wanted, reason: str) -> VendorLogFormRefused:
    return VendorLogFormRefused(version=wanted.version, reason=reason[:400])
