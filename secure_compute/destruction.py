"""Certificates of destruction: what was erased by destroying its keys, signed, checked offline.

The text is one line of canonical JSON under the box's own signature (a C2SP signed note, as the audit
log's checkpoints are). Where the box is set to Chinese commercial cryptography a second signature, SM2
with SM3, stands beside it, and its public key stands in the text.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import NoteMalformed, SignatureInvalid
from secure_compute.note import Note, NoteKey, NoteSignature, sign_note, verify_note
from secure_compute.signing import SM2_SM3, SigningKey, VerifyKey

FORMAT: Final = "wardbox-destruction/1"
METHOD: Final = (
    "cryptographic erase (NIST SP 800-88): the only keys were overwritten and removed, and the keys "
    "above them were replaced"
)
SM2_NAME: Final = "/sm2"
_FIELDS: Final = frozenset(
    ("box", "by", "format", "keys", "kind", "method", "remains", "sm2", "subject", "time")
)


@dataclass(frozen=True, slots=True)
class Destruction:
    """What a certificate says.

    Args:
        box: name of the box, as its audit log is called.
        kind: "dataset", "patient" or "box".
        subject: which one; the box's name for a whole box.
        keys: ids of the keys that were destroyed.
        by: who asked for it, and who approved.
        time: seconds since 1970 UTC.
        remains: what this destruction does not reach, in plain words.
        method: how.
    """

    box: str
    kind: str
    subject: str
    keys: tuple[str, ...]
    by: tuple[str, ...]
    time: int
    remains: tuple[str, ...] = ()
    method: str = METHOD

    def sign(self, key: SigningKey, also: SigningKey | None = None) -> bytes:
        """The certificate as a file.

        Args:
            key: the box's own Ed25519 key, whose public half is in `trust/box.vkey`.
            also: an SM2 key that signs beside it.
        """
        public = None if also is None else b64encode(also.verify_key.public).decode()
        value: dict[str, Any] = {
            "box": self.box,
            "by": list(self.by),
            "format": FORMAT,
            "keys": list(self.keys),
            "kind": self.kind,
            "method": self.method,
            "remains": list(self.remains),
            "sm2": public,
            "subject": self.subject,
            "time": self.time,
        }
        text = canonical_bytes(value).decode() + "\n"
        second = () if also is None else (_sm2_line(self.box, also, text),)
        return sign_note(text, self.box, key, second).to_bytes()


def verify_destruction(data: bytes, key: NoteKey) -> Destruction:
    """Read a certificate and check every signature that it promises.

    Args:
        data: the file.
        key: the box's public key, taken from somewhere else than the certificate.

    Raises:
        NoteMalformed: it is no such certificate.
        SignatureInvalid: it is not by this box, or was changed.
    """
    note = Note.parse(data)
    verify_note(note, [key])
    value = parse_canonical(note.text.removesuffix("\n").encode())
    if not isinstance(value, dict) or value.keys() != _FIELDS or value["format"] != FORMAT:
        raise NoteMalformed(reason="its fields are others")
    if value["box"] != key.name:
        raise SignatureInvalid(reason="it names another box")
    if value["sm2"] is not None:
        _check_sm2(note, value["sm2"], key.name)
    return _read(value)


def _read(value: dict[str, Any]) -> Destruction:
    for name in ("box", "kind", "method", "subject"):
        _insist(isinstance(value[name], str))
    _insist(type(value["time"]) is int)
    return Destruction(
        box=value["box"],
        kind=value["kind"],
        subject=value["subject"],
        keys=_texts(value["keys"]),
        by=_texts(value["by"]),
        time=value["time"],
        remains=_texts(value["remains"]),
        method=value["method"],
    )


def _texts(value: Any) -> tuple[str, ...]:
    _insist(isinstance(value, list) and all(isinstance(one, str) for one in value))
    return tuple(value)


def _insist(holds: bool) -> None:  # noqa: FBT001  # an assertion that stays on
    if not holds:
        raise NoteMalformed(reason="its fields are others")


def _sm2_line(box: str, key: SigningKey, text: str) -> NoteSignature:
    return NoteSignature(box + SM2_NAME, _short(key.verify_key), key.sign(text.encode()))


def _check_sm2(note: Note, public: Any, box: str) -> None:
    try:
        key = VerifyKey.from_bytes(b64decode(public, validate=True), SM2_SM3)
    except (Base64Error, ValueError, TypeError) as error:
        raise NoteMalformed(reason="its fields are others") from error
    for line in note.signatures:
        if line.name == box + SM2_NAME and line.key_id == _short(key):
            key.verify(line.signature, note.text.encode())
            return
    raise SignatureInvalid(reason="the second signature is missing")


def _short(key: VerifyKey) -> bytes:
    return sha256(SM2_SM3.encode() + b"\x00" + key.public).digest()[:4]
