"""What lies at a path that a model is imported from: judged strictly before a byte is copied."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.card import MAX_CARD_BYTES
from models.formats.folder import read_folder
from models.formats.inspect import require_model
from models.formats.refusals import FileRefused, FolderRefused, quoted
from models.formats.strict_json import parse_json
from models.formats.summary import ModelSummary
from models.formats.view import open_view
from models.registry.errors import SourceFileRefused, SourceRefused
from models.registry.manifest import safe_name
from models.registry.package import read_small

SIDECAR: Final = "card.json"
_WEIGHTS: Final = frozenset({".safetensors", ".gguf"})
_SHARD: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.[a-z]+)")
_MOST_NAMED: Final = 8
_KERNEL: Final = ("/proc", "/sys", "/dev")


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it lies on a stick.

    Attributes:
        path: The GGUF or safetensors file, or the folder.
        files: Names inside the model and sizes in bytes, without the sidecar.
        summary: What the model says about itself.
        sidecar: What its supplier says beside it; empty without a sidecar.
        folder: Whether `path` is a folder.
    """

    path: Path
    files: tuple[tuple[str, int], ...]
    summary: ModelSummary
    sidecar: Mapping[str, Any]
    folder: bool = False

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(size for _, size in self.files)

    def place(self, name: str) -> Path:
        """Where a file of the model lies."""
        return self.path / name if self.folder else self.path


def survey(text: str, forbidden: tuple[Path, ...] = ()) -> Source:
    """Judge what lies at a path.

    Args:
        text: An absolute path, without links in it.
        forbidden: Folders that nothing is taken from: the box's own state.

    Raises:
        SourceRefused: The path is relative, a link, special, the box's own or not there.
        FileRefused: The model is not acceptable; missing shards are named.
        SourceFileRefused: One file of a folder is not.
        CardMalformed: The sidecar is no JSON object.
    """
    path = _judged_path(text, forbidden)
    if path.is_dir():
        return _folder(path)
    summary = require_model(path)
    sidecar = _sidecar(path.with_name(path.name + "." + SIDECAR))
    _refuse_lone_shard(path)
    return Source(path, ((path.name, path.stat().st_size),), summary, sidecar)


def _judged_path(text: str, forbidden: tuple[Path, ...]) -> Path:
    shown = quoted(text[:200])
    path = Path(text)
    if not text.isprintable() or not path.is_absolute() or ".." in path.parts:
        raise _refused(shown, "不是完整路径", "it is no whole path")
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise _refused(shown, "无法读取", "it cannot be read") from error
    if real != path:
        raise _refused(shown, "路径中有链接", "there is a link in it")
    # A box's own keys and databases are no model, and neither is a device.
    if any(real.is_relative_to(place) for place in (*map(Path, _KERNEL), *_real(forbidden))):
        raise _refused(shown, "属于系统或本机状态", "it belongs to the system or to the box itself")
    if any(place.is_relative_to(real) for place in _real(forbidden)):
        raise _refused(shown, "其中含有本机状态", "the box's own state lies inside it")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _refused(shown, "不是文件或文件夹", "it is neither a file nor a folder")
    if not safe_name(real.name):
        raise _refused(shown, "名称不可用", "its name is not acceptable")
    return real


def _real(places: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(place.resolve() for place in places)


def _refused(path: str, zh: str, en: str) -> SourceRefused:
    return SourceRefused(path=path, reason_zh=zh, reason_en=en)


def _folder(path: Path) -> Source:
    _refuse_incomplete(path)
    try:
        contents = read_folder(path)
    except FolderRefused:
        raise
    except FileRefused as error:
        raise _named(path, error) from error
    except OSError as error:
        raise _refused(quoted(str(path)), "无法读取", "it cannot be read") from error
    files = tuple(row for row in contents.files if row[0] != SIDECAR)
    for name, _ in files:
        if not safe_name(name):
            raise FolderRefused.by("file-name", name=quoted(name))
    return Source(path, files, contents.summary, _sidecar(path / SIDECAR), folder=True)


def _named(path: Path, error: FileRefused) -> Exception:
    """The refusal with the name of the file that it is about, where one can be found."""
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _WEIGHTS and file.is_file():
            try:
                require_model(file)
            except FileRefused as found:
                name = quoted(file.relative_to(path).as_posix())
                return SourceFileRefused(
                    name=name, reason_zh=found.sentence_zh, reason_en=found.sentence_en
                )
    return error


def _refuse_incomplete(path: Path) -> None:
    """Name every shard that an index or the shards' own names promise and that is not there."""
    try:
        names = {entry.name for entry in os.scandir(path)}
    except OSError as error:
        raise _refused(quoted(str(path)), "无法读取", "it cannot be read") from error
    promised: dict[str, str] = {}
    for name in sorted(names):
        if name.endswith(".index.json"):
            promised |= dict.fromkeys(_indexed(path / name), name)
        promised |= dict.fromkeys(_siblings(name), name)
    missing = sorted(set(promised) - names)
    if missing:
        shown = ", ".join(quoted(name) for name in missing[:_MOST_NAMED])
        more = len(missing) - _MOST_NAMED
        told = shown if more <= 0 else f"{shown} (+{more})"
        raise FolderRefused.by("missing", name=quoted(promised[missing[0]]), target=told)


def _indexed(index: Path) -> set[str]:
    """Plain file names that an index promises; what is odd in it is refused by the strict reader."""
    with open_view(index) as view:
        if view.size > MAX_CARD_BYTES * 64:
            return set()
        document = parse_json(view.at(0, view.size), quoted(index.name), FolderRefused)
    mapping = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(mapping, dict):
        return set()
    return {name for name in mapping.values() if isinstance(name, str) and _plain(name)}


def _plain(name: str) -> bool:
    return safe_name(name) and "/" not in name


def _siblings(name: str) -> set[str]:
    """The shards beside one that is named NAME-00001-of-00003."""
    found = _SHARD.fullmatch(name)
    if found is None or int(found.group(3)) > 4096:  # noqa: PLR2004  # more files no folder may hold
        return set()
    stem, _, count, suffix = found.groups()
    return {f"{stem}-{n:05}-of-{count}{suffix}" for n in range(1, int(count) + 1)}


def _refuse_lone_shard(path: Path) -> None:
    others = _siblings(path.name) - {path.name}
    if others:
        told = ", ".join(quoted(name) for name in sorted(others)[:_MOST_NAMED])
        raise FolderRefused.by("shard", name=quoted(path.name), target=told)


def _sidecar(path: Path) -> Mapping[str, Any]:
    if not path.is_file() or path.is_symlink():
        return {}
    raw = read_small(path, MAX_CARD_BYTES)
    document = parse_json(raw, quoted(path.name), FolderRefused)
    return document if isinstance(document, dict) else {"": document}
