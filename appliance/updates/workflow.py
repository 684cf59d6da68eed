"""TUF's client workflow: python-tuf's updater by our clock, what it keeps safe from a power cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    ExpiredMetadataError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Targets  # type: ignore[attr-defined]
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater
from typing_extensions import override

from appliance.updates.durable import install, make_folder, replace_file, replace_link
from appliance.updates.errors import (
    BundleExpired,
    BundleRolledBack,
    ContentRefused,
    DiskRefused,
    MetadataRefused,
    SignatureRefused,
    UpdateError,
)
from appliance.updates.fetcher import shown

_ROOT = "root.json"


class Workflow(Updater):
    """The detailed client workflow of TUF 1.0 (chapter 5): every box and tool judges by this one.

    What a box demands beyond TUF stands in `verify` and `shape`, never here.

    Args:
        folder: Where accepted metadata is kept, in python-tuf's layout.
        address: Where metadata is read, for the fetcher.
        fetcher: Reads it.
        moment: The time by which expiry is judged.
        limits: Longest metadata, longest chains.
        root: The trusted root; None: the one kept in the folder.

    Raises:
        RepositoryError: The trusted root is none.
        OSError: The folder holds no root, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        address: str,
        fetcher: FetcherInterface,
        moment: datetime,
        limits: UpdaterConfig,
        root: bytes | None,
    ) -> None:
        super().__init__(str(folder), address, fetcher=fetcher, config=limits, bootstrap=root)
        self._trusted_set.reference_time = moment

    @override
    def _load_targets(self, role: str, parent_role: str) -> Targets:
        """Load a role; python-tuf takes any JSON value for the name of a role that it delegates to."""
        targets = super()._load_targets(role, parent_role)
        delegations = targets.delegations
        if delegations is not None and not all(
            isinstance(name, str) for name in delegations.roles or {}
        ):
            raise RepositoryError(f"{role} delegates to a role without a name")
        return targets


class DurableWorkflow(Workflow):
    """The workflow for a folder that stays: a power cut leaves the old or the new file, never none.

    python-tuf renames without syncing and takes the link to its root away before it makes the next.
    """

    def fetch(self, name: str, folder: Path, address: str) -> Path:
        """Fetch a signed file, unless the very same is there.

        Args:
            name: Its path as signed.
            folder: Where it goes, under its quoted path.
            address: Where such files are read.

        Raises:
            ContentRefused: Nobody signed for a file of that name.
            RepositoryError: The metadata or the file is not what was signed.
            DownloadError: It cannot be read.
            DiskRefused: Our own disk fails.
        """
        target = self.get_targetinfo(name)
        if target is None:
            raise ContentRefused(
                name=shown(name), reason_zh="没有为它签名", reason_en="nobody signed for it"
            )
        make_folder(folder)
        place = folder / quote(name, "")
        if self.find_cached_target(target, str(place)) is None:
            part = folder / f".{sha256(name.encode()).hexdigest()[:16]}.part"
            try:
                self.download_target(target, str(part), address)
                install(part, place)
            finally:
                part.unlink(missing_ok=True)
        return place

    @override
    def _persist_file(self, filename: str, data: bytes) -> None:
        replace_file(Path(filename), data)

    @override
    def _update_root_symlink(self) -> None:
        version = self._trusted_set.root.version
        replace_link(Path(self._dir) / _ROOT, f"root_history/{version}.{_ROOT}")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what python-tuf says into our own words."""
    try:
        yield
    except (RepositoryError, DownloadError, ValueError) as error:
        raise _refusal(error) from error
    except OSError as error:
        raise DiskRefused(reason=error.strerror or type(error).__name__) from error


def _refusal(error: Exception) -> UpdateError:
    told = shown(str(error))
    if isinstance(error, ExpiredMetadataError):
        return BundleExpired(name=told)
    if isinstance(error, BadVersionNumberError):
        return BundleRolledBack(name=told)
    if isinstance(error, UnsignedMetadataError):
        return SignatureRefused(name=told)
    zh = "缺少文件" if isinstance(error, DownloadHTTPError) else "与签名内容不符"
    return MetadataRefused(name="metadata", reason_zh=f"{zh}({told})", reason_en=told)
