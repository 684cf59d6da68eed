"""The witness's own file: its key, the boxes it knows, the last tree of each that it cosigned."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from secure_compute.verifier.notes import WITNESS_KIND, Key, parse_checkpoint, parse_key
from secure_compute.verifier.reading import Head, Refused, Unreadable, from_base64, parse_json
from secure_compute.witness.signing import SEED_SIZE, ed25519_public, ed25519_sign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN_FORMAT, MOST_OWN = "wardbox-witness/1", 1 << 24
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}\Z")


class Known(NamedTuple):
    """A box that the witness knows: its key, and the checkpoint that was cosigned last, if any."""

    key: Key
    note: bytes

    def head(self) -> Head:
        """The tree that was cosigned last; the empty one before the first."""
        return parse_checkpoint(self.note, self.key) if self.note else Head(0, b"")


class Own(NamedTuple):
    """The witness: its key, its secret, and the boxes by name."""

    key: Key
    seed: bytes
    boxes: dict[str, Known]

    def cosign(self, note: bytes, time: int) -> bytes:
        """The note with this witness's cosignature (cosignature/v1) under it."""
        text = note[: note.rindex(b"\n\n") + 1]
        signed = f"cosignature/v1\ntime {time}\n".encode() + text
        stamped = time.to_bytes(8, "big") + ed25519_sign(self.seed, signed)
        encoded = base64.b64encode(self.key.key_id + stamped).decode()
        return note + f"\u2014 {self.key.name} {encoded}\n".encode()


def key_of(name: str, seed: bytes) -> Key:
    """The public key of a seed, as notes know it."""
    typed = WITNESS_KIND + ed25519_public(seed)
    key_id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    line = f"{name}+{key_id.hex()}+{base64.b64encode(typed).decode()}"
    return parse_key(line, WITNESS_KIND)


def make_own(path: Path, name: str) -> Own:
    """Make a witness with a new key; a file that is there already stays as it is."""
    if not NAME.match(name):
        raise Refused(
            "名称只能有字母、数字和 . _ / -", "A name has letters, digits and . _ / - only"
        )
    seed = os.urandom(SEED_SIZE)
    own = Own(key_of(name, seed), seed, {})
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(
            f"{path} 已存在,未作改动", f"{path} exists already and was left alone"
        ) from None
    except OSError:
        raise unwritable(path) from None
    os.close(handle)
    save(path, own)
    return own


def load(path: Path) -> Own:
    """Read the witness's file."""
    broken = Unreadable(f"见证文件 {path} 已损坏", f"The witness's file {path} is damaged")
    try:
        with path.open("rb") as stream:
            value = parse_json(stream.read(MOST_OWN), str(path))
        seed = from_base64(value["seed"])
        if value["format"] != OWN_FORMAT or len(seed) != SEED_SIZE:
            raise broken
        boxes = {name: known_of(name, box) for name, box in value["boxes"].items()}
        return Own(key_of(value["name"], seed), seed, boxes)
    except FileNotFoundError:
        raise Unreadable(
            f"没有见证文件 {path};请先运行 init",
            f"There is no witness's file {path}; run init first",
        ) from None
    except (OSError, KeyError, TypeError, AttributeError):
        raise broken from None
    except Refused as error:
        raise error if error is broken else broken from None


def known_of(name: str, box: Any) -> Known:
    """A box as it was kept; what was cosigned last must still bear the box's signature."""
    known = Known(parse_key(box["key"]), box["note"].encode())
    known.head()
    if known.key.name != name:
        raise KeyError(name)
    return known


def save(path: Path, own: Own) -> None:
    """Write the witness's file, and wait for the disk: what is signed must not be forgotten."""
    boxes = {
        name: {"key": known.key.line, "note": known.note.decode()}
        for name, known in own.boxes.items()
    }
    value = {
        "boxes": boxes,
        "format": OWN_FORMAT,
        "name": own.key.name,
        "seed": base64.b64encode(own.seed).decode(),
    }
    part = path.with_name(f"{path.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        raise unwritable(path) from None


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every other run of this program away from the witness's file meanwhile."""
    try:
        handle = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError:
        raise unwritable(path) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def unwritable(path: Path) -> Unreadable:
    """The refusal for a place that takes nothing."""
    return Unreadable(f"写不了 {path}", f"{path} cannot be written")
