"""A key that is there while a key server answers: the McCallum-Relyea exchange of Tang and Clevis.

The server has S = sG. The box makes c, keeps C = cG and throws c away; the key is K = cS. Later it makes
e, asks the server for Y = s(C + eG) and has K = Y - eS again. Server and listener see a random point and
learn nothing; the box alone cannot compute K. The server's keys come in an advertisement that it signs;
which signing key is trusted is fixed by its thumbprint (RFC 7638), as tang-show-keys prints it.
Source: draft-mccallum-relyea of the Tang project; RFC 7515, 7517, 7518, 7638.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from secure_compute.secret import Secret
from secure_compute.slot_errors import NetworkSlotRefused

CURVE: Final = "P-521"
EXCHANGE: Final = "ECMR"
_BYTES: Final = 66
_MAX_TEXT: Final = 65_536
_MAX_KEYS: Final = 64
_INFO: Final = b"wardbox/v1/tang"

Ask = Callable[[str, Mapping[str, str]], bytes]
"""Sends a key to the server's recovery address of a key id and gives its answer."""


@dataclass(frozen=True, slots=True)
class TangBinding:
    """What is kept to get a key back from a server; tells nothing without it.

    Attributes:
        exchange: The server's exchange key, as a JSON Web Key.
        public: The box's half C, as a JSON Web Key.
    """

    exchange: Mapping[str, str]
    public: Mapping[str, str]

    @property
    def key_id(self) -> str:
        """By which the server finds its exchange key."""
        return thumbprint(self.exchange)

    def to_fields(self) -> dict[str, str]:
        """Text fields for a slot: coordinates, separated by a dot."""
        return {
            "exchange": f"{self.exchange['x']}.{self.exchange['y']}",
            "public": f"{self.public['x']}.{self.public['y']}",
        }

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "TangBinding":
        """Read what `to_fields` wrote. Raises ValueError for anything that is no two points."""
        keys = []
        for name in ("exchange", "public"):
            x, _, y = fields[name].partition(".")
            keys.append(_jwk(_point({"kty": "EC", "crv": CURVE, "x": x, "y": y})))
            if f"{keys[-1]['x']}.{keys[-1]['y']}" != fields[name]:
                raise ValueError
        return cls(*keys)


def thumbprint(key: Mapping[str, Any]) -> str:
    """The SHA-256 thumbprint of an EC key (RFC 7638), base64url without padding."""
    named = {name: key[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(named, separators=(",", ":"), sort_keys=True)
    return _b64(hashlib.sha256(text.encode()).digest())


def read_advertisement(text: bytes, trusted: str | None) -> tuple[Mapping[str, str], str]:
    """The exchange key of an advertisement that a trusted key has signed.

    Args:
        text: What the server gave at /adv.
        trusted: Thumbprint of the signing key; None shows which there is, for a person to compare.

    Returns:
        The exchange key, and the thumbprint of the signing key.

    Raises:
        NetworkSlotRefused: It is malformed, not signed by that key, or holds no exchange key.
    """
    try:
        outer = _object(text)
        payload = outer["payload"]
        keys = json.loads(_unb64(payload))["keys"]
        signatures = outer.get("signatures") or [outer]
        signers = [key for key in keys[:_MAX_KEYS] if _usable(key, "verify", "ES512")]
        exchanges = [key for key in keys[:_MAX_KEYS] if _usable(key, "deriveKey", EXCHANGE)]
        good = _verified(payload, signatures[:_MAX_KEYS], signers)
    except (ValueError, KeyError, TypeError, AttributeError, Base64Error, RecursionError):
        raise NetworkSlotRefused(
            reason_zh="广告内容不合格式", reason="its advertisement is malformed"
        ) from None
    if not exchanges or len(good) < max(1, len(signers)):
        raise NetworkSlotRefused(
            reason_zh="广告的签名无效", reason="its advertisement is not signed by all its keys"
        )
    if trusted is not None and trusted not in good:
        raise NetworkSlotRefused(
            reason_zh=f"签名密钥不是 {trusted[:64]}", reason=f"it is not signed by {trusted[:64]}"
        )
    return _jwk(_point(exchanges[0])), trusted or good[0]


def provision(exchange: Mapping[str, str]) -> tuple[TangBinding, Secret]:
    """A new key that only this exchange key's owner can help to find again; 32 bytes."""
    point = _point(exchange)
    secret, public = _pair()
    return TangBinding(_jwk(point), _jwk(public)), _key_of(point * secret)


def recover(binding: TangBinding, ask: Ask) -> Secret:
    """The key again, with the server's help.

    Args:
        binding: What `provision` gave.
        ask: Sends a point to the server and gives its answer.

    Raises:
        NetworkSlotRefused: The answer is no point.
    """
    server = _point(binding.exchange)
    ephemeral, public = _pair()
    blinded = _point(binding.public) + public
    answer = ask(binding.key_id, {**_jwk(blinded), "alg": EXCHANGE})
    try:
        given = _point(_object(answer))
    except (ValueError, KeyError, TypeError, Base64Error, RecursionError):
        raise NetworkSlotRefused(
            reason_zh="应答不是曲线上的点", reason="its answer is no point of the curve"
        ) from None
    return _key_of(given + -(server * ephemeral))


def _object(text: bytes) -> Any:
    if len(text) > _MAX_TEXT:
        raise ValueError
    return json.loads(text)


def _verified(payload: str, signatures: list[Any], signers: list[Any]) -> list[str]:
    """Thumbprints of the keys whose signature over the payload holds."""
    from jwt import PyJWK, PyJWS  # noqa: PLC0415  # loaded when needed
    from jwt.exceptions import PyJWTError  # noqa: PLC0415

    good = []
    for key in signers:
        for signed in signatures:
            compact = f"{signed['protected']}.{payload}.{signed['signature']}"
            try:
                PyJWS().decode(compact, PyJWK(key, "ES512"), algorithms=["ES512"])
            except PyJWTError:
                continue
            good.append(thumbprint(key))
            break
    return good


def _usable(key: Any, operation: str, algorithm: str) -> bool:
    return bool(
        operation in key["key_ops"]
        and key.get("alg") == algorithm
        and (key["kty"], key["crv"]) == ("EC", CURVE)
    )


def _pair() -> tuple[int, Any]:
    from Cryptodome.PublicKey import ECC  # noqa: PLC0415  # loaded when needed

    made = ECC.generate(curve=CURVE)
    return int(made.d), made.pointQ


def _point(key: Mapping[str, Any]) -> Any:
    """The point of a key. Raises ValueError for one that is not on the curve."""
    from Cryptodome.PublicKey import ECC  # noqa: PLC0415  # loaded when needed

    if (key["kty"], key["crv"]) != ("EC", CURVE):
        raise ValueError
    x, y = (_unb64(key[name]) for name in ("x", "y"))
    if len(x) != _BYTES or len(y) != _BYTES:
        raise ValueError
    return ECC.EccPoint(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve=CURVE)


def _jwk(point: Any) -> dict[str, str]:
    x, y = (_b64(int(one).to_bytes(_BYTES, "big")) for one in (point.x, point.y))
    return {"crv": CURVE, "kty": "EC", "x": x, "y": y}


def _key_of(point: Any) -> Secret:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    if point.is_point_at_infinity():
        raise NetworkSlotRefused(
            reason_zh="应答是无穷远点", reason="its answer is the point at infinity"
        )
    shared = int(point.x).to_bytes(_BYTES, "big")
    return Secret(HKDF(SHA256(), 32, None, _INFO).derive(shared))


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
