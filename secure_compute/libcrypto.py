"""SM2 by the system's OpenSSL (libcrypto 3), in this process: no key passes through a file."""

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes.util import find_library
from functools import cache
from typing import Any, Final

from secure_compute.errors import KeyMalformed, ModuleMissing, SealBroken
from secure_compute.secret import scrub

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 65
SIGNATURE_SIZE: Final = 64
_ID: Final = b"1234567812345678"
_HALF: Final = 32
_UNCOMPRESSED: Final = 4
# DER around a private scalar (RFC 5915, no public part) and a public point (RFC 5480) on curve SM2.
_PRIVATE_HEAD: Final = bytes.fromhex("302d0201010420")
_PRIVATE_TAIL: Final = bytes.fromhex("a00a06082a811ccf5501822d")
_PUBLIC_HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
# GB/T 32918.5-2017: the order of the group; private scalars stay below it by two.
_ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_MAX_PLAIN: Final = 1 << 16
# What GM/T 0009 puts around it: a point, a digest, and DER.
_AROUND: Final = 256


def public(seed: bytes) -> bytes:
    """The public point of a private scalar; KeyMalformed when the scalar is out of range."""
    lib = _library()
    with _private(seed) as key:
        size = lib.i2d_PUBKEY(key, None)
        out = ctypes.create_string_buffer(max(size, 1))
        at = ctypes.c_void_p(ctypes.addressof(out))
        lib.i2d_PUBKEY(key, ctypes.byref(at))
        der = out.raw[:size]
    if not der.startswith(_PUBLIC_HEAD) or len(der) != len(_PUBLIC_HEAD) + PUBLIC_SIZE:
        raise KeyMalformed(reason="it is not a key of SM2")
    return der[len(_PUBLIC_HEAD) :]


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature (r, s) with SM3 and the usual identity; 64 bytes."""
    lib = _library()
    with _private(seed) as key, _digest(key) as context:
        lib.check(lib.EVP_DigestSignInit(context, None, lib.EVP_sm3(), None, key))
        size = ctypes.c_size_t(128)
        out = ctypes.create_string_buffer(size.value)
        lib.check(lib.EVP_DigestSign(context, out, ctypes.byref(size), message, len(message)))
        return _raw(out.raw[: size.value])


def verify(point: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds; False for malformed input too."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    lib, der = _library(), _der(signature)
    try:
        with _public(point) as key, _digest(key) as context:
            lib.check(lib.EVP_DigestVerifyInit(context, None, lib.EVP_sm3(), None, key))
            return bool(lib.EVP_DigestVerify(context, der, len(der), message, len(message)) == 1)
    except KeyMalformed:
        return False


def encrypt(point: bytes, data: bytes) -> bytes:
    """Encrypt at most 64 KiB to a public point; the ASN.1 form of GM/T 0009."""
    with _public(point) as key:
        return _crypt(key, data, "encrypt")


def decrypt(seed: bytes, data: bytes) -> bytes:
    """Open what `encrypt` made; SealBroken otherwise."""
    with _private(seed) as key:
        try:
            if not _is_one_sequence(data):
                raise KeyMalformed(reason="it is not a key of SM2")  # noqa: TRY301  # told with the rest
            return _crypt(key, data, "decrypt")
        except KeyMalformed:
            raise SealBroken from None


def _crypt(key: int, data: bytes, what: str) -> bytes:
    lib = _library()
    if not 0 < len(data) <= _MAX_PLAIN + (_AROUND if what == "decrypt" else 0):
        raise KeyMalformed(reason="it is not a key of SM2")
    context = lib.EVP_PKEY_CTX_new(key, None)
    try:
        lib.check(getattr(lib, f"EVP_PKEY_{what}_init")(context))
        size = ctypes.c_size_t(0)
        work = getattr(lib, f"EVP_PKEY_{what}")
        lib.check(work(context, None, ctypes.byref(size), data, len(data)))
        out = ctypes.create_string_buffer(max(size.value, 1))
        lib.check(work(context, out, ctypes.byref(size), data, len(data)))
        return out.raw[: size.value]
    finally:
        lib.EVP_PKEY_CTX_free(context)


class _Library:
    """The functions in use, with their types: everything else would be cut to 32 bits."""

    def __init__(self, library: ctypes.CDLL) -> None:
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        data = ctypes.c_char_p
        sizes = ctypes.POINTER(size)
        shapes: dict[str, tuple[Any, tuple[Any, ...]]] = {
            "d2i_AutoPrivateKey": (pointer, (pointer, pointer, ctypes.c_long)),
            "d2i_PUBKEY": (pointer, (pointer, pointer, ctypes.c_long)),
            "i2d_PUBKEY": (number, (pointer, pointer)),
            "EVP_PKEY_free": (None, (pointer,)),
            "EVP_sm3": (pointer, ()),
            "EVP_MD_CTX_new": (pointer, ()),
            "EVP_MD_CTX_free": (None, (pointer,)),
            "EVP_MD_CTX_set_pkey_ctx": (None, (pointer, pointer)),
            "EVP_PKEY_CTX_new": (pointer, (pointer, pointer)),
            "EVP_PKEY_CTX_free": (None, (pointer,)),
            "EVP_PKEY_CTX_set1_id": (number, (pointer, data, number)),
            "EVP_DigestSignInit": (number, (pointer,) * 5),
            "EVP_DigestSign": (number, (pointer, data, sizes, data, size)),
            "EVP_DigestVerifyInit": (number, (pointer,) * 5),
            "EVP_DigestVerify": (number, (pointer, data, size, data, size)),
            "EVP_PKEY_encrypt_init": (number, (pointer,)),
            "EVP_PKEY_encrypt": (number, (pointer, data, sizes, data, size)),
            "EVP_PKEY_decrypt_init": (number, (pointer,)),
            "EVP_PKEY_decrypt": (number, (pointer, data, sizes, data, size)),
            "ERR_clear_error": (None, ()),
        }
        for name, (result, arguments) in shapes.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def check(self, result: int) -> None:
        """Pass what OpenSSL calls success."""
        if result <= 0:
            self.ERR_clear_error()
            raise KeyMalformed(reason="it is not a key of SM2")


@cache
def _library() -> _Library:
    try:
        return _Library(ctypes.CDLL(find_library("crypto") or "libcrypto.so.3"))
    except (OSError, AttributeError) as error:
        raise ModuleMissing from error


@contextmanager
def _private(seed: bytes) -> Iterator[int]:
    if len(seed) != SEED_SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(seed))
    if not 0 < int.from_bytes(seed, "big") < _ORDER - 1:
        raise KeyMalformed(reason="it is not a key of SM2")
    der = bytearray(_PRIVATE_HEAD + seed + _PRIVATE_TAIL)
    # The head counts what follows: version, scalar, curve.
    der[1] = len(der) - 2
    try:
        with _loaded("d2i_AutoPrivateKey", bytes(der)) as key:
            yield key
    finally:
        scrub(der)


@contextmanager
def _public(point: bytes) -> Iterator[int]:
    if len(point) != PUBLIC_SIZE or point[0] != _UNCOMPRESSED:
        # OpenSSL reads the hybrid form (06, 07) and overlooks what follows: one key, one encoding.
        raise KeyMalformed(reason="it is not a key of SM2")
    with _loaded("d2i_PUBKEY", _PUBLIC_HEAD + point) as key:
        yield key


@contextmanager
def _loaded(how: str, der: bytes) -> Iterator[int]:
    lib = _library()
    held = ctypes.create_string_buffer(der, len(der))
    at = ctypes.c_void_p(ctypes.addressof(held))
    key = getattr(lib, how)(None, ctypes.byref(at), len(der))
    ctypes.memset(held, 0, len(der))
    if not key:
        lib.ERR_clear_error()
        raise KeyMalformed(reason="it is not a key of SM2")
    try:
        yield key
    finally:
        lib.EVP_PKEY_free(key)


@contextmanager
def _digest(key: int) -> Iterator[int]:
    lib = _library()
    with ExitStack() as undo:
        context = lib.EVP_MD_CTX_new()
        undo.callback(lib.EVP_MD_CTX_free, context)
        keyed = lib.EVP_PKEY_CTX_new(key, None)
        undo.callback(lib.EVP_PKEY_CTX_free, keyed)
        lib.check(lib.EVP_PKEY_CTX_set1_id(keyed, _ID, len(_ID)))
        lib.EVP_MD_CTX_set_pkey_ctx(context, keyed)
        yield context


def _is_one_sequence(data: bytes) -> bool:
    """Whether DER holds one SEQUENCE and nothing after it: OpenSSL overlooks what follows."""
    long = len(data) > 2 and data[1] & 0x80  # noqa: PLR2004  # tag and length
    count = data[1] & 0x7F if long else 0
    size = int.from_bytes(data[2 : 2 + count], "big") if long else int.from_bytes(data[1:2], "big")
    return data[:1] == b"0" and len(data) == 2 + count + size


def _raw(der: bytes) -> bytes:
    """SEQUENCE of two INTEGERs as 64 bytes; the library's own output, so only unpacked."""
    at, parts = 2, []
    for _ in range(2):
        size = der[at + 1]
        parts.append(int.from_bytes(der[at + 2 : at + 2 + size], "big").to_bytes(_HALF, "big"))
        at += 2 + size
    return b"".join(parts)


def _der(raw: bytes) -> bytes:
    parts = b""
    for half in (raw[:_HALF], raw[_HALF:]):
        number = int.from_bytes(half, "big")
        body = number.to_bytes(number.bit_length() // 8 + 1, "big")
        parts += bytes((2, len(body))) + body
    return bytes((0x30, len(parts))) + parts
