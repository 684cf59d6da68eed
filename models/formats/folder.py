"""A strict reader for model folders in the Hugging Face layout: weights and settings, no code."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from models.formats.folder_settings import check_settings, config_facts
from models.formats.gguf import GgufHeader, parse_gguf
from models.formats.gguf_parts import join_parts
from models.formats.refusals import FolderRefused, quoted
from models.formats.safetensors import SafetensorsHeader, parse_safetensors
from models.formats.sniff import carries_code
from models.formats.strict_json import parse_json
from models.formats.summary import ModelSummary, summarise_folder, summarise_gguf
from models.formats.template import check_template
from models.formats.view import FileView, open_view

_MAX_ENTRIES: Final = 4_096
_MAX_DEPTH: Final = 3
_MAX_TEXT_BYTES: Final = 64 << 20
_CODE_SUFFIXES: Final = frozenset(
    [
        ".py",
        ".pyc",
        ".pyd",
        ".pyi",
        ".pyx",
        ".pth",
        ".so",
        ".dll",
        ".dylib",
        ".sh",
        ".bat",
        ".ps1",
        ".js",
        ".mjs",
        ".rb",
        ".pl",
        ".ipynb",
        ".whl",
        ".egg",
        ".jar",
        ".exe",
        ".cu",
        ".cpp",
        ".c",
        ".h",
        ".yaml",
        ".yml",
        ".toml",
    ]
)
_SIDE_SUFFIXES: Final = frozenset({".txt", ".md", ".model", ".tiktoken", ".png", ".jpg", ".jpeg"})
_SIDE_NAME: Final = re.compile(
    r"(MODEL_)?(LICEN[CS]E|NOTICE|README)([-_][A-Z0-9]+)*|\.gitattributes", re.IGNORECASE
)
_CONFIGS: Final = ("config.json", "adapter_config.json")


@dataclass(frozen=True, slots=True)
class FolderContents:
    """A checked folder.

    Attributes:
        files: Relative paths with sizes in bytes, sorted.
        summary: What the model says about itself.
        bytes: Size of all files.
    """

    files: tuple[tuple[str, int], ...]
    summary: ModelSummary

    @property
    def bytes(self) -> int:
        """Size of all files in bytes."""
        return sum(size for _, size in self.files)


def read_folder(folder: Path) -> FolderContents:
    """Checks every file of a model folder.

    Raises:
        FolderRefused: Code, links, unknown files or references that leave the folder.
        GgufMalformed: A GGUF file inside is malformed.
        SafetensorsMalformed: A safetensors file inside is malformed.
        TemplateHostile: A chat template does more than lay out messages.
        FileUnreadable: A file cannot be read.
    """
    # One more than there may be: a stick can hold millions in folders of few.
    files = tuple(sorted(islice(_walk(folder, folder, 0), _MAX_ENTRIES + 1)))
    if len(files) > _MAX_ENTRIES:
        count = len(files)
        raise FolderRefused.by("limit", what="files", count=count, limit=_MAX_ENTRIES)
    reading = _Reading(folder)
    for name, _ in files:
        reading.read(name)
    return FolderContents(files, reading.finish({name for name, _ in files}))


def _walk(root: Path, folder: Path, depth: int) -> Iterator[tuple[str, int]]:
    if depth > _MAX_DEPTH:
        raise FolderRefused.by("limit", what="folders", count=depth, limit=_MAX_DEPTH)
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            path = Path(entry.path)
            name = path.relative_to(root).as_posix()
            facts = entry.stat(follow_symlinks=False)
            _check_entry(name, facts.st_mode, number)
            if stat.S_ISDIR(facts.st_mode):
                yield from _walk(root, path, depth + 1)
            else:
                yield name, facts.st_size


def _check_entry(name: str, mode: int, number: int) -> None:
    if number > _MAX_ENTRIES:
        raise FolderRefused.by("limit", what="files", count=number, limit=_MAX_ENTRIES)
    # A surrogate stands for a byte that is not UTF-8; it is not printable either.
    if not name.isprintable() or "\\" in name:
        raise FolderRefused.by("file-name", name=quoted(name))
    if stat.S_ISLNK(mode):
        raise FolderRefused.by("link", name=quoted(name))
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise FolderRefused.by("special", name=quoted(name))


class _Reading:
    """What has been read of one folder so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._weights: dict[str, SafetensorsHeader] = {}
        self._gguf: dict[str, GgufHeader] = {}
        self._documents: dict[str, Any] = {}
        self._template = False

    def read(self, name: str) -> None:
        suffix = Path(name).suffix.lower()
        if suffix in _CODE_SUFFIXES:
            raise FolderRefused.by("code-file", name=quoted(name))
        with open_view(self._folder / name) as view:
            if suffix == ".safetensors":
                self._weights[name] = parse_safetensors(view)
            elif suffix == ".gguf":
                self._gguf[name] = parse_gguf(view)
            elif suffix == ".json":
                self._read_json(name, view)
            elif suffix == ".jinja":
                self._read_template(name, view)
            else:
                _check_side_file(name, suffix, view)

    def _read_json(self, name: str, view: FileView) -> None:
        document = parse_json(_whole(name, view), quoted(name), FolderRefused)
        self._template |= check_settings(name, document)
        if Path(name).name.endswith(".index.json") or name in _CONFIGS:
            self._documents[name] = document

    def _read_template(self, name: str, view: FileView) -> None:
        try:
            source = _whole(name, view).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FolderRefused.by("utf8", where=quoted(name)) from error
        check_template(source)
        self._template = True

    def finish(self, names: set[str]) -> ModelSummary:
        for name, document in self._documents.items():
            if name.endswith(".index.json"):
                _check_index(name, document, names, self._weights)
        if self._gguf and not self._weights:
            return summarise_gguf(join_parts(self._gguf))
        if not self._weights:
            raise FolderRefused.by("no-weights")
        config = next((self._documents[name] for name in _CONFIGS if name in self._documents), None)
        if config is None:
            raise FolderRefused.by("no-config")
        facts = config_facts(config)
        return summarise_folder(self._served(), facts, chat_template=self._template)

    def _served(self) -> list[SafetensorsHeader]:
        """The files that engines load: those of the index, else those of the folder itself.

        Some suppliers put the same weights beside them in another cut (consolidated.safetensors).
        """
        named: set[str] = set()
        for name, document in self._documents.items():
            if name.endswith(".index.json") and "/" not in name:
                named.update(document["weight_map"].values())
        chosen = named or {name for name in self._weights if "/" not in name}
        found = [header for name, header in self._weights.items() if name in chosen]
        return found or list(self._weights.values())


def _whole(name: str, view: FileView) -> bytes:
    if view.size > _MAX_TEXT_BYTES:
        raise FolderRefused.by("limit", what=quoted(name), count=view.size, limit=_MAX_TEXT_BYTES)
    return view.at(0, view.size)


def _check_side_file(name: str, suffix: str, view: FileView) -> None:
    refusal = carries_code(view)
    if refusal is not None:
        raise refusal
    base = Path(name).name
    if suffix not in _SIDE_SUFFIXES and not _SIDE_NAME.fullmatch(base):
        raise FolderRefused.by("file-kind", name=quoted(name))


def _check_index(
    name: str, document: Any, names: set[str], weights: Mapping[str, SafetensorsHeader]
) -> None:
    """An index may name only files beside it, and exactly the tensors that they hold."""
    mapping = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(mapping, dict) or not all(isinstance(v, str) for v in mapping.values()):
        raise FolderRefused.by("tensor-map")
    place = Path(name).parent
    for target in sorted(set(mapping.values())):
        if "/" in target or "\\" in target or target in {"", ".", ".."}:
            raise FolderRefused.by("outside", name=quoted(name), target=quoted(target))
        if (place / target).as_posix() not in names:
            raise FolderRefused.by("missing", name=quoted(name), target=quoted(target))
    if _held({(place / target).as_posix() for target in mapping.values()}, weights) != mapping:
        raise FolderRefused.by("tensor-map")


def _held(files: set[str], weights: Mapping[str, SafetensorsHeader]) -> dict[str, str]:
    """Which tensor stands in which file, each in one only."""
    held: dict[str, str] = {}
    for file in sorted(files):
        header = weights.get(file)
        for tensor in header.tensors if header else ():
            if held.setdefault(tensor.name, Path(file).name) != Path(file).name:
                raise FolderRefused.by("tensor-duplicate", name=quoted(tensor.name))
    return held
