"""Makes plain SQLite files of what open-backup.py wrote: Python 3.10 or later and `cryptography`.

    python3 open-database.py DIR

DIR is what open-backup.py wrote. Each line of DIR/databases.txt names a database and its key; beside each
a file ending in `.plain` is written, which any SQLite opens (`sqlite3 vault/box.db.plain .tables`). Every
page is authenticated. The format is SQLCipher 4 with a raw key: pages of 4096 bytes, AES-256-CBC, and
HMAC-SHA-256 under a key of PBKDF2-HMAC-SHA512 with two rounds.
"""

import hashlib
import hmac
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE = 4096
USED = PAGE - 48
"""Behind the content of a page stand 16 bytes of nonce and 32 of authentication."""
SALT = 16
FRAME = 24 + PAGE


class Pages:
    """Opens the pages of one database."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self.key = key
        masked = bytes(byte ^ 0x3A for byte in salt)
        self.mac = hashlib.pbkdf2_hmac("sha512", key, masked, 2, 32)

    def open(self, page: bytes, number: int) -> bytes:
        """One page in the clear; the first begins with the salt, where SQLite has its mark."""
        start = SALT if number == 1 else 0
        content, nonce, tag = page[start:USED], page[USED : USED + 16], page[USED + 16 :]
        found = hmac.digest(self.mac, content + nonce + struct.pack("<I", number), "sha256")
        if not hmac.compare_digest(found, tag):
            raise SystemExit(f"page {number} was altered, or the key is another")
        opener = Cipher(algorithms.AES(self.key), modes.CBC(nonce)).decryptor()
        plain = opener.update(content) + opener.finalize()
        mark = b"SQLite format 3\x00" if number == 1 else b""
        return mark + plain + bytes(PAGE - USED)


def committed(log: bytes) -> dict[int, bytes]:
    """The latest page of each number in a write-ahead log, up to its last commit (walformat)."""
    found: dict[int, bytes] = {}
    if len(log) < 32:  # noqa: PLR2004  # its head
        return found
    order = ">" if struct.unpack_from(">I", log)[0] & 1 else "<"
    salts, sums = log[16:24], summed(log[:24], (0, 0), order)
    if sums != struct.unpack_from(">II", log, 24):
        return found
    waiting: dict[int, bytes] = {}
    for at in range(32, len(log) - FRAME + 1, FRAME):
        number, size = struct.unpack_from(">II", log, at)
        page = log[at + 24 : at + FRAME]
        sums = summed(log[at : at + 8] + page, sums, order)
        if log[at + 8 : at + 16] != salts or sums != struct.unpack_from(">II", log, at + 16):
            break
        waiting[number] = page
        if size:
            found |= waiting
            waiting = {}
    return found


def summed(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """The checksum of a write-ahead log, continued."""
    first, second = sums
    for left, right in struct.iter_unpack(f"{order}II", data):
        first = first + left + second & 0xFFFFFFFF
        second = second + right + first & 0xFFFFFFFF
    return first, second


def write_plain(path: Path, key: bytes) -> int:
    """Write a database in the clear beside it; how many pages."""
    beside = path.with_name(path.name + "-wal")
    later = committed(beside.read_bytes()) if beside.exists() else {}
    size = path.stat().st_size
    with path.open("rb") as stream, path.with_name(path.name + ".plain").open("xb") as out:
        salt = stream.read(SALT) if size else later[1][:SALT]
        stream.seek(0)
        pages = Pages(key, salt)
        count = max([size // PAGE, *later])
        for number in range(1, count + 1):
            page = stream.read(PAGE)
            out.write(pages.open(later.get(number, page), number))
    return count


def main() -> int:
    """Do it for every database that is listed."""
    if len(sys.argv) != 2:  # noqa: PLR2004  # the program and its argument
        raise SystemExit((__doc__ or "").partition("\n\n")[2].partition("\n\n")[0].strip())
    root = Path(sys.argv[1])
    for line in (root / "databases.txt").read_text(encoding="utf-8").splitlines():
        name, key = line.split()
        try:
            pages = write_plain(root / name, bytes.fromhex(key))
        except OSError as fault:
            raise SystemExit(f"{fault.filename}: {fault.strerror}") from None
        sys.stdout.write(f"{name}.plain: {pages} pages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
