"""The list of what may run: known files by their digests, and what of a measured boot is not on it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from firmware_checks.ima.errors import ImaManifestMalformed
from firmware_checks.ima.templates import ImaEntry

MAX_BYTES: Final = 64 * 1024 * 1024
_LINE: Final = re.compile(r"([0-9a-fA-F]{32,128})[ \t]+\*?(\S.*)")
_DIGEST: Final = re.compile(r"[0-9a-f]{32,128}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What may run: digest in lower-case hexadecimal -> the paths it is known under."""

    known: Mapping[str, frozenset[str]]

    def allows(self, entry: ImaEntry) -> bool:
        """Whether a file of this content is known, under whatever path.

        A copy of a known program elsewhere is still that program; another content under a known path is not.
        """
        return entry.digest in self.known


@dataclass(frozen=True, slots=True)
class Unknown:
    """A file that was measured and is not on the list; `changed` when its path is, with another content."""

    name: str
    algorithm: str
    digest: str
    changed: bool


def read_manifest(data: bytes) -> Manifest:
    """Reads lines as `sha256sum` writes them, or JSON {"digests": {path: [digest, ...]}} as Keylime does.

    Raises:
        ImaManifestMalformed: Neither, or a JSON policy with exclusions: what may not be checked is no list
            of what may run.
    """
    if len(data) > MAX_BYTES:
        raise ImaManifestMalformed(reason=f"it has more than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ImaManifestMalformed(reason="it is not UTF-8") from error
    pairs = _of_json(text) if text.lstrip().startswith("{") else _of_lines(text)
    known: dict[str, set[str]] = {}
    for path, digest in pairs:
        known.setdefault(digest, set()).add(path)
    if not known:
        raise ImaManifestMalformed(reason="it names no file")
    return Manifest({digest: frozenset(paths) for digest, paths in known.items()})


def _of_lines(text: str) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        if found is None or len(found[1]) % 2:
            raise ImaManifestMalformed(reason=f"line {number} is not a digest and a path")
        yield found[2], found[1].lower()


def _of_json(text: str) -> Iterable[tuple[str, str]]:
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImaManifestMalformed(reason="it is not JSON") from error
    digests = document.get("digests")
    if not isinstance(digests, dict):
        raise ImaManifestMalformed(reason='it has no table "digests"')
    if document.get("excludes"):
        raise ImaManifestMalformed(reason="it excludes files from being checked")
    for path, values in digests.items():
        if not isinstance(values, list):
            raise ImaManifestMalformed(reason="the digests of a file are not a list")
        for value in values:
            if not isinstance(value, str) or not _DIGEST.fullmatch(value):
                raise ImaManifestMalformed(reason="a digest is not in lower-case hexadecimal")
            yield path, value


def unknown_files(entries: Iterable[ImaEntry], manifest: Manifest) -> tuple[Unknown, ...]:
    """Every measured file that the manifest does not know, once each, in the order of the list.

    The aggregate over the firmware's registers is no file; a violation is unknown by its nature.
    """
    paths = {path for found in manifest.known.values() for path in found}
    seen: dict[tuple[str, str], Unknown] = {}
    for entry in entries:
        if entry.boot_aggregate or (not entry.violation and manifest.allows(entry)):
            continue
        key = (entry.name, entry.digest)
        changed = entry.name in paths
        seen.setdefault(key, Unknown(entry.name, entry.algorithm, entry.digest, changed))
    return tuple(seen.values())
