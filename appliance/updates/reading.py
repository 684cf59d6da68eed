"""Reads the manifest of a package strictly: one byte form, every number bounded, every name plain."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from appliance.updates.manifest import (
    CARD,
    FILES,
    KINDS,
    MAX_CHUNK,
    MAX_MANIFEST,
    MODELS,
    RELEASE,
    SCHEMA,
    SOFTWARE,
    SOFTWARE_ID,
    Blob,
    Chunk,
    Database,
    Form,
    Package,
    PackageFile,
    Requires,
    Sealing,
)
from appliance.updates.sealing import OVERHEAD
from appliance.updates.strict import Judge
from models.card import MAX_CARD_BYTES, Bilingual
from secure_compute.canonical import parse_canonical
from secure_compute.errors import SecureComputeError

ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}")
MAX_FILES: Final = 50_000
MAX_SIZE: Final = 1 << 50

_BOX: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:/-]{0,127}")
_RECIPIENT: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_BASE64: Final = re.compile(r"[0-9A-Za-z+/]{64,2048}={0,2}")
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_MAX_NAME: Final = 1024
_MAX_DEPTH: Final = 12
_PAIR: Final = 2
_MAX_TITLE: Final = 200
_MAX_LISTED: Final = 64
_MAX_DOWNTIME_S: Final = 7 * 86_400
_MAX_SCHEMA: Final = 1 << 31
_MODES: Final[Mapping[str, int]] = {"0644": 0o644, "0755": 0o755}
_FORMS: Final[Mapping[str, Form]] = {"plain": "plain", "zstd": "zstd", "delta": "delta"}
_FIELDS: Final = {"schema", "kind", "id", "version", "title", "requires", "files", "supply"}
_OPTIONAL: Final = {"database", "sealed"}
_FILE: Final = {"name", "size", "mode", "sha256", "chunks"}
# Python runs these by itself at every start, whoever starts it.
_SELF_STARTING: Final = {"sitecustomize.py", "usercustomize.py"}


def read_package(raw: bytes, name: str) -> Package:
    """Read a manifest.

    Args:
        raw: The whole file.
        name: What to call it in a refusal.

    Raises:
        MetadataRefused: It is no manifest, or not in its one form.
    """
    reader = Judge(name)
    reader.require(len(raw) <= MAX_MANIFEST, "过大", "it is too large")
    try:
        data = parse_canonical(raw)
    except SecureComputeError:
        reader.refuse("不是规范形式的 JSON", "it is not canonical JSON")
    known = isinstance(data, dict) and set(data) - _OPTIONAL == _FIELDS
    reader.require(known, "字段不对", "it has other fields")
    reader.field(data["schema"] == SCHEMA, "schema")
    kind = reader.choice(data["kind"], {kind: kind for kind in KINDS}, "kind")
    files = _files(reader, data["files"])
    sealed = _sealing(reader, data)
    package = Package(
        kind=kind,
        package_id=reader.text(data["id"], ID, "id"),
        version=reader.text(data["version"], VERSION, "version"),
        title=_title(reader, data["title"]),
        requires=_requires(reader, data["requires"]),
        files=files,
        supply=_supply(reader, data["supply"], files, 0 if sealed is None else OVERHEAD),
        database=_database(reader, data),
        digest=sha256(raw).hexdigest(),
        sealed=sealed,
    )
    reader.field(".." not in package.package_id and ".." not in package.version, "version")
    _RULES.get(kind, _other)(reader, package)
    return package


def _title(reader: Judge, value: Any) -> Bilingual:
    row = reader.object(value, {"zh", "en"}, "title")
    for text in row.values():
        good = isinstance(text, str) and 0 < len(text) <= _MAX_TITLE and text.isprintable()
        reader.field(good, "title")
    return Bilingual(row["zh"], row["en"])


def _requires(reader: Judge, value: Any) -> Requires:
    known = isinstance(value, dict) and set(value) <= {"wardbox", "hardware", "box"}
    reader.field(known, "requires")
    box = value.get("box")
    return Requires(
        _words(reader, value, "wardbox", VERSION),
        _words(reader, value, "hardware", ID),
        None if box is None and "box" not in value else reader.text(box, _BOX, "requires.box"),
    )


def _words(reader: Judge, value: Any, name: str, form: re.Pattern[str]) -> tuple[str, ...]:
    field = f"requires.{name}"
    if name not in value:
        return ()
    words = [reader.text(one, form, field) for one in reader.rows(value[name], _MAX_LISTED, field)]
    # An empty list would read as "any" here and as "none" to somebody else.
    reader.field(len(words) > 0 and len(words) == len(set(words)), field)
    return tuple(words)


def _files(reader: Judge, value: Any) -> tuple[PackageFile, ...]:
    files = tuple(_file(reader, row) for row in reader.rows(value, MAX_FILES, "files"))
    reader.field(len(files) > 0, "files")
    names = [file.name for file in files]
    reader.require(names == sorted(names), "文件未按名称排序", "its files are not in order")
    # On some file systems two names that differ in case are one.
    folded = {name.casefold() for name in names}
    reader.require(len(folded) == len(names), "文件名重复", "a file name stands twice")
    folders = {name[:at] for name in folded for at in range(len(name)) if name[at] == "/"}
    reader.require(not folders & folded, "文件名与目录名冲突", "a file has the name of a folder")
    return files


def _file(reader: Judge, value: Any) -> PackageFile:
    row = reader.object(value, _FILE, "files")
    name = row["name"]
    reader.field(isinstance(name, str), "files.name")
    shown = ascii(name)[:160]
    reader.require(safe_path(name), f"文件名 {shown} 不可用", f"the file name {shown} may not be")
    size = reader.count(row["size"], MAX_SIZE, "files.size")
    mode = reader.choice(row["mode"], _MODES, "files.mode")
    digest = reader.text(row["sha256"], _HEX64, "files.sha256")
    chunks = tuple(_chunk(reader, one) for one in reader.rows(row["chunks"], size, "files.chunks"))
    reader.field(sum(chunk.size for chunk in chunks) == size, "files.chunks")
    if len(chunks) == 1:
        reader.field(chunks[0].sha256 == digest, "files.sha256")
    return PackageFile(name, size, mode, digest, chunks)


def safe_path(name: str) -> bool:
    """Whether a path is relative, plain, short and not too deep."""
    parts = name.split("/")
    return (
        len(name) <= _MAX_NAME
        and len(parts) <= _MAX_DEPTH
        and all(SEGMENT.fullmatch(part) for part in parts)
    )


def _chunk(reader: Judge, value: Any) -> Chunk:
    reader.field(isinstance(value, list) and len(value) == _PAIR, "files.chunks")
    digest = reader.text(value[0], _HEX64, "files.chunks")
    return Chunk(digest, reader.count(value[1], MAX_CHUNK, "files.chunks", least=1))


def _supply(
    reader: Judge, value: Any, files: tuple[PackageFile, ...], more: int
) -> Mapping[str, Blob]:
    sizes: dict[str, int] = {}
    for file in files:
        for chunk in file.chunks:
            same = sizes.setdefault(chunk.sha256, chunk.size) == chunk.size
            reader.require(same, "同一数据块长度不一", "a chunk has two lengths")
    reader.field(isinstance(value, dict) and set(value) <= set(sizes), "supply")
    found = {
        name: _blob(reader, Chunk(name, sizes[name]), row, more) for name, row in value.items()
    }
    lengths: dict[str, int] = {}
    for blob in found.values():
        reader.field(lengths.setdefault(blob.sha256, blob.size) == blob.size, "supply.size")
    return found


def _blob(reader: Judge, chunk: Chunk, value: Any, more: int) -> Blob:
    """What is stored of a chunk; `more` bytes longer when it is sealed."""
    known = isinstance(value, dict) and set(value) - {"base"} == {"blob", "size", "form"}
    reader.field(known, "supply")
    digest = reader.text(value["blob"], _HEX64, "supply.blob")
    form = reader.choice(value["form"], _FORMS, "supply.form")
    stored = reader.count(value["size"], chunk.size + more, "supply.size", least=1)
    reader.field(("base" in value) == (form == "delta"), "supply.base")
    if form == "plain":
        reader.field(stored == chunk.size + more, "supply.size")
        reader.field((digest == chunk.sha256) == (more == 0), "supply.blob")
        return Blob(digest, stored, form)
    smaller = stored < chunk.size + more and digest != chunk.sha256
    reader.field(smaller, "supply.size")
    if form == "zstd":
        return Blob(digest, stored, form)
    base = reader.text(value["base"], _HEX64, "supply.base")
    reader.field(base != chunk.sha256, "supply.base")
    return Blob(digest, stored, form, base)


def _database(reader: Judge, data: Mapping[str, Any]) -> Database | None:
    if "database" not in data:
        return None
    row = reader.object(data["database"], {"schema", "downtime_s"}, "database")
    return Database(
        reader.count(row["schema"], _MAX_SCHEMA, "database.schema"),
        reader.count(row["downtime_s"], _MAX_DOWNTIME_S, "database.downtime_s"),
    )


def _sealing(reader: Judge, data: Mapping[str, Any]) -> Sealing | None:
    if "sealed" not in data:
        return None
    row = reader.object(data["sealed"], {"recipient", "key"}, "sealed")
    # Only a model, and only one that says for which box.
    licensed = data["kind"] == MODELS and "box" in data["requires"]
    reader.field(licensed, "sealed")
    recipient = reader.text(row["recipient"], _RECIPIENT, "sealed.recipient")
    return Sealing(recipient, reader.text(row["key"], _BASE64, "sealed.key"))


def _software(reader: Judge, package: Package) -> None:
    reader.field(package.package_id == SOFTWARE_ID, "id")
    _below(reader, package, RELEASE)
    for file in package.files:
        last = file.name.rpartition("/")[2].lower()
        own = last.endswith(".pth") or last in _SELF_STARTING
        reader.require(not own, "含有自启动文件", "it holds a file that starts by itself")


def _model(reader: Judge, package: Package) -> None:
    card = package.file(CARD)
    if card is None or len(package.files) == 1:
        reader.refuse("缺少模型卡或模型文件", "its card or its files are missing")
    reader.require(card.size <= MAX_CARD_BYTES, "模型卡过大", "the card is too large")
    _below(reader, package, FILES, CARD)
    reader.field(package.database is None, "database")


def _other(reader: Judge, package: Package) -> None:
    _below(reader, package, FILES)
    reader.field(package.database is None, "database")


def _below(reader: Judge, package: Package, folder: str, *others: str) -> None:
    inside = all(
        file.name.startswith(f"{folder}/") or file.name in others for file in package.files
    )
    reader.field(inside, "files.name")


_RULES: Final[Mapping[str, Callable[[Judge, Package], None]]] = {
    SOFTWARE: _software,
    MODELS: _model,
}
