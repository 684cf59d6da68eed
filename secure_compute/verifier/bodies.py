"""The decrypted bodies of an export: texts that the salted hashes in their entries prove."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from secure_compute.verifier.reading import Refused, from_base64, lines_of, parse_json

if TYPE_CHECKING:
    from pathlib import Path

BODIES, LONGEST_BODY = "bodies.ndjson", 1 << 25


class Counted(NamedTuple):
    """How many bodies there were: proven, of which only the beginning is kept, and absent."""

    proven: int
    cut: int
    absent: int


class Bodies:
    """Reads bodies beside the entries; both are in the order of the log."""

    def __init__(self, folder: Path) -> None:
        self.lines = (line for found in lines_of(folder, BODIES, LONGEST_BODY) for line in found)
        self.number = self.proven = self.cut = self.absent = 0
        self.index, self.body = -1, {}  # type: int, Any
        self.advance()

    def advance(self) -> None:
        """Go on to the next body."""
        line, before = next(self.lines, None), self.index
        if line is None:
            self.index = -1
            return
        self.number += 1
        self.body = parse_json(line, f"{BODIES} {self.number}")
        index = self.body.get("index") if isinstance(self.body, dict) else None
        if type(index) is not int or index <= before:
            raise Refused(
                f"{BODIES} 第 {self.number} 行不合格式、重复或次序颠倒",
                f"Line {self.number} of {BODIES} is malformed, doubled or out of order",
            )
        self.index = index

    def check_run(self, first: int, entries: list[bytes]) -> None:
        """Hold the bodies of a run of proven entries against them."""
        while first <= self.index < first + len(entries):
            value = parse_json(entries[self.index - first], f"{self.index}")
            details = value.get("details") if isinstance(value, dict) else None
            self.check(details if isinstance(details, dict) else {})
            self.advance()

    def check(self, details: dict[str, Any]) -> None:
        """Hold one body against the details of its entry."""
        texts, salt = self.body.get("texts"), from_base64(self.body.get("salt"))
        if texts is None:
            self.absent += 1
            return
        cut = False
        for name, part in texts.items() if isinstance(texts, dict) else [("?", None)]:
            text = text_of(part)
            if text is None or self.body.get("receipt") != details.get("receipt"):
                raise self.unproven()
            if not isinstance(part, dict) or part.get("bytes") != len(text):
                cut = True
            elif hashlib.sha256(salt + text).hexdigest() != details.get(f"{name}_hash"):
                raise self.unproven()
        self.cut += cut
        self.proven += not cut

    def unproven(self) -> Refused:
        """The refusal for a body that its entry does not prove."""
        return Refused(
            f"第 {self.index} 条的正文与记录中的摘要不符:正文被改动",
            f"The body of entry {self.index} does not agree with the hash in the entry: it was "
            "altered",
        )

    def end(self) -> Counted:
        """How many there were; a refusal when some belong to no entry."""
        if self.index >= 0:
            raise Refused(
                f"{BODIES} 第 {self.number} 行不属于本导出的任何记录",
                f"Line {self.number} of {BODIES} belongs to no entry of this export",
            )
        return Counted(self.proven, self.cut, self.absent)


def text_of(part: Any) -> bytes | None:
    """The bytes of one text; None where it is none."""
    if not isinstance(part, dict):
        return None
    text, coded = part.get("text"), part.get("base64")
    if isinstance(text, str) and coded is None:
        return text.encode("utf-8", "surrogatepass")
    data = from_base64(coded)
    return data if data or coded == "" else None
