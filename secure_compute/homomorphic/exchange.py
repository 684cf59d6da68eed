"""Signed messages of encrypted scoring: ciphertexts alone have no integrity, these have."""

import re
import struct
from dataclasses import dataclass
from typing import Any, Final, Self

from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.digest import digest_bytes
from secure_compute.errors import ExchangeRefused, NotCanonical
from secure_compute.homomorphic.parameters import MAX_CIPHERTEXT, ROWS, parameters_hash
from secure_compute.signing import SigningKey, VerifyKey

FORMAT: Final = "wardbox-encrypted-scoring/1"
COLUMNS: Final = "columns"
SCORES: Final = "scores"
MAX_COLUMNS: Final = 4096

_MAGIC: Final = b"WBH\x01"
_DOMAIN: Final = b"wardbox/v1/encrypted-scoring\n"
_LENGTHS: Final = struct.Struct(">IH")
_MAX_HEADER: Final = 1 << 20
_SESSION: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_KINDS: Final = {
    "answers": str,
    "bound": int,
    "columns": list,
    "format": str,
    "kind": str,
    "model": str,
    "parameters": str,
    "parts": list,
    "rows": int,
    "sequence": int,
    "session": str,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a message says about its ciphertexts; all of it is signed.

    Attributes:
        kind: `columns` (partner to box) or `scores` (box to partner).
        session: 32 hexadecimal digits; one encryption key lives for one session.
        sequence: Counts the requests of a session from 1; the answer repeats it.
        rows: Patients, 1 to `ROWS`.
        model: Which model is asked, or answered.
        columns: Feature names, one ciphertext each; empty in an answer.
        bound: In an answer, the greatest absolute score that the model can give; else 0.
        answers: In an answer, the digest of the request; else empty.
    """

    kind: str
    session: str
    sequence: int
    rows: int
    model: str
    columns: tuple[str, ...] = ()
    bound: int = 0
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A verified message: who signed is settled, and the ciphertexts are those that were signed."""

    header: Header
    parts: tuple[bytes, ...]
    digest: str

    @classmethod
    def open(cls, data: bytes, sender: VerifyKey, kind: str) -> Self:
        """Verify a message before anything in it is believed.

        Args:
            data: The bytes that came.
            sender: The other side's signature key.
            kind: What is expected.

        Raises:
            SignatureInvalid: Another key signed it, or it was altered.
            ExchangeRefused: It breaks the format, or the parameters are others.
        """
        start = len(_MAGIC) + _LENGTHS.size
        if data[: len(_MAGIC)] != _MAGIC or len(data) < start:
            raise ExchangeRefused(reason="it does not begin like one")
        size, signature_size = _LENGTHS.unpack_from(data, len(_MAGIC))
        if size > _MAX_HEADER:
            raise ExchangeRefused(reason="its header is too large")
        body = start + size + signature_size
        encoded = data[start : start + size]
        sender.verify(data[start + size : body], _DOMAIN + encoded)
        header, digests = _parse_header(encoded, kind)
        return cls(header, _parts(data, body, digests), str(digest_bytes(encoded)))


def pack(header: Header, parts: list[bytes], key: SigningKey) -> tuple[bytes, str]:
    """Sign a message.

    Returns:
        The bytes to send, and the digest by which an answer refers to them.
    """
    encoded = canonical_bytes(
        {
            "answers": header.answers,
            "bound": header.bound,
            "columns": list(header.columns),
            "format": FORMAT,
            "kind": header.kind,
            "model": header.model,
            "parameters": parameters_hash(),
            "parts": [[len(part), str(digest_bytes(part))] for part in parts],
            "rows": header.rows,
            "sequence": header.sequence,
            "session": header.session,
        }
    )
    signature = key.sign(_DOMAIN + encoded)
    lengths = _LENGTHS.pack(len(encoded), len(signature))
    return b"".join([_MAGIC, lengths, encoded, signature, *parts]), str(digest_bytes(encoded))


def _parse_header(encoded: bytes, kind: str) -> tuple[Header, list[Any]]:
    try:
        value = parse_canonical(encoded)
    except NotCanonical as error:
        raise ExchangeRefused(reason="its header is malformed") from error
    if not isinstance(value, dict) or {k: type(v) for k, v in value.items()} != _KINDS:
        raise ExchangeRefused(reason="its header has other fields")
    if (value["format"], value["kind"]) != (FORMAT, kind):
        raise ExchangeRefused(reason="it is not of the kind {kind}", kind=kind)
    if value["parameters"] != parameters_hash():
        raise ExchangeRefused(reason="the encryption parameters are others")
    columns = value["columns"]
    if not _SESSION.fullmatch(value["session"]) or not all(type(name) is str for name in columns):
        raise ExchangeRefused(reason="its header is malformed")
    if not 1 <= value["rows"] <= ROWS or value["sequence"] < 1 or value["bound"] < 0:
        raise ExchangeRefused(reason="a number in its header is out of range")
    if len(columns) > MAX_COLUMNS or len(value["parts"]) != (len(columns) or 1):
        raise ExchangeRefused(reason="its ciphertexts do not fit its columns")
    header = Header(
        kind=kind,
        session=value["session"],
        sequence=value["sequence"],
        rows=value["rows"],
        model=value["model"],
        columns=tuple(columns),
        bound=value["bound"],
        answers=value["answers"],
    )
    return header, value["parts"]


def _parts(data: bytes, at: int, digests: list[Any]) -> tuple[bytes, ...]:
    parts: list[bytes] = []
    for item in digests:
        size, digest = item if isinstance(item, list) and len(item) == 2 else (0, "")  # noqa: PLR2004
        if type(size) is not int or not 0 < size <= MAX_CIPHERTEXT or type(digest) is not str:
            raise ExchangeRefused(reason="a ciphertext's size is out of range")
        part = data[at : at + size]
        if not _DIGEST.fullmatch(digest) or str(digest_bytes(part)) != digest:
            raise ExchangeRefused(reason="a ciphertext is not the one that was signed")
        parts.append(part)
        at += size
    if at != len(data):
        raise ExchangeRefused(reason="something follows the last ciphertext")
    return tuple(parts)
