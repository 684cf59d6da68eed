"""Reading an audit export that nobody trusts: bounded files, strict notes, sentences for errors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from secure_compute.verifier.ed25519 import ed25519_verify

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "wardbox-audit-export/1"
MAX_LINE, MAX_FILE = 1 << 20, 1 << 30
HASH_SIZE, KEY_ID_SIZE, TYPED_KEY_SIZE = 32, 4, 33


class Refused(Exception):
    """Something is wrong with the export; a sentence in Chinese and one in English."""

    status = 1

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh}。\n{en}.")


class Unreadable(Refused):
    """Something cannot be read, so nothing can be said about it."""

    status = 2


def open_part(folder: Path, name: str) -> BinaryIO:
    """Open a regular file of the export."""
    path = folder.joinpath(*name.split("/"))
    try:
        if path.is_file():
            return path.open("rb")
    except (OSError, ValueError):
        pass
    raise Unreadable(f"读不到文件 {name}", f"The file {name} cannot be read")


def read_part(folder: Path, name: str) -> bytes:
    """A whole file of the export."""
    with open_part(folder, name) as stream:
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Refused(f"文件 {name} 过大", f"The file {name} is too large")
    return data


def parse_json(data: bytes, name: str) -> Any:
    """JSON, or a refusal that names where it stands."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(f"{name} 不是合法的 JSON", f"{name} is not valid JSON") from None


def from_base64(text: Any) -> bytes:
    """The bytes of canonical base64; empty for anything else."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, AttributeError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""


class Key(NamedTuple):
    """The public key of a box's log, and its line as people compare it."""

    name: str
    key_id: bytes
    public: bytes
    line: str


def parse_key(line: str) -> Key:
    """Read `name+hash+base64`."""
    match = re.match(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\Z", line.strip())
    typed = from_base64(match.group(3)) if match else b""
    if match is None or len(typed) != TYPED_KEY_SIZE or typed[:1] != b"\x01":
        raise Refused("盒子公钥不合格式", "The box key is malformed")
    name = match.group(1)
    key_id = hashlib.sha256(name.encode("utf-8", "replace") + b"\n" + typed).digest()[:KEY_ID_SIZE]
    if key_id.hex() != match.group(2):
        raise Refused("盒子公钥与其编号不符", "The box key does not match its own id")
    return Key(name, key_id, typed[1:], line.strip())


class Head(NamedTuple):
    """A verified checkpoint: how many entries, and the root over them."""

    size: int
    root: bytes


def parse_checkpoint(data: bytes, key: Key) -> Head:
    """Check the signed note and read the tree head in it."""
    try:
        text, _, tail = data.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        text, tail = "", ""
    if not _is_signed(text + "\n", tail.split("\n"), key):
        raise Refused(
            f"检查点没有盒子密钥的有效签名:它被改动过,或由别的密钥签发。盒子密钥:{key.line}",
            "The checkpoint has no valid signature by the box key: it was altered, or signed by "
            f"another key. Box key: {key.line}",
        )
    rows = [*text.split("\n"), "", ""]
    root = from_base64(rows[2])
    size = re.match(r"(0|[1-9][0-9]{0,18})\Z", rows[1])
    if size is None or len(root) != HASH_SIZE or rows[0] != key.name:
        raise Refused("检查点不合格式", "The checkpoint is malformed")
    return Head(int(rows[1]), root)


def _is_signed(text: str, lines: list[str], key: Key) -> bool:
    signed = False
    for line in lines[:-1]:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        signature = from_base64(encoded)
        if dash != "\u2014" or len(signature) <= KEY_ID_SIZE:
            return False
        if name == key.name and signature[:KEY_ID_SIZE] == key.key_id:
            if not ed25519_verify(key.public, signature[KEY_ID_SIZE:], text.encode()):
                return False
            signed = True
    return signed and not lines[-1]


class Manifest(NamedTuple):
    """What the export says it holds; believed only where proofs agree."""

    first: int
    last: int
    filtered: bool
    files: dict[str, str]

    def is_full(self, size: int) -> bool:
        """Whether it claims every entry of the tree."""
        return not self.filtered and (self.first, self.last) == (0, size - 1)


def parse_manifest(data: bytes, key: Key, head: Head) -> Manifest:
    """Read manifest.json and hold it against the checkpoint."""
    value = parse_json(data, "manifest.json")
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Refused("manifest.json 不是本程序认识的格式", "manifest.json has an unknown format")
    first, last, size = (value.get(name) for name in ("first", "last", "tree_size"))
    if type(first) is not int or type(last) is not int or type(size) is not int:
        raise Refused("manifest.json 缺少范围", "manifest.json lacks its range")
    if value.get("origin") != key.name or size != head.size:
        raise Refused(
            f"manifest.json 与检查点不符:检查点属于 {key.name},共 {head.size} 条",
            f"manifest.json disagrees with the checkpoint of {key.name} with {head.size} entries",
        )
    if not (0 <= first <= last < size or (first, last) == (0, size - 1)):
        raise Refused("manifest.json 的范围不成立", "The range in manifest.json is impossible")
    files = value.get("files")
    if not isinstance(files, dict) or "filter" not in value:
        raise Refused("manifest.json 缺少内容", "manifest.json lacks fields")
    return Manifest(first, last, value["filter"] is not None, files)


def check_files(folder: Path, files: dict[str, str]) -> None:
    """Hold every listed file against its digest, so that a damaged one is named."""
    for name, digest in sorted(files.items()):
        if not re.match(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z", name) or ".." in name:
            raise Refused("manifest.json 中有不合规的文件名", "manifest.json names an unsafe file")
        hasher = hashlib.sha256()
        with open_part(folder, name) as stream:
            for block in iter(lambda: stream.read(MAX_LINE), b""):  # used at once
                hasher.update(block)
        if digest != "sha256:" + hasher.hexdigest():
            raise Refused(
                f"文件 {name} 被截断或改动(与 manifest.json 的摘要不符)",
                f"The file {name} was cut or altered (its digest is not the one in manifest.json)",
            )
