"""Reads what a client sends: the head's few facts and a body of bounded length and time."""

import asyncio
from typing import Final

from starlette.types import Receive, Scope

from appliance.access.errors import AccessRefused
from appliance.api.crowd import HALVES
from appliance.api.errors import BodyTooLarge, BodyTooSlow, EncodingRefused
from appliance.api.hot.head import PATIENT
from appliance.bodies.errors import PatientInvalid

BODY_SECONDS: Final = 30
_LONGEST_KEY: Final = 512
# What a body may be coded in that nobody has to unpack.
_UNPACKED: Final = {b"content-encoding": b"identity", b"transfer-encoding": b"chunked"}


def read_head(scope: Scope, limit: int) -> str | None:
    """Judge the headers and return the Authorization header.

    Raises:
        EncodingRefused: the body is compressed.
        BodyTooLarge: it says that it is longer than `limit` bytes.
        AccessRefused: two Authorization headers, or one far longer than any key.
    """
    authorization: bytes | None = None
    api_key: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is not None:
                raise AccessRefused
            authorization = value
        elif name == b"x-api-key":
            if api_key is not None:
                raise AccessRefused
            api_key = value
        elif name in _UNPACKED and value.strip().lower() != _UNPACKED[name]:
            raise EncodingRefused
        elif name == b"content-length" and int(value) > limit:
            raise BodyTooLarge(limit=limit)
    return authorization_of(authorization, api_key)


def authorization_of(authorization: bytes | None, api_key: bytes | None) -> str | None:
    """The Authorization header, or the one that Anthropic's clients send in its place.

    Raises:
        AccessRefused: it is far longer than any key.
    """
    value = authorization
    if value is None:
        if api_key is None:
            return None
        value = b"Bearer " + api_key
    if len(value) > _LONGEST_KEY:
        raise AccessRefused
    return value.decode("latin-1")


def patient_in(scope: Scope) -> str | None:
    """The patient whom a request names by its header, or None. Raises PatientInvalid."""
    found = [value for name, value in scope["headers"] if name == PATIENT]
    if len(found) > 1:
        raise PatientInvalid
    return patient_of(found[0]) if found else None


def patient_of(value: bytes) -> str:
    """The patient in a header's value, UTF-8. Raises PatientInvalid."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise PatientInvalid from None


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLarge: it is longer than `limit` bytes.
        BodyTooSlow: it was not whole in `BODY_SECONDS`.
        BoxCrowded: all bodies that are not whole are too much to hold.
        CancelledError: the client hung up.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body"):
        # Nearly every body comes whole with its head.
        if len(body) > limit:
            raise BodyTooLarge(limit=limit)
        return body
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_rest(receive, body, limit)
    except TimeoutError:
        raise BodyTooSlow(seconds=BODY_SECONDS) from None


async def _read_rest(receive: Receive, first: bytes, limit: int) -> bytes:
    body, piece, whole, held = bytearray(), first, False, 0
    try:
        while True:
            body += piece
            if len(body) > limit:
                raise BodyTooLarge(limit=limit)
            if whole:
                return bytes(body)
            held += len(piece)
            HALVES.take(len(piece))
            message = await receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            piece, whole = message.get("body", b""), not message.get("more_body")
    finally:
        HALVES.give_back(held)
