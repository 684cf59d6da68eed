"""What lies on a stick: a box's offers, and what witnesses cosigned; nothing there is ever replaced."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from secure_compute.verifier.laid import (
    COSIGNED,
    MOST_OFFER,
    OFFER,
    STICK_FOLDER,
    no_offer,
    offered,
)
from secure_compute.verifier.notes import cosigned_at, parse_checkpoint
from secure_compute.verifier.reading import Head, Refused, Unreadable, from_base64, read_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from secure_compute.verifier.notes import Key

MOST_PROOF, MOST_AGAIN = 63, 100


class Offered(NamedTuple):
    """What a box asks to be cosigned: how far the witness had come, the proof, and the checkpoint."""

    name: str
    old: int
    proof: list[bytes]
    note: bytes


def folders_of(stick: Path) -> list[Path]:
    """The folders of boxes on a stick."""
    try:
        return sorted(path for path in (stick / STICK_FOLDER).iterdir() if path.is_dir())
    except OSError:
        raise Unreadable(
            f"{stick} 上没有 {STICK_FOLDER} 目录", f"There is no folder {STICK_FOLDER} on {stick}"
        ) from None


def offers_in(folder: Path) -> Iterator[Offered]:
    """Every offer in a box's folder, the largest tree first."""
    names = sorted((path.name for path in folder.iterdir() if OFFER.match(path.name)), reverse=True)
    for name in names:
        yield parse_offer(name, read_part(folder, name, MOST_OFFER))


def parse_offer(name: str, data: bytes) -> Offered:
    """Take an offer apart (the body of C2SP tlog-witness add-checkpoint)."""
    head, note = offered(name, data)
    first, *steps = head.split("\n")
    old = re.match(r"old (0|[1-9][0-9]{0,18})\Z", first)
    proof = [from_base64(step) for step in steps]
    if old is None or len(proof) > MOST_PROOF or not all(proof):
        raise no_offer(name)
    return Offered(name, int(old.group(1)), proof, note)


def origin_of(note: bytes) -> str:
    """The box that a checkpoint says it is of."""
    return note.partition(b"\n")[0].decode("utf-8", "replace")


def largest_cosigned(folder: Path, box: Key, own: Key) -> Head:
    """The largest tree on a stick that bears the signatures of the box and of this witness."""
    found = Head(0, b"")
    for path in sorted(folder.iterdir()):
        match = COSIGNED.match(path.name)
        if match is None or match.group(2) != own.key_id.hex():
            continue
        try:
            note = read_part(folder, path.name, MOST_OFFER)
            head = parse_checkpoint(note, box)
            if (
                cosigned_at(note, own, (path.name, path.name)) is not None
                and head.size > found.size
            ):
                found = head
        except Refused:
            # Half written, or somebody else's scribble: it vouches for nothing.
            continue
    return found


def lay_down(folder: Path, size: int, own: Key, note: bytes) -> str:
    """Write a cosigned checkpoint under a name of its own; where it lies.

    A file that is there already is never touched: the stick may be one that is written once.
    """
    stem = f"cosigned-{size:020d}-{own.key_id.hex()}"
    for number in range(1, MOST_AGAIN):
        name = f"{stem}.txt" if number == 1 else f"{stem}-{number}.txt"
        try:
            if read_part(folder, name, MOST_OFFER) == note:
                return name
        except Refused:
            pass
        if not os.path.lexists(folder / name):
            write_new(folder / name, note)
            return name
    raise Refused(f"{folder} 中的 {stem} 过多", f"There are too many {stem} in {folder}")


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there, and wait for the medium; nothing stays of one half written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            path.unlink()
            raise
    except OSError as error:
        raise Unreadable(
            f"写不了 {path}({error.strerror}):U 盘已满或只读",
            f"{path} cannot be written ({error.strerror}): the stick is full or read-only",
        ) from None
