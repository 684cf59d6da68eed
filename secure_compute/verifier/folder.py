"""The other files of an export: each on the signed list of digests, none beside it."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from secure_compute.verifier.notes import Key, is_signed, parse_note
from secure_compute.verifier.reading import (
    MAX_FILE,
    Head,
    Refused,
    blocks,
    lines_of,
    open_part,
    parse_json,
    read_part,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT, SUMS, SEAL, MANIFEST = "wardbox-audit-export/2", "SHA256SUMS", "seal.note", "manifest.json"
DIGEST_SIZE = 64


def digest_of(folder: Path, name: str) -> str:
    """The SHA-256 of a file, hexadecimal."""
    hasher = hashlib.sha256()
    with open_part(folder, name) as stream:
        for block in blocks(stream, name):
            hasher.update(block)
    return hasher.hexdigest()


def check_seal(folder: Path, key: Key) -> None:
    """The list of digests must be the one that the box signed."""
    note = parse_note(read_part(folder, SEAL))
    if note is None or not is_signed(note, key):
        raise Refused(
            f"{SEAL} 没有盒子密钥的有效签名:它被改动过",
            f"{SEAL} has no valid signature by the box key: it was altered",
        )
    if note.text != f"{FORMAT}\n{key.name}\n{digest_of(folder, SUMS)}\n":
        raise Refused(
            f"{SUMS} 不是盒子签名的那一份:它被改动过,或版本不符",
            f"{SUMS} is not the one that the box signed: it was altered, or is of another version",
        )


def listed(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and digests on the list, in order."""
    before = ""
    for line in (line for found in lines_of(folder, SUMS) for line in found):
        match = re.match(rb"([0-9a-f]{64})  ([A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)\Z", line)
        name = match.group(2).decode() if match else ""
        if match is None or ".." in name or name <= before:
            raise Refused(f"{SUMS} 中有不合规的行", f"{SUMS} holds an unsafe or misplaced line")
        before = name
        yield name, match.group(1).decode()


def check_files(folder: Path, proven: frozenset[str]) -> int:
    """Hold every listed file against its digest, and see that there is no other; how many."""
    count = 2  # the list and its seal
    for name, digest in listed(folder):
        count += 1
        # What the tree has proven byte by byte needs no second hash, only to be there.
        if name in proven:
            continue
        if digest_of(folder, name) != digest:
            raise Refused(
                f"文件 {name} 被截断或改动(与 {SUMS} 的摘要不符)",
                f"The file {name} was cut or altered (its digest is not the one in {SUMS})",
            )
    if sum(1 for _ in found_in(folder)) != count:
        names = {name for name, _ in listed(folder)} | {SUMS, SEAL}
        extra = next((name for name in found_in(folder) if name not in names), "?")
        raise Refused(
            f"文件 {extra!r} 不属于本导出:若是您自己放入的,请移走",
            f"The file {extra!r} is no part of this export: take it away if you put it there",
        )
    return count - 2


def found_in(folder: Path) -> Iterator[str]:
    """The names of all files, links and other things in a folder that are no folders."""
    for root, folders, files in os.walk(folder):
        places = [one for one in folders if os.path.islink(os.path.join(root, one))]  # noqa: PTH114, PTH118
        for name in [*files, *places]:
            path = os.path.relpath(os.path.join(root, name), folder)  # noqa: PTH118
            yield path.replace(os.sep, "/")


class Manifest(NamedTuple):
    """What the export says it holds; believed only where proofs agree."""

    first: int
    last: int
    filtered: bool
    entries: int
    bodies: bool

    def is_full(self, size: int) -> bool:
        """Whether it claims every entry of the tree."""
        return not self.filtered and (self.first, self.last) == (0, size - 1)


def parse_manifest(folder: Path, key: Key, head: Head) -> Manifest:
    """Read manifest.json and hold it against the checkpoint."""
    value = parse_json(read_part(folder, MANIFEST, MAX_FILE), MANIFEST)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Refused(
            "manifest.json 不是本程序认识的格式:请使用同版本的 verify.py",
            "manifest.json has an unknown format: use the verify.py of that version",
        )
    numbers = [value.get(name) for name in ("first", "last", "entries", "tree_size")]
    if any(type(number) is not int for number in numbers):
        raise Refused("manifest.json 缺少范围", "manifest.json lacks its range")
    first, last, entries, size = (int(number or 0) for number in numbers)
    if value.get("origin") != key.name or size != head.size:
        raise Refused(
            f"manifest.json 与检查点不符:检查点属于 {key.name},共 {head.size} 条",
            f"manifest.json disagrees with the checkpoint of {key.name} with {head.size} entries",
        )
    if not (0 <= first <= last < size or (first, last) == (0, size - 1)):
        raise Refused("manifest.json 的范围不成立", "The range in manifest.json is impossible")
    if "filter" not in value or type(value.get("bodies")) is not bool:
        raise Refused("manifest.json 缺少内容", "manifest.json lacks fields")
    return Manifest(first, last, value["filter"] is not None, entries, value["bodies"])
