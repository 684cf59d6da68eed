"""`wardbox vendor tuf-client`: any TUF repository over HTTP, judged by the box's own core.

The form of the command line is that of the public conformance suite for TUF clients
(https://github.com/theupdateframework/tuf-conformance, CLIENT-CLI.md). It follows TUF alone: what a
box demands beyond it would refuse most repositories.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import urllib3
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, Root  # type: ignore[attr-defined]
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher
from typing_extensions import override

from appliance.updates.durable import make_folder, replace_file
from appliance.updates.trust import MAX_ROOT
from appliance.updates.workflow import DurableWorkflow, refusals
from installer.vendor.errors import (
    VendorArgumentRefused,
    VendorFolderTaken,
    VendorFolderUnusable,
)
from installer.vendor.files import read_bounded

_ROOT: Final = "root.json"
_AGENT: Final = "wardbox-vendor"


class WebFetcher(Urllib3Fetcher):
    """Reads over HTTP; a connection that breaks in the middle is a failed download, too."""

    @override
    def _chunks(self, response: urllib3.response.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from super()._chunks(response)
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(f"the connection broke: {type(error).__name__}") from error


def run(args: argparse.Namespace, now: datetime) -> int:
    """Do a step.

    Args:
        args: As parsed.
        now: The time.

    Returns:
        0: done.

    Raises:
        UpdateError: The repository is refused, or our disk fails.
        VendorError: The arguments, the root or the folder cannot be used.
    """
    if args.step == "init":
        return _init(args.metadata_dir, args.root)
    if not (args.metadata_dir / _ROOT).exists():
        raise VendorFolderUnusable(
            path=args.metadata_dir, reason_zh="没有 root.json", reason_en="it holds no root.json"
        )
    with refusals():
        workflow = DurableWorkflow(
            args.metadata_dir,
            _asked(args.metadata_url, "--metadata-url"),
            WebFetcher(app_user_agent=_AGENT),
            now,
            UpdaterConfig(),
            None,
        )
        if args.step == "refresh":
            workflow.refresh()
            return 0
        folder: Path = _asked(args.target_dir, "--target-dir")
        address: str = _asked(args.target_base_url, "--target-base-url")
        for name in _asked(args.target_name, "--target-name"):
            sys.stdout.write(f"{workflow.fetch(name, folder, address)}\n")
    return 0


def _init(folder: Path, root: Path) -> int:
    raw = read_bounded(root, MAX_ROOT)
    try:
        found = Metadata[Root].from_bytes(raw)
        found.signed.verify_delegate(Root.type, found.signed_bytes, found.signatures)
    except (RepositoryError, ValueError) as error:
        raise VendorFolderUnusable(
            path=root, reason_zh="不是自洽的 TUF 根", reason_en="it is no TUF root that holds"
        ) from error
    if (folder / _ROOT).exists():
        raise VendorFolderTaken(folder=folder)
    make_folder(folder)
    replace_file(folder / _ROOT, raw)
    return 0


def _asked(value: Any, name: str) -> Any:
    if not value:
        raise VendorArgumentRefused(name=name, reason_zh="未给出", reason_en="it is missing")
    return value
