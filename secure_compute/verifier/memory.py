"""What an auditor's machine remembers of each box: its key and the last checkpoint seen."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from secure_compute.verifier.reading import (
    HASH_SIZE,
    Head,
    Refused,
    Unreadable,
    from_base64,
    parse_json,
)

if TYPE_CHECKING:
    from pathlib import Path

    from secure_compute.verifier.notes import Key

MEMORY_FORMAT = "wardbox-verify-memory/1"


class Visit(NamedTuple):
    """What the last visit to a box left behind."""

    line: str
    head: Head


def remembered(path: Path, name: str) -> tuple[dict[str, Any], Visit | None]:
    """All boxes in the memory file, and the last visit to one of them."""
    broken = Unreadable(f"记忆文件 {path} 已损坏", f"The memory file {path} is damaged")
    try:
        data = path.read_bytes() if path.exists() else b""
        boxes: Any = parse_json(data, str(path)) if data else {"format": MEMORY_FORMAT, "boxes": {}}
        if boxes["format"] != MEMORY_FORMAT:
            raise broken
        box = boxes["boxes"].get(name)
        if box is None:
            return boxes, None
        size, root = box["size"], from_base64(box["root"])
        visit = Visit(str(box["key"]), Head(size, root))
    except (OSError, Refused, KeyError, TypeError, AttributeError):
        raise broken from None
    if type(size) is not int or size < 0 or len(root) != HASH_SIZE:
        raise broken
    return boxes, visit


def remember(path: Path, boxes: dict[str, Any], key: Key, head: Head) -> None:
    """Keep key and checkpoint for the next visit; the file changes whole or not at all."""
    root = base64.b64encode(head.root).decode()
    boxes["boxes"][key.name] = {"key": key.line, "size": head.size, "root": root}
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(boxes, indent=1, sort_keys=True), encoding="utf-8")
        part.replace(path)
    except OSError:
        raise Unreadable(
            f"写不了记忆文件 {path}", f"The memory file {path} cannot be written"
        ) from None
