"""Trust in a bundle: the TUF client workflow over a stick, judged on a copy of what the box knows.

python-tuf does the workflow of the TUF specification 1.0 (section 5). Around it stand what an
appliance without a network needs: the clock of the box instead of the library's, a byte-exact
form of metadata, durable storage, and a copy, so that a refused bundle changes nothing.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, TargetFile  # type: ignore[attr-defined]
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient.updater import Updater

from appliance.updates.errors import (
    BundleDamaged,
    BundleExpired,
    BundleIncomplete,
    BundleRollback,
    BundleUnsupported,
    BundleUntrusted,
    NoUpdateTrust,
)
from appliance.updates.release import MAX_RELEASE, RELEASE, Release
from appliance.updates.stick import METADATA_URL, Stick

_CURRENT: Final = "current"
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_SHA256: Final = "sha256"
_MAX_ROOT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TrustedFile:
    """A file of a bundle as the metadata describe it.

    Attributes:
        name: Its name in the release.
        place: Its path on the stick.
        size: Its length in bytes.
        sha256: Its digest in hexadecimal.
    """

    name: str
    place: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TrustedBundle:
    """A bundle whose metadata are trusted; its files are not read yet.

    Attributes:
        release: What it holds.
        files: Its files.
        knowledge: The folder of metadata to keep once the bundle is applied.
    """

    release: Release
    files: tuple[TrustedFile, ...]
    knowledge: Path


class Trust:
    """What the box knows of the vendor: the first root, and the newest metadata it accepted.

    Args:
        root: The trust root put there at installation.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._home = root.parent

    @contextmanager
    def judge(self, stick: Stick, now: float) -> Iterator[TrustedBundle]:
        """Judge a stick's metadata; what was learned is dropped unless `keep` is called.

        Args:
            stick: The stick.
            now: Unix time in seconds that expiry is judged by.

        Raises:
            BundleRefused: One of its kinds, for any reason not to trust the stick.
        """
        try:
            with self._root.open("rb") as stream:
                anchor = stream.read(_MAX_ROOT)
        except OSError:
            raise NoUpdateTrust(path=self._root) from None
        work = Path(tempfile.mkdtemp(prefix="judging-", dir=self._home))
        try:
            knowledge = work / "metadata"
            current = self._home / _CURRENT
            if current.is_dir():
                shutil.copytree(current.resolve(), knowledge, symlinks=True)
            else:
                knowledge.mkdir()
            with _told():
                judged = _judge(stick, anchor, knowledge, now)
            yield judged
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def keep(self, bundle: TrustedBundle) -> None:
        """Remember the metadata of an applied bundle, durably: older ones are refused from now on."""
        kept = Path(tempfile.mkdtemp(prefix="metadata-", dir=self._home))
        shutil.copytree(bundle.knowledge, kept, symlinks=True, dirs_exist_ok=True)
        for folder, _, files in os.walk(kept):
            for name in files:
                _sync(Path(folder) / name)
            _sync(Path(folder))
        link = self._home / _CURRENT
        before = link.resolve() if link.is_symlink() else None
        fresh = self._home / f".{kept.name}.link"
        fresh.symlink_to(kept.name)
        fresh.replace(link)
        _sync(self._home)
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)


def _judge(stick: Stick, anchor: bytes, knowledge: Path, now: float) -> TrustedBundle:
    updater = Updater(
        metadata_dir=str(knowledge), metadata_base_url=METADATA_URL, fetcher=stick, bootstrap=anchor
    )
    # python-tuf takes the time itself; the box's clock was held against its floor before.
    updater._trusted_set.reference_time = datetime.fromtimestamp(now, UTC)  # noqa: SLF001
    updater.refresh()
    described = updater.get_targetinfo(RELEASE)
    if described is None or described.length > MAX_RELEASE:
        raise BundleUnsupported(reason=RELEASE)
    with stick.open(_place(described)) as stream:
        raw = stream.read(MAX_RELEASE + 1)
    described.verify_length_and_hashes(raw)
    release = Release.from_bytes(raw)
    files = tuple(_file(updater.get_targetinfo, release, name) for name in release.files)
    _check_form(stick, knowledge)
    return TrustedBundle(release, files, knowledge)


def _file(find: Callable[[str], TargetFile | None], release: Release, name: str) -> TrustedFile:
    found = find(release.target(name))
    if found is None or _SHA256 not in found.hashes:
        raise BundleUnsupported(reason=release.target(name))
    return TrustedFile(name, _place(found), found.length, found.hashes[_SHA256])


def _place(target: TargetFile) -> str:
    folder, _, name = target.path.rpartition("/")
    if _SHA256 not in target.hashes:
        raise BundleUnsupported(reason=target.path)
    return f"targets/{folder}/{target.hashes[_SHA256]}.{name}"


def _check_form(stick: Stick, knowledge: Path) -> None:
    """Refuse metadata in any other bytes than its vendor wrote.

    Signatures cover the canonical form, so blanks, the case of hexadecimal digits or a spoiled
    spare signature would pass; a stick with a changed byte is a stick somebody has changed.
    """
    for name, raw in stick.fetched.items():
        if not raw:
            continue
        metadata: Metadata = Metadata.from_bytes(raw)  # type: ignore[type-arg]
        exact = metadata.to_bytes(JSONSerializer(compact=True)) == raw
        signatures = [each.signature for each in metadata.signatures.values()]
        if not exact or not all(map(_SIGNATURE.fullmatch, signatures)):
            raise BundleDamaged(what=name)
    for known in (knowledge / "root_history").iterdir():
        try:
            with stick.open(f"metadata/{known.name}") as stream:
                same = stream.read(_MAX_ROOT) == known.read_bytes()
        except DownloadError:
            continue
        if not same:
            raise BundleDamaged(what=known.name)


@contextmanager
def _told() -> Iterator[None]:
    """Tell python-tuf's refusals in the box's words."""
    try:
        yield
    except UnsignedMetadataError as error:
        raise BundleUntrusted(what=_short(error)) from error
    except ExpiredMetadataError as error:
        raise BundleExpired(what=_short(error)) from error
    except BadVersionNumberError as error:
        raise BundleRollback(what=_short(error)) from error
    except (LengthOrHashMismatchError, RepositoryError) as error:
        raise BundleDamaged(what=_short(error)) from error
    except DownloadError as error:
        raise BundleIncomplete(name=_short(error)) from error


def _short(error: Exception) -> str:
    text = str(error).replace("{", "(").replace("}", ")")
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _sync(path: Path) -> None:
    if path.is_symlink():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
