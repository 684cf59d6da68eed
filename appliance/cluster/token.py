"""Join tokens and the two sealed messages of a join: what is asked for and what is answered."""

import ipaddress
import re
import secrets
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.cluster.errors import AddressRefused, HeadUntrusted, TokenMalformed, TokenRefused
from secure_compute.envelope import Sealed, seal, unseal
from secure_compute.errors import SecureComputeError
from secure_compute.secret import Secret

_TOKEN: Final = re.compile(r"wbj1-([0-9a-f]{12})-([0-9a-f]{64})-([0-9a-f]{64})", re.ASCII)
_ASK: Final = b"wardbox cluster join: ask"
_ANSWER: Final = b"wardbox cluster join: answer"
_PEM: Final = 8192
MAX_MESSAGE: Final = 32_768


@dataclass(frozen=True, slots=True)
class JoinToken:
    """A one-time invitation: who shows its secret is let in, who answers under it is the cluster.

    Attributes:
        id: Names the token; no secret.
        secret: 32 bytes; both messages are sealed with it and it is never sent.
        authority: SHA-256 of the cluster authority's certificate, 64 hexadecimal digits.
    """

    id: str
    secret: bytes = field(repr=False)
    authority: str

    @classmethod
    def fresh(cls, fingerprint: str) -> Self:
        """A new token for the authority with this fingerprint (`AB:CD:...`)."""
        plain = fingerprint.replace(":", "").lower()
        return cls(secrets.token_hex(6), secrets.token_bytes(32), plain)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token as a person pasted it. Raises TokenMalformed."""
        found = _TOKEN.fullmatch("".join(text.split())[:200])
        if found is None:
            raise TokenMalformed
        return cls(found[1], bytes.fromhex(found[2]), found[3])

    def text(self) -> str:
        """The token for a person to carry over."""
        return f"wbj1-{self.id}-{self.secret.hex()}-{self.authority}"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Ask(_Message):
    """What a box that wants to join says."""

    name: str = Field(min_length=1, max_length=80)
    address: str = Field(max_length=45)
    request: str = Field(max_length=_PEM)


class Answer(_Message):
    """What it gets: authority and own certificate (PEM), the cluster's token and its first box."""

    authority: str = Field(max_length=_PEM)
    certificate: str = Field(max_length=_PEM)
    ray_token: str = Field(min_length=32, max_length=128)
    head: str = Field(max_length=64)


def seal_ask(token: JoinToken, ask: Ask) -> bytes:
    """Seal a wish to join."""
    return _seal(token.id, token.secret, ask, _ASK)


def open_ask(token_id: str, secret: bytes, sealed: bytes) -> Ask:
    """Open a wish to join. Raises TokenRefused whatever is wrong with it."""
    try:
        return Ask.model_validate_json(_unseal(secret, sealed, _ASK + token_id.encode()))
    except (SecureComputeError, ValidationError) as error:
        raise TokenRefused from error


def seal_answer(token_id: str, secret: bytes, answer: Answer) -> bytes:
    """Seal what the new member gets."""
    return _seal(token_id, secret, answer, _ANSWER)


def open_answer(token: JoinToken, sealed: bytes) -> Answer:
    """Open what the cluster answered. Raises HeadUntrusted."""
    try:
        plain = _unseal(token.secret, sealed, _ANSWER + token.id.encode())
        return Answer.model_validate_json(plain)
    except (SecureComputeError, ValidationError) as error:
        raise HeadUntrusted from error


def sealed_for(sealed: bytes) -> str:
    """The id of the token that a message was sealed with. Raises TokenRefused."""
    try:
        return Sealed.parse(sealed).key_id.removeprefix("join:")
    except SecureComputeError as error:
        raise TokenRefused from error


def unpack(text: str) -> bytes:
    """A message as it travels in JSON. Raises TokenRefused."""
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise TokenRefused from error


def interconnect(address: str) -> str:
    """An address that a cluster may use, in its usual form.

    Raises:
        AddressRefused: It is no IP address, or one that others than the hospital can reach.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        told = {"reason_zh": "不是 IP 地址", "reason_en": "it is no IP address"}
        raise AddressRefused(address=repr(address[:60]), **told) from error
    if parsed.is_unspecified or parsed.is_multicast or not parsed.is_private:
        told = {"reason_zh": "不是内网地址", "reason_en": "it is not private"}
        raise AddressRefused(address=str(parsed), **told)
    return str(parsed)


def _seal(token_id: str, secret: bytes, message: _Message, use: bytes) -> bytes:
    plain = message.model_dump_json().encode()
    aad = use + token_id.encode()
    return seal(plain, Secret(secret), f"join:{token_id}", aad).to_bytes()


def _unseal(secret: bytes, sealed: bytes, aad: bytes) -> bytes:
    return unseal(Sealed.parse(sealed[:MAX_MESSAGE]), Secret(secret), aad)
