"""The signed description of what a bundle holds; a target of its own, read before any other."""

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from appliance.updates.errors import BundleUnsupported
from secure_compute.canonical import canonical_bytes

FORMAT: Final = "wardbox-model-bundle-v1"
RELEASE: Final = "models/release.json"
"""The target path of the description; the delegated role "models" signs for models/*."""
CARD: Final = "card.json"
MAX_RELEASE: Final = 1 << 20
MAX_FILES: Final = 4096
_FEWEST: Final = 2  # a card and a model
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KEYS: Final = frozenset({"format", "model", "version", "created", "files"})


@dataclass(frozen=True, slots=True)
class Release:
    """What a bundle holds.

    Attributes:
        model: Model id.
        version: Its version.
        created: Unix time in seconds at which the vendor signed it.
        files: Names of its files, card.json among them; each is the target models/<model>/<name>.
    """

    model: str
    version: str
    created: int
    files: tuple[str, ...]

    def target(self, name: str) -> str:
        """Return the target path of a file."""
        return f"models/{self.model}/{name}"

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of it."""
        return canonical_bytes(
            {
                "format": FORMAT,
                "model": self.model,
                "version": self.version,
                "created": self.created,
                "files": list(self.files),
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Release":
        """Read a description strictly. Raises BundleUnsupported."""
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            raise BundleUnsupported(reason="release.json") from None
        if not isinstance(value, dict) or set(value) != _KEYS or value["format"] != FORMAT:
            raise BundleUnsupported(reason="release.json: format")
        files = value["files"]
        if (
            not isinstance(files, list)
            or not _FEWEST <= len(files) <= MAX_FILES
            or CARD not in files
        ):
            raise BundleUnsupported(reason="release.json: files")
        names = tuple(_name(name, "files") for name in files)
        if len(set(names)) != len(names) or type(value["created"]) is not int:
            raise BundleUnsupported(reason="release.json: files, created")
        model, version = _name(value["model"], "model"), _name(value["version"], "version")
        return cls(model, version, value["created"], names)


def _name(value: Any, field: str) -> str:
    if (
        not isinstance(value, str)
        or not _NAME.fullmatch(value)
        or PurePosixPath(value).name != value
    ):
        raise BundleUnsupported(reason=f"release.json: {field}")
    return value
