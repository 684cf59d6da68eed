"""What the box asks of the installer, and how that goes: small files in the box's own folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from appliance.updates.software import OUTCOME, PROGRESS, REQUEST, STAGED
from installer.apply_errors import RequestRefused
from installer.apply_journal import Record
from installer.durable import make_folder, read_file, replace_file, sync

TOLD: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "staged": ("正在校验并装配新版本", "the release is judged and put together"),
        "assembled": ("正在停机并在副本上演练", "the box stands still, the release is rehearsed"),
        "intended": ("即将切换版本", "about to change over"),
        "flipped": ("新版本试运行,正在检查", "the release is on trial"),
        "healthy": ("新版本健康,正在确认", "the release is healthy"),
        "reverting": ("正在退回原来的版本", "the release before comes back"),
    }
)
"""What people are told of each state that is not the last."""
_MAX_BYTES: Final = 16_384
_BUNDLE: Final = re.compile(r"[0-9a-f]{16}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
_MAX_NAME: Final = 200
# Names that a folder of releases needs for itself.
_ENDINGS: Final = (".tmp", ".gone")


@dataclass(frozen=True, slots=True)
class Request:
    """A release that is asked for.

    Attributes:
        digest: SHA-256 of the file in hex: which request this is.
        name: What the box calls it.
        bundle: The staged bundle: 16 hexadecimal digits; "" for the release before.
        version: Of the release; "" for the release before.
        package: Digest of its manifest in hex; "" for the release before.
        rollback: Whether the release before is asked for.
        asked_by: Who asked.
        approved_by: The two people who let the bundle pass though it has expired, or nobody.
    """

    digest: str
    name: str
    bundle: str
    version: str
    package: str
    rollback: bool
    asked_by: str
    approved_by: tuple[str, ...] = ()


class Desk:
    """The folder through which box and installer speak.

    The box is not trusted: what lies here is read with care, and nothing here is believed.

    Args:
        folder: `updates` in the state directory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def staged(self, bundle: str) -> Path:
        """Where a bundle waits."""
        return self._folder / STAGED / bundle

    def request(self) -> Request | None:
        """What is asked for; None when nothing is.

        Raises:
            RequestRefused: it is no request.
        """
        try:
            raw = read_file(self._folder / REQUEST, _MAX_BYTES)
            return None if raw is None else _parse(raw)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RequestRefused(path=self._folder / REQUEST, reason=ascii(str(error))) from error

    def tell(self, zh: str, en: str) -> None:
        """Say how far it is."""
        self._write(PROGRESS, {"zh": zh, "en": en})

    def answer(self, record: Record) -> None:
        """Tell how it ended, then take the request away that it answers."""
        make_folder(self._folder)
        self._write(OUTCOME, _outcome(record))
        try:
            now = self.request()
        except RequestRefused:
            return
        if now is not None and now.digest == record.request:
            self.drop()

    def drop(self) -> None:
        """Take the request away."""
        for name in (REQUEST, PROGRESS):
            (self._folder / name).unlink(missing_ok=True)
        sync(self._folder)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        raw = json.dumps(content, ensure_ascii=False, indent=1).encode()
        replace_file(self._folder / name, raw + b"\n")


def _parse(raw: bytes) -> Request:
    data = json.loads(raw)
    words = {name: data[name] for name in ("id", "bundle", "version", "package", "asked_by")}
    people = data.get("approved_by", [])
    texts = (*words.values(), *people) if isinstance(people, list) else (None,)
    if not all(isinstance(text, str) for text in texts):
        message = "a field is no text"
        raise ValueError(message)
    found = Request(
        sha256(raw).hexdigest(),
        _plain(words["id"]),
        words["bundle"],
        words["version"],
        words["package"],
        data.get("rollback") is True,
        _plain(words["asked_by"]),
        tuple(_plain(one) for one in people),
    )
    empty = not (found.bundle or found.version or found.package)
    if not (empty if found.rollback else _names_a_release(found)):
        message = "a field has no acceptable value"
        raise ValueError(message)
    return found


def _names_a_release(found: Request) -> bool:
    return (
        _BUNDLE.fullmatch(found.bundle) is not None
        and _DIGEST.fullmatch(found.package) is not None
        and _VERSION.fullmatch(found.version) is not None
        and ".." not in found.version
        and not found.version.endswith(_ENDINGS)
    )


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:_MAX_NAME]


def _outcome(record: Record) -> dict[str, Any]:
    """What the box reads and puts on record."""
    return {
        "request": record.name,
        "state": "rolled-back" if record.rollback and record.state == "blessed" else record.state,
        "bundle": record.bundle,
        "version": record.version,
        "package": record.package,
        "asked_by": record.asked_by,
        "tries": record.tries,
        "migrations": list(record.migrations),
        "code": record.reason.code or None,
        "zh": record.reason.zh or "新版本已启用。",
        "en": record.reason.en or "The release is in use.",
        "at": record.at,
        "stopped": record.stopped,
        "answered": record.answered,
    }
