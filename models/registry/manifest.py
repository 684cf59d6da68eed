"""The signed list of a model's files: who vouches for which bytes under which card."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Final, Protocol, Self

from models.card import ModelCard, model_id
from models.errors import CardMalformed, ManifestMalformed, ManifestUntrusted
from secure_compute.canonical import canonical_bytes
from secure_compute.errors import SecureComputeError

FORMAT: Final = "wardbox-model-manifest-v1"
MAX_MANIFEST_BYTES: Final = 4 << 20
_MAX_FILES: Final = 4_096
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16,64}")
_CREATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_VERSION: Final = re.compile(r"[ -~]{1,200}")
_KINDS: Final = frozenset({"gguf", "safetensors", "folder"})


class NamedKey(Protocol):
    """The public half of a signing key."""

    @property
    def key_id(self) -> str:
        """Its id in hex."""
        ...


class Signer(Protocol):
    """Whoever signs manifests; `secure_compute.signing.SigningKey` fits."""

    @property
    def verify_key(self) -> NamedKey:
        """The public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Signs a message."""
        ...


class Verifier(Protocol):
    """A trusted public key; `secure_compute.signing.VerifyKey` fits."""

    def verify(self, signature: bytes, message: bytes) -> None:
        """Returns for a good signature and raises for any other."""
        ...


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a model.

    Attributes:
        name: Path inside the model, with "/".
        size: Bytes.
        sha256: Digest in hex.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one model under one signature.

    Attributes:
        model_id: Id of the model on the shelf.
        version: Version as on the card.
        kind: "gguf", "safetensors" or "folder".
        card_digest: SHA-256 of the card's file form, in hex.
        files: Its files, sorted by name.
        created: When it was made, RFC 3339 in UTC.
        key_id: Id of the key that signed.
        signature: The signature in base64.
    """

    model_id: str
    version: str
    kind: str
    card_digest: str
    files: tuple[ManifestFile, ...]
    created: str
    key_id: str
    signature: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what is signed, in hex; receipts name a model by it."""
        return sha256(self.signed_bytes).hexdigest()

    @property
    def content(self) -> str:
        """SHA-256 over the digests of its files: equal wherever the bytes are, whoever signed."""
        return sha256(canonical_bytes(sorted(row.sha256 for row in self.files))).hexdigest()

    @property
    def signed_bytes(self) -> bytes:
        """The canonical JSON of everything but the signature."""
        return canonical_bytes(self._payload())

    @property
    def main_file(self) -> ManifestFile:
        """The file that an engine is given: the GGUF file, its first part, or the largest file."""
        gguf = [file for file in self.files if file.name.lower().endswith(".gguf")]
        if self.kind == "gguf" and gguf:
            return min(gguf, key=lambda file: file.name)
        return max(self.files, key=lambda file: file.size)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def _payload(self) -> dict[str, Any]:
        rows = [{"name": row.name, "size": row.size, "sha256": row.sha256} for row in self.files]
        return {
            "format": FORMAT,
            "model_id": self.model_id,
            "version": self.version,
            "kind": self.kind,
            "card_digest": self.card_digest,
            "files": rows,
            "created": self.created,
            "key_id": self.key_id,
        }

    def to_bytes(self) -> bytes:
        """The file form: canonical JSON with the signature."""
        return canonical_bytes({**self._payload(), "signature": self.signature})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Reads a manifest; the signature is checked by `verify_manifest`.

        Only the canonical form is taken, so that one manifest has one digest.

        Raises:
            ManifestMalformed: Anything but what `to_bytes` writes.
        """
        if len(raw) > MAX_MANIFEST_BYTES:
            raise _malformed("manifest", "过大", "too big")
        try:
            data = json.loads(raw.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise _malformed("manifest", "不是合法的 JSON", "not valid JSON") from error
        known = {field.name for field in fields(cls)} | {"format"}
        if not isinstance(data, dict) or set(data) != known or data["format"] != FORMAT:
            raise _malformed("manifest", "字段不对", "missing or unknown fields")
        manifest = cls(
            model_id=_identity(data["model_id"]),
            version=_match(data, "version", _VERSION),
            kind=_kind(data["kind"]),
            card_digest=_match(data, "card_digest", _HEX64),
            files=_files(data["files"]),
            created=_match(data, "created", _CREATED),
            key_id=_match(data, "key_id", _KEY_ID),
            signature=_base64(data["signature"]),
        )
        if manifest.to_bytes() != raw:
            raise _malformed("manifest", "不是规范形式", "not in canonical form")
        return manifest


def card_digest(card: ModelCard) -> str:
    """SHA-256 of a card's file form, in hex."""
    return sha256(card.to_bytes()).hexdigest()


def sign_manifest(manifest: Manifest, signer: Signer) -> Manifest:
    """The manifest under a signer's key and signature."""
    named = replace(manifest, key_id=signer.verify_key.key_id, signature="")
    signature = base64.b64encode(signer.sign(named.signed_bytes)).decode("ascii")
    return replace(named, signature=signature)


def verify_manifest(manifest: Manifest, trusted: Mapping[str, Verifier]) -> None:
    """Checks the signature against the keys that this box trusts.

    Raises:
        ManifestUntrusted: The key is unknown or the signature is not its own.
    """
    key = trusted.get(manifest.key_id)
    if key is None:
        raise ManifestUntrusted(
            reason_zh=f"密钥 {manifest.key_id} 未受信任",
            reason_en=f"key {manifest.key_id} is not trusted",
        )
    try:
        key.verify(base64.b64decode(manifest.signature), manifest.signed_bytes)
    except SecureComputeError as error:
        raise ManifestUntrusted(
            reason_zh="签名与内容不符", reason_en="the signature does not match the content"
        ) from error


def safe_name(name: str) -> bool:
    """Whether a file name stays inside its model: relative, plain, printable."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and 0 < len(name) <= 255  # noqa: PLR2004
    inside = not path.is_absolute() and ".." not in path.parts and path.as_posix() == name
    return plain and inside and name != "."


def _malformed(field: str, zh: str, en: str) -> ManifestMalformed:
    return ManifestMalformed(field=field, reason_zh=zh, reason_en=en)


def _match(data: Mapping[str, Any], field: str, pattern: re.Pattern[str]) -> str:
    value = data[field]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _malformed(field, "取值不对", "not an acceptable value")
    return value


def _identity(value: Any) -> str:
    try:
        return model_id(value if isinstance(value, str) else "")
    except CardMalformed as error:
        raise _malformed("model_id", "取值不对", "not an acceptable value") from error


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in _KINDS:
        raise _malformed("kind", "取值不对", "not an acceptable value")
    return value


def _base64(value: Any) -> str:
    try:
        if isinstance(value, str) and base64.b64decode(value, validate=True):
            return value
    except (binascii.Error, ValueError):
        pass
    raise _malformed("signature", "不是 base64", "not base64")


def _files(rows: Any) -> tuple[ManifestFile, ...]:
    if not isinstance(rows, list) or not 0 < len(rows) <= _MAX_FILES:
        raise _malformed("files", "应为非空列表", "must be a list and not empty")
    files = tuple(_file(row) for row in rows)
    names = [file.name for file in files]
    if names != sorted(set(names)):
        raise _malformed("files", "文件名应有序且不重复", "names must be sorted and unique")
    return files


def _file(row: Any) -> ManifestFile:
    if not isinstance(row, dict) or set(row) != {"name", "size", "sha256"}:
        raise _malformed("files", "字段不对", "missing or unknown fields")
    name, size = row["name"], row["size"]
    if not isinstance(name, str) or not safe_name(name):
        raise _malformed("files.name", "文件名不合法", "not an acceptable file name")
    if type(size) is not int or not 0 <= size < 1 << 53:
        raise _malformed("files.size", "应为非负整数", "must be a whole number, not negative")
    return ManifestFile(name, size, _match(row, "sha256", _HEX64))
