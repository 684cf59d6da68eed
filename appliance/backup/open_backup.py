"""Opens a WardBox backup without WardBox: one file, Python 3.10 or later, `cryptography` and `age`.

    python3 open-backup.py BACKUP --recovery                          its snapshots
    python3 open-backup.py BACKUP --identity age.key --out DIR        by a backup key (age-keygen)
    python3 open-backup.py BACKUP --recovery --out DIR                by the recovery key on paper

BACKUP is the directory (or a copy of it) in which wardbox-backup.json lies. Everything of a snapshot
is written below DIR, each chunk authenticated. DIR/databases.txt holds the keys of the databases, which
open-database.py makes plain. docs/operate/backup-format.md describes the format.
"""

import argparse
import base64
import getpass
import hashlib
import hmac
import json
import os
import struct
import subprocess  # noqa: TID251  # a program of its own, which no box runs
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEAD = 36
PAPER_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
AGE_SIGNS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class Piece(NamedTuple):
    """Where a chunk lies: its pack, which part of it, offset, stored bytes and flags."""

    pack: str
    part: int
    offset: int
    stored: int
    flags: int


def derive(key: bytes, info: bytes, salt: bytes | None = None, size: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), size, salt, info).derive(key)


def unseal(data: bytes, key: bytes, aad: bytes) -> bytes:
    """Open an envelope: `WBE`, version, algorithm, key id, nonce of 12 bytes, ciphertext with tag."""
    if data[:4] != b"WBE\x01":
        raise SystemExit("an envelope does not begin as it should")
    at, texts = 4, []
    for _ in range(2):
        texts.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    head, nonce, sealed = data[: at + 12], data[at : at + 12], data[at + 12 :]
    if texts[0] == b"aes-256-gcm":
        return AESGCM(key).decrypt(nonce, sealed, head + aad)
    short = HKDF(hashes.SM3(), 16, None, b"wardbox/v1/sm4-gcm").derive(key)
    opener = Cipher(algorithms.SM4(short), modes.GCM(nonce, sealed[-16:])).decryptor()
    opener.authenticate_additional_data(head + aad)
    return opener.update(sealed[:-16]) + opener.finalize()


def identity_of(backup: Path, paper: str) -> str:
    """The box's age identity, by the recovery key: it opens the root key, which wraps the identity."""
    document = json.loads((backup / "unlock.json").read_bytes())
    wrapped, sealed_root = document["identity"], json.loads(document["root"] or '{"slots": []}')
    secret = paper_bytes(paper)
    for slot in sealed_root["slots"]:
        if slot["kind"] != "recovery" or "relay" not in slot:
            continue
        salt = base64.b64decode(slot["kdf"]["salt"])
        mine = X25519PrivateKey.from_private_bytes(
            derive(secret, b"wardbox/v1/slot-recovery", salt)
        )
        sender = base64.b64decode(slot["relay"])[:32]
        agreed = mine.exchange(X25519PublicKey.from_public_bytes(sender))
        public = mine.public_key().public_bytes_raw()
        names = ("id", "kdf", "kind")
        bound = {**{n: slot[n] for n in names}, "root_id": sealed_root["root_id"]}
        aad = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        slot_key = derive(agreed, b"wardbox/v1/slot-relay" + sender + public)
        try:
            root = unseal(base64.b64decode(slot["sealed"]), slot_key, aad)
        except InvalidTag:  # another recovery key: the next slot
            continue
        return age_text(unwrapped(wrapped, root))
    raise SystemExit("the recovery key does not open this backup")


def paper_bytes(text: str) -> bytes:
    """13 groups of four signs (Crockford's base 32) and a check sign, which is not looked at here."""
    text = "".join(text.upper().replace("-", " ").split()).translate(str.maketrans("OIL", "011"))
    if len(text) != 65 or set(text) - set(PAPER_SIGNS):  # noqa: PLR2004  # 13 groups of five
        raise SystemExit("a recovery key has 13 groups of five signs")
    number = 0
    for at, sign in enumerate(text):
        if at % 5 != 4:  # noqa: PLR2004
            number = number << 5 | PAPER_SIGNS.index(sign)
    return (number >> 4).to_bytes(32, "big")


def age_text(secret: bytes) -> str:
    """32 bytes as an age identity: Bech32 (BIP 173) under `AGE-SECRET-KEY-`."""
    number = int.from_bytes(secret, "big") << 4
    values = [(number >> 5 * (51 - at)) & 31 for at in range(52)]
    prefix = "age-secret-key-"
    check = 1
    expanded = [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix)]
    for value in [*expanded, *values, *[0] * 6]:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            check ^= generator if top >> bit & 1 else 0
    values += [(check ^ 1) >> 5 * (5 - at) & 31 for at in range(6)]
    return (prefix + "1" + "".join(AGE_SIGNS[value] for value in values)).upper()


def unwrapped(wrapped: Any, root: bytes) -> bytes:
    """A key of the box's keyring, by its root key."""
    data = base64.b64decode(wrapped["sealed"])
    info, aad = b"wardbox/v1/wrap", f"wardbox/v1/wrapped/{wrapped['use']}/{wrapped['version']}"
    chinese = data[5 : 5 + data[4]] == b"sm4-gcm"
    kek = HKDF(hashes.SM3() if chinese else hashes.SHA256(), 32, None, info).derive(root)
    return unseal(data, kek, aad.encode())


def opened_keys(backup: Path, identity: str) -> Any:
    """What keys.age holds; the age program opens it and reads the identity from its input."""
    argv = ["age", "--decrypt", "--identity", "-", str(backup / "keys.age")]
    done = subprocess.run(argv, input=identity.encode(), capture_output=True, check=False)
    if done.returncode:
        raise SystemExit("age: " + done.stderr.decode("utf-8", "replace").strip())
    return json.loads(done.stdout)["body"]


class Backup:
    """A backup and its keys."""

    def __init__(self, place: Path, keys: Any) -> None:
        self.place = place
        self.repository = keys["repository"]
        self.data, self.names = bytes.fromhex(keys["data"]), bytes.fromhex(keys["names"])
        self.escrow = bytes.fromhex(keys["escrow"])
        self.list = self.newest_list(keys["verify"].partition(":")[2])
        self.index: dict[bytes, Piece] = {}
        for name in self.list["indexes"]:
            self.learn(self.document("index", f"index/{name}"))

    def cipher(self, use: str, salt: bytes) -> AESGCM:
        """What opens the parts of one object."""
        return AESGCM(
            derive(self.data, f"wardbox/v1/backup/{use}/{self.repository}".encode(), salt)
        )

    def document(self, use: str, name: str, context: bytes = b"") -> bytes:
        """An object of one part."""
        raw = (self.place / name).read_bytes()
        return self.cipher(use, raw[4:HEAD]).decrypt(bytes(12), raw[HEAD:], context)

    def newest_list(self, verify: str) -> Any:
        """The newest signed list of snapshots."""
        path = max((self.place / "lists").glob("[0-9]" * 10))
        name = f"lists/{path.name}"
        signed = json.loads(self.document("list", name, name.encode()))
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(verify))
        message = b"wardbox/v1/backup-list\n" + signed["body"].encode()
        signer.verify(bytes.fromhex(signed["signature"]), message)
        return json.loads(signed["body"])

    def learn(self, index: bytes) -> None:
        """Read where chunks lie."""
        at = 0
        while at < len(index):
            pack, _, size = struct.unpack_from(">32sII", index, at)
            at, offset = at + 40, HEAD
            rows = struct.iter_unpack(">32sIIB", index[at : at + size])
            for part, (chunk, stored, _, flags) in enumerate(rows):
                self.index.setdefault(chunk, Piece(pack.hex(), part, offset, stored, flags))
                offset += stored
            at += size

    def chunk(self, ident: bytes) -> bytes:
        """One chunk, authenticated twice: by its tag and by its name."""
        piece = self.index[ident]
        with (self.place / "packs" / piece.pack[:2] / piece.pack).open("rb") as stream:
            salt = stream.read(HEAD)[4:]
            stream.seek(piece.offset)
            sealed = stream.read(piece.stored)
        nonce, context = struct.pack(">IQ", 0, piece.part), ident + bytes([piece.flags])
        try:
            plain = self.cipher("pack", salt).decrypt(nonce, sealed, context)
        except InvalidTag:
            raise SystemExit(f"the pack {piece.pack} was altered") from None
        plain = unpacked(plain) if piece.flags & 1 else plain
        name = hmac.digest(self.names, b"chunk" + hashlib.sha256(plain).digest(), "sha256")
        if name != ident:
            raise SystemExit(f"a chunk of pack {piece.pack} is not what its name says")
        return plain

    def entries(self, snapshot: Any) -> Iterator[list[Any]]:
        """Path, kind, mode, size, stamps, chunks and target of everything in a snapshot."""
        text = b"".join(self.chunk(bytes.fromhex(one)) for one in snapshot["manifest"])
        yield from (json.loads(line) for line in text.splitlines())


def unpacked(data: bytes) -> bytes:
    """Undo zstd, by the Python package or by the program."""
    try:
        from zstandard import ZstdDecompressor  # noqa: PLC0415  # whichever is there
    except ImportError:
        argv = ["zstd", "--decompress", "--stdout", "--quiet"]
        return subprocess.run(argv, input=data, capture_output=True, check=True).stdout
    return ZstdDecompressor().decompressobj().decompress(data)


def write(backup: Backup, snapshot: Any, out: Path) -> int:
    """Write everything; how many files."""
    files = 0
    for quoted, kind, mode, size, _, chunks, target in backup.entries(snapshot):
        name, to = (os.fsdecode(urllib.parse.unquote_to_bytes(one)) for one in (quoted, target))
        path = out / name
        if ".." in path.parts or not path.is_relative_to(out):
            raise SystemExit("a path leads outside")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if kind == "d":
            path.mkdir(exist_ok=True)
        elif kind == "l":
            path.symlink_to(to)
        elif kind == "h":
            path.hardlink_to(out / to)
        else:
            ids = base64.b64decode(chunks)
            with path.open("xb") as stream:
                for at in range(0, len(ids), 32):
                    stream.write(backup.chunk(ids[at : at + 32]))
            if path.stat().st_size != size:
                raise SystemExit(f"{path} has another size than the snapshot says")
            path.chmod(mode & 0o700)
            files += 1
    return files


def write_databases(backup: Backup, snapshot: Any, out: Path) -> None:
    """Write the keys of the databases, by the root key that the snapshot carries."""
    root = unseal(base64.b64decode(snapshot["root"]), backup.escrow, b"")
    lines = []
    for key in json.loads((out / "keys" / "keyring.json").read_bytes())["keys"]:
        name = f"vault/{key['use']}"  # a key stands ready before its database is first needed
        if (out / name).is_file() and key.get("state", "current") == "current":
            lines.append(f"{name} {unwrapped(key, root).hex()}")
    (out / "databases.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def say(line: str) -> None:
    """Tell a person."""
    sys.stdout.write(line + "\n")


def main() -> int:
    """Show or write a snapshot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("backup", type=Path, metavar="BACKUP")
    parser.add_argument("--identity", type=Path, help="an age identity file")
    parser.add_argument("--recovery", action="store_true", help="ask for the recovery key")
    parser.add_argument("--snapshot", type=int, help="the newest by default")
    parser.add_argument("--out", type=Path, help="a directory that does not exist yet")
    words = parser.parse_args()
    ask = getpass.getpass if sys.stdin.isatty() else input
    given = words.identity.read_text() if words.identity else ""
    identity = given or identity_of(words.backup, ask("recovery key: "))
    backup = Backup(words.backup, opened_keys(words.backup, identity))
    for one in backup.list["snapshots"]:
        say(f"#{one['number']}  time {one['time']}  {one['files']} files  {one['size']} bytes")
    wanted = [one for one in backup.list["snapshots"] if words.snapshot in {None, one["number"]}]
    if not wanted or words.out is None:
        return int(not wanted)
    os.umask(0o077)
    words.out.mkdir(mode=0o700)
    files = write(backup, wanted[-1], words.out)
    write_databases(backup, wanted[-1], words.out)
    say(f"snapshot #{wanted[-1]['number']}: {files} files, each authenticated, in {words.out}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, InvalidTag, KeyError, ValueError) as fault:
        raise SystemExit(f"missing or altered: {type(fault).__name__} {fault}") from None
