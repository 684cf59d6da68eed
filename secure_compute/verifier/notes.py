"""C2SP signed notes as the auditor reads them: keys, checkpoints, and cosignatures of witnesses."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from secure_compute.verifier.ed25519 import KEY_SIZE, SIGNATURE_SIZE, ed25519_verify
from secure_compute.verifier.p256 import P256_KEY_SIZE, p256_verify
from secure_compute.verifier.reading import HASH_SIZE, Head, Refused, from_base64

KEY_ID_SIZE, STAMP_SIZE, COUNTED_STAMP_SIZE = 4, 8, 16
LOG_KIND, WITNESS_KIND = b"\x01", b"\x04"
# A box's second key may live in its TPM, which knows P-256, and counts each time it signs.
COUNTED_LABEL = "wardbox-tpm-cosignature/v1"
COUNTED_KIND = b"\xff" + COUNTED_LABEL.encode()


class Key(NamedTuple):
    """A public key as notes know it, and its line as people compare it."""

    name: str
    key_id: bytes
    public: bytes
    line: str


def parse_key(line: str, kind: bytes = LOG_KIND) -> Key:
    """Read `name+hash+base64`."""
    of_zh, of_en = ("盒子", "box") if kind == LOG_KIND else ("见证方", "witness")
    match = re.match(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\Z", line.strip())
    typed = from_base64(match.group(3)) if match else b""
    if kind == WITNESS_KIND and typed.startswith(COUNTED_KIND):
        kind, size = COUNTED_KIND, P256_KEY_SIZE
    else:
        size = KEY_SIZE
    if match is None or len(typed) != len(kind) + size or not typed.startswith(kind):
        raise Refused(f"{of_zh}公钥不合格式", f"The {of_en} key is malformed")
    name = match.group(1)
    key_id = hashlib.sha256(name.encode("utf-8", "replace") + b"\n" + typed).digest()[:KEY_ID_SIZE]
    if key_id.hex() != match.group(2):
        raise Refused(f"{of_zh}公钥与其编号不符", f"The {of_en} key does not match its own id")
    return Key(name, key_id, typed[len(kind) :], line.strip())


class Note(NamedTuple):
    """A text, and the signatures under it: name, key id, signature. Nothing is verified yet."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]


def parse_note(data: bytes) -> Note | None:
    """Take a signed note apart; None where it is none."""
    try:
        text, mark, tail = data.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        return None
    lines = tail.split("\n")
    signatures = []
    for line in lines[:-1]:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        signature = from_base64(encoded)
        if dash != "\u2014" or not name or len(signature) <= KEY_ID_SIZE:
            return None
        signatures.append((name, signature[:KEY_ID_SIZE], signature[KEY_ID_SIZE:]))
    return Note(text + "\n", signatures) if mark and signatures and not lines[-1] else None


def is_signed(note: Note | None, key: Key) -> bool:
    """Whether the key signed it, and every signature that claims to be the key's holds."""
    own = [
        signature
        for name, key_id, signature in (note.signatures if note else [])
        if (name, key_id) == (key.name, key.key_id)
    ]
    text = note.text.encode() if note else b""
    return bool(own) and all(ed25519_verify(key.public, one, text) for one in own)


def parse_checkpoint(
    data: bytes, key: Key, what: tuple[str, str] = ("检查点", "checkpoint")
) -> Head:
    """Check the signed note and read the tree head in it."""
    zh, en = what
    note = parse_note(data)
    if note is None or not is_signed(note, key):
        raise Refused(
            f"{zh}没有盒子密钥的有效签名:它被改动过,或由别的密钥签发。盒子密钥:{key.line}",
            f"The {en} has no valid signature by the box key: it was altered, or signed by "
            f"another key. Box key: {key.line}",
        )
    rows = [*note.text.split("\n"), "", ""]
    root = from_base64(rows[2])
    size = re.match(r"(0|[1-9][0-9]{0,18})\Z", rows[1])
    if size is None or len(root) != HASH_SIZE or rows[0] != key.name:
        raise Refused(f"{zh}不合格式", f"The {en} is malformed")
    return Head(int(rows[1]), root)


def cosigned_at(data: bytes, witness: Key, what: tuple[str, str]) -> int | None:
    """When a witness cosigned a checkpoint (POSIX seconds); None where it did not.

    Raises:
        Refused: A line claims to be the witness's and is not.
    """
    note, when = parse_note(data), None
    for name, key_id, stamped in note.signatures if note else []:
        if note is None or (name, key_id) != (witness.name, witness.key_id):
            continue
        if not is_cosigned(note.text, witness.public, stamped):
            raise Refused(
                f"{what[0]}上见证方 {name} 的共同签名无效",
                f"The cosignature of the witness {name} on the {what[1]} is not valid",
            )
        time = int.from_bytes(stamped[:8], "big")
        when = time if when is None else max(when, time)
    return when


def is_cosigned(text: str, public: bytes, stamped: bytes) -> bool:
    """Whether a cosignature holds: of a witness (C2SP cosignature/v1), or of a TPM with its counter."""
    stamp, signature = stamped[:-SIGNATURE_SIZE], stamped[-SIGNATURE_SIZE:]
    if len(public) == KEY_SIZE:
        head = f"cosignature/v1\ntime {int.from_bytes(stamp, 'big')}\n"
        return len(stamp) == STAMP_SIZE and ed25519_verify(
            public, signature, (head + text).encode()
        )
    time, counter = int.from_bytes(stamp[:8], "big"), int.from_bytes(stamp[8:], "big")
    head = f"{COUNTED_LABEL}\ntime {time}\ncounter {counter}\n"
    return len(stamp) == COUNTED_STAMP_SIZE and p256_verify(
        public, signature, (head + text).encode()
    )
