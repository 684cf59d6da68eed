"""What a box tells its neighbours about itself: signed, for one receiver, never twice."""

from base64 import b64decode
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from appliance.cluster.errors import AnnouncementRefused
from secure_compute.errors import CertificateRefused
from secure_compute.peers import check_peer_signature

MAX_ANNOUNCEMENT: Final = 1 << 20
"""Bytes of the longest announcement that is read."""

_USE: Final = b"wardbox cluster announcement v1\0"
_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Address = Annotated[str, Meta(min_length=2, max_length=45)]
_Count = Annotated[int, Meta(ge=0, le=1 << 31)]


class Offer(Struct, frozen=True, forbid_unknown_fields=True):
    """A model, alone or with one of its adapters, that a box can be asked for right now.

    Attributes:
        model: Model id on the box's shelf.
        adapter: Id of the adapter, or None for the base alone.
        digest: Digest of the model's signed manifest.
        adapter_digest: Digest of the adapter's manifest.
        content: Digest of the weights alone, which two boxes with the same ones have in common.
        engine: Name of the engine that runs it.
        called: What that engine calls it; "" where that is `model`.
        context: Longest context in tokens; 0 when it is not known.
        abilities: What it can do.
        slots: Requests that its engine works on at once.
        load: Requests that are with it now, without those of whom the offer is made to.
    """

    model: _Name
    adapter: _Name | None
    digest: _Digest
    adapter_digest: _Digest | None
    content: _Digest
    engine: _Name
    called: Annotated[str, Meta(max_length=128)]
    context: _Count
    abilities: Annotated[tuple[_Name, ...], Meta(max_length=32)]
    slots: Annotated[int, Meta(ge=1, le=65_536)]
    load: _Count


class Share(Struct, frozen=True, forbid_unknown_fields=True):
    """One target of a served name, and how much of a hundred goes there."""

    model: _Name
    adapter: _Name | None
    weight: Annotated[int, Meta(ge=0, le=100)]


class Neighbour(Struct, frozen=True, forbid_unknown_fields=True):
    """A member as the first box knows it; `port` of its peer door is 0 while that is not known."""

    name: Annotated[str, Meta(max_length=80)]
    port: Annotated[int, Meta(ge=0, le=65_535)]


class Announcement(Struct, frozen=True, forbid_unknown_fields=True):
    """What one box tells one other.

    Attributes:
        sender: Its address on the interconnect.
        port: Where its peer door listens.
        to: What the receiver drew when it began to listen, so that no older word is taken for new.
        seq: Larger than in every announcement of this sender before.
        leaving: Whether it takes no new requests.
        offers: What it can be asked for.
        names: Served names that it shares, with their targets.
        members: Everybody who belongs to the cluster; only the first box says so.
    """

    sender: _Address
    port: Annotated[int, Meta(ge=1, le=65_535)]
    to: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=1)]
    leaving: bool
    offers: Annotated[tuple[Offer, ...], Meta(max_length=512)] = ()
    names: Annotated[
        dict[_Name, Annotated[tuple[Share, ...], Meta(max_length=8)]], Meta(max_length=512)
    ] = {}
    members: Annotated[dict[_Address, Neighbour], Meta(max_length=1024)] | None = None


Reason = Literal["unsigned", "malformed", "foreign", "replayed", "stranger"]
_DECODER: Final = msgspec.json.Decoder(Announcement)


@dataclass(frozen=True, slots=True)
class Signed:
    """An announcement as it came in.

    Attributes:
        body: Its bytes.
        signature: As in the header, base64 of an ECDSA signature; "" where there is none.
    """

    body: bytes
    signature: str


def to_sign(body: bytes) -> bytes:
    """What a box puts its signature under, which nothing else that it signs can be taken for."""
    return _USE + body


def judge(signed: Signed, sender: str, certificate: bytes) -> Announcement:
    """Judge an announcement that came over TLS.

    Args:
        signed: As it came in.
        sender: Address in the certificate of who sent it.
        certificate: That certificate, DER; TLS has accepted it.

    Raises:
        AnnouncementRefused: It is not signed by its sender, speaks for another, or is malformed.
    """
    try:
        signature = b64decode(signed.signature, validate=True)
        check_peer_signature(certificate, signature, to_sign(signed.body))
    except (ValueError, CertificateRefused) as error:
        raise refused(sender, "unsigned") from error
    try:
        told = _DECODER.decode(signed.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refused(sender, "malformed") from error
    if told.sender != sender:
        raise refused(sender, "foreign")
    return told


_REASONS: Final = {
    "unsigned": ("没有有效签名", "no valid signature is under it"),
    "malformed": ("格式有误", "it is malformed"),
    "foreign": ("替他机说话", "it speaks for another box"),
    "replayed": ("是重放的旧公告", "it is an old one"),
    "stranger": ("发送方不是成员", "its sender is no member"),
}


def refused(sender: str, reason: Reason) -> AnnouncementRefused:
    """The refusal of an announcement."""
    zh, en = _REASONS[reason]
    return AnnouncementRefused(sender=sender, reason=reason, reason_zh=zh, reason_en=en)
