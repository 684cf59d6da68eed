"""Where a certified cryptographic module plugs in: SM2, SM3 and SM4 by OpenSSL until one does."""

from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.hashes import SM3, Hash
from typing_extensions import override

from secure_compute.errors import ModuleRefused

_TAG: Final = 16


class Sealer(Protocol):
    """Seals and opens under one SM4 key; the tag of 16 bytes stands at the end."""

    def encrypt(self, nonce: bytes, data: bytes | memoryview, aad: bytes | None) -> bytes:
        """Ciphertext and tag."""

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        """Plaintext; cryptography.exceptions.InvalidTag when it is not authentic."""


class ChineseModule(Protocol):
    """A module that computes SM2 (GB/T 32918), SM3 (GB/T 32905) and SM4 (GB/T 32907).

    A hospital that needs a certified module (GM/T 0028) implements this over its SDF or SKF interface
    (GM/T 0018, GM/T 0016) and gives it to `PLUG.use` before the vault is opened.
    """

    name: str
    """Shown in posture; with the certificate's number where there is one."""

    def sm3(self, data: bytes) -> bytes:
        """32 bytes."""

    def sm4_gcm(self, key: bytes) -> Sealer:
        """What seals under 16 bytes of key (RFC 8998)."""

    def sm2_public(self, seed: bytes) -> bytes:
        """The public point of 32 bytes of private key: 04, x, y; 65 bytes."""

    def sm2_sign(self, seed: bytes, message: bytes) -> bytes:
        """Signature (r, s), 64 bytes, with SM3 and the usual identity 1234567812345678 (GM/T 0009)."""

    def sm2_verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the signature holds; False for malformed input too."""

    def sm2_encrypt(self, public: bytes, data: bytes) -> bytes:
        """The ASN.1 ciphertext of GM/T 0009."""

    def sm2_decrypt(self, seed: bytes, data: bytes) -> bytes:
        """The plaintext; SealBroken when it does not open."""


class OpenSslModule(ChineseModule):
    """SM3 and SM4 of the `cryptography` library, SM2 of the system's libcrypto. Not certified."""

    name = "OpenSSL (not certified)"

    @override
    def sm3(self, data: bytes) -> bytes:
        made = Hash(SM3())
        made.update(data)
        return made.finalize()

    @override
    def sm4_gcm(self, key: bytes) -> Sealer:
        return _Sm4Gcm(key)

    @override
    def sm2_public(self, seed: bytes) -> bytes:
        from secure_compute import libcrypto  # noqa: PLC0415  # looks for a library of the system

        return libcrypto.public(seed)

    @override
    def sm2_sign(self, seed: bytes, message: bytes) -> bytes:
        from secure_compute import libcrypto  # noqa: PLC0415

        return libcrypto.sign(seed, message)

    @override
    def sm2_verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
        from secure_compute import libcrypto  # noqa: PLC0415

        return libcrypto.verify(public, signature, message)

    @override
    def sm2_encrypt(self, public: bytes, data: bytes) -> bytes:
        from secure_compute import libcrypto  # noqa: PLC0415

        return libcrypto.encrypt(public, data)

    @override
    def sm2_decrypt(self, seed: bytes, data: bytes) -> bytes:
        from secure_compute import libcrypto  # noqa: PLC0415

        return libcrypto.decrypt(seed, data)


class Plug:
    """Holds the module in use; a process changes it at most once, before it has sealed anything."""

    def __init__(self) -> None:
        self._module: ChineseModule = OpenSslModule()

    @property
    def module(self) -> ChineseModule:
        """The module in use."""
        return self._module

    def use(self, module: ChineseModule) -> None:
        """Plug a module in, once it has answered the examples of the standards right.

        Raises:
            ModuleRefused: It computes something else.
        """
        wrong = faults(module)
        if wrong:
            raise ModuleRefused(module=module.name, what=", ".join(wrong))
        self._module = module


def faults(module: ChineseModule) -> list[str]:
    """The algorithms that a module answers wrongly, by the examples of their standards."""
    wrong = []
    if module.sm3(b"abc").hex() != _SM3_ABC:
        wrong.append("sm3")
    sealed = module.sm4_gcm(_SM4_KEY).encrypt(_SM4_NONCE, _SM4_PLAIN, _SM4_AAD)
    if sealed.hex() != _SM4_SEALED or _opened(module) != _SM4_PLAIN:
        wrong.append("sm4")
    if module.sm2_public(_SM2_SEED).hex() != _SM2_PUBLIC or not _signs(module):
        wrong.append("sm2")
    return wrong


def _opened(module: ChineseModule) -> bytes:
    try:
        sealer = module.sm4_gcm(_SM4_KEY)
        return sealer.decrypt(_SM4_NONCE, bytes.fromhex(_SM4_SEALED), _SM4_AAD)
    except InvalidTag:
        return b""


def _signs(module: ChineseModule) -> bool:
    public, message = bytes.fromhex(_SM2_PUBLIC), b"message digest"
    mine = module.sm2_sign(_SM2_SEED, message)
    return (
        module.sm2_verify(public, bytes.fromhex(_SM2_SIGNATURE), message)
        and module.sm2_verify(public, mine, message)
        and not module.sm2_verify(public, mine, message + b".")
    )


class _Sm4Gcm(Sealer):
    def __init__(self, key: bytes) -> None:
        self._key = SM4(key)

    @override
    def encrypt(self, nonce: bytes, data: bytes | memoryview, aad: bytes | None) -> bytes:
        maker = Cipher(self._key, modes.GCM(nonce)).encryptor()
        maker.authenticate_additional_data(aad or b"")
        return maker.update(data) + maker.finalize() + maker.tag

    @override
    def decrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        if len(data) < _TAG:
            raise InvalidTag
        opener = Cipher(self._key, modes.GCM(nonce, data[-_TAG:])).decryptor()
        opener.authenticate_additional_data(aad or b"")
        return opener.update(data[:-_TAG]) + opener.finalize()


# GB/T 32905-2016 A.1; RFC 8998 A.1; GB/T 32918.5-2017 A.2.
_SM3_ABC: Final = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_SM4_KEY: Final = bytes.fromhex("0123456789abcdeffedcba9876543210")
_SM4_NONCE: Final = bytes.fromhex("00001234567800000000abcd")
_SM4_AAD: Final = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_SM4_PLAIN: Final = bytes.fromhex(
    "".join(f"{byte:02x}" * 8 for byte in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa")
)
_SM4_SEALED: Final = (
    "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
    "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    "83de3541e4c2b58177e065a9bf7b62ec"
)
_SM2_SEED: Final = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
_SM2_PUBLIC: Final = (
    "04"
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_SM2_SIGNATURE: Final = (
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)

PLUG: Final = Plug()
"""The one plug of a process: envelopes are opened by code that has no collaborator to ask."""
