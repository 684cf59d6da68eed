"""A signing key that was made in the TPM and never leaves it, and a counter that never goes back.

The key is ECC P-256 for ECDSA with SHA-256 under the storage root key (fixedTPM, fixedParent,
sensitiveDataOrigin): what lies outside is its public area and a private area that only this TPM can
load. The counter is an NV index of type COUNTER: its first value is beyond whatever any counter of
this TPM has ever shown, so that deleting it and making it anew does not turn it back either. Both want
an authorisation value that the vault keeps; it travels under salted, encrypted sessions.
Source: TPM 2.0 Library 1.59, part 1 (37.2.3 NV counters), part 3 (TPM2_Create, TPM2_Sign, TPM2_NV_Increment).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from secure_compute.secret import Secret
from secure_compute.slot_errors import TpmReplaced, TpmUnavailable
from secure_compute.tpm import OpenTpm, Tpm

_HALF: Final = 32
_COUNTER_SIZE: Final = 8
# Indices that TCG's registry leaves to the owner of the machine; counters of boxes begin somewhere in it.
_FIRST_INDEX: Final = 0x01805742
_INDICES: Final = 64
_NV_HANDLES: Final = 0x01000000
_TEMPLATE: Final = "ecc256:ecdsa-sha256"
# TPM 2.0 Library part 2, table 16.
_RC_HANDLE: Final = 0x0B
_FORMAT_ONE: Final = 0x080


@dataclass(frozen=True, slots=True)
class HeldKey:
    """What lies outside the TPM of a key inside it.

    Attributes:
        public: The key's public area.
        private: Its private area, encrypted by the TPM.
        parent: Name of the storage root key, hexadecimal.
        index: NV index of the counter.
        point: The public key: 0x04, x, y (65 bytes).
    """

    public: bytes
    private: bytes
    parent: str
    index: int
    point: bytes

    def to_fields(self) -> dict[str, str]:
        """Text fields to be kept."""
        return {
            "index": f"{self.index:08x}",
            "parent": self.parent,
            "point": self.point.hex(),
            "private": b64encode(self.private).decode(),
            "public": b64encode(self.public).decode(),
        }

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "HeldKey":
        """Read what `to_fields` wrote. Raises ValueError or KeyError for anything else."""
        public, private = (b64decode(fields[name], validate=True) for name in ("public", "private"))
        point = bytes.fromhex(fields["point"])
        return cls(public, private, fields["parent"], int(fields["index"], 16), point)


class TpmCosigner:
    """Signs and counts in a TPM.

    Args:
        tpm: the machine's.
        auth: gives the 32 bytes that use of key and counter wants; they are wiped after each use.

    Every method raises TpmUnavailable or TpmLockedOut when the TPM does not do it.
    """

    def __init__(self, tpm: Tpm, auth: Callable[[], Secret]) -> None:
        self._tpm = tpm
        self._auth = auth

    def present(self) -> bool:
        """Whether there is a TPM at all."""
        return self._tpm.present()

    def make(self) -> HeldKey:
        """Make a key and a counter; the counter has counted once when this returns."""
        return self._tpm.ask(self._made)

    def forget(self, held: HeldKey) -> None:
        """Let the counter's index go; the TPM does not forget its value. Another TPM is left alone."""

        def forget(tpm: OpenTpm) -> None:
            with tpm.root_key() as (_, name):
                ours = name == held.parent
            if ours:
                self._undefine(tpm, held.index)

        self._tpm.ask(forget)

    def counter(self, held: HeldKey) -> int:
        """What the counter says. Raises TpmReplaced where it is not there."""
        return self._tpm.ask(lambda tpm: self._count(tpm, held, advance=False))

    def advance(self, held: HeldKey) -> int:
        """Count one further; what it says now. Raises TpmReplaced where it is not there."""
        return self._tpm.ask(lambda tpm: self._count(tpm, held, advance=True))

    def sign(self, held: HeldKey, message: bytes) -> bytes:
        """ECDSA over SHA-256: r and s, 64 bytes. Raises TpmReplaced by another or a cleared TPM."""
        return self._tpm.ask(lambda tpm: self._signed(tpm, held, message))

    def _made(self, tpm: OpenTpm) -> HeldKey:
        index = self._define(tpm)
        try:
            with tpm.root_key() as (root, name):
                private, public = self._create(tpm, root)
            held = HeldKey(
                public.marshal(), private.marshal(), name, index, _point(public.publicArea)
            )
            self._count(tpm, held, advance=True)
        except BaseException:
            self._undefine(tpm, index)
            raise
        return held

    def _signed(self, tpm: OpenTpm, held: HeldKey, message: bytes) -> bytes:
        tss, esapi = tpm.tss, tpm.esapi
        digest = tss.TPM2B_DIGEST(hashlib.sha256(message).digest())
        with tpm.root_key() as (root, name):
            if name != held.parent:
                raise TpmReplaced
            private = tss.TPM2B_PRIVATE.unmarshal(held.private)[0]
            public = tss.TPM2B_PUBLIC.unmarshal(held.public)[0]
            with tpm.session(root, tss.TPM2_SE.HMAC) as session:
                key = esapi.load(root, private, public, session1=session)
            try:
                esapi.tr_set_auth(key, self._word())
                with tpm.session(root, tss.TPM2_SE.HMAC) as session:
                    made = esapi.sign(key, digest, _scheme(tss), _no_ticket(tss), session)
            finally:
                esapi.flush_context(key)
        curve = made.signature.ecdsa
        return b"".join(
            bytes(part).rjust(_HALF, b"\0") for part in (curve.signatureR, curve.signatureS)
        )

    def _word(self) -> bytes:
        secret = self._auth()
        try:
            return bytes(secret.reveal())
        finally:
            secret.wipe()

    def _create(self, tpm: OpenTpm, root: Any) -> tuple[Any, Any]:
        tss = tpm.tss
        wanted = tss.TPMA_OBJECT
        attributes = (
            wanted.FIXEDTPM
            | wanted.FIXEDPARENT
            | wanted.SENSITIVEDATAORIGIN
            | wanted.USERWITHAUTH
            | wanted.NODA
            | wanted.SIGN_ENCRYPT
        )
        template = tss.TPM2B_PUBLIC.parse(_TEMPLATE, objectAttributes=attributes)
        auth = tss.TPM2B_AUTH(self._word())
        sensitive = tss.TPM2B_SENSITIVE_CREATE(tss.TPMS_SENSITIVE_CREATE(userAuth=auth))
        with tpm.session(root, tss.TPM2_SE.HMAC) as session:
            made = tpm.esapi.create(root, sensitive, template, session1=session)
        return made[0], made[1]

    def _define(self, tpm: OpenTpm) -> int:
        tss = tpm.tss
        handles = tpm.esapi.get_capability(tss.TPM2_CAP.HANDLES, _NV_HANDLES, 0xFE)[1]
        taken = {int(handle) for handle in handles.data.handles}
        free = (n for n in range(_FIRST_INDEX, _FIRST_INDEX + _INDICES) if n not in taken)
        index = next(free, None)
        if index is None:
            raise TpmUnavailable(
                reason_zh="没有空闲的计数器", reason="it has no room for a counter"
            )
        wanted = tss.TPMA_NV
        area = tss.TPM2B_NV_PUBLIC(
            tss.TPMS_NV_PUBLIC(
                nvIndex=index,
                nameAlg=tss.TPM2_ALG.SHA256,
                attributes=wanted.AUTHREAD
                | wanted.AUTHWRITE
                | wanted.NO_DA
                | tss.TPM2_NT.COUNTER << wanted.TPM2_NT_SHIFT,
                dataSize=_COUNTER_SIZE,
            )
        )
        with tpm.root_key() as (root, _), tpm.session(root, tss.TPM2_SE.HMAC) as session:
            auth = tss.TPM2B_AUTH(self._word())
            handle = tpm.esapi.nv_define_space(auth, area, session1=session)
        tpm.esapi.tr_close(handle)
        return index

    def _undefine(self, tpm: OpenTpm, index: int) -> None:
        with suppress(TpmReplaced), self._opened_index(tpm, index) as handle:
            tpm.esapi.nv_undefine_space(handle)

    def _count(self, tpm: OpenTpm, held: HeldKey, *, advance: bool) -> int:
        tss = tpm.tss
        with (
            self._opened_index(tpm, held.index) as handle,
            tpm.root_key() as (root, name),
            tpm.session(root, tss.TPM2_SE.HMAC) as session,
        ):
            if name != held.parent and held.parent:
                raise TpmReplaced
            tpm.esapi.tr_set_auth(handle, self._word())
            if advance:
                tpm.esapi.nv_increment(handle, handle, session1=session)
            value = tpm.esapi.nv_read(handle, _COUNTER_SIZE, 0, handle, session1=session)
            return int.from_bytes(bytes(value), "big")

    @contextmanager
    def _opened_index(self, tpm: OpenTpm, index: int) -> Iterator[Any]:
        try:
            handle = tpm.esapi.tr_from_tpmpublic(index)
        except tpm.tss.TSS2_Exception as error:
            if error.rc & _FORMAT_ONE and error.rc & 0x3F == _RC_HANDLE:
                # The index is not there: another TPM, or a cleared one.
                raise TpmReplaced from error
            raise
        yield handle


def _point(area: Any) -> bytes:
    point = area.unique.ecc
    return b"\x04" + b"".join(bytes(half).rjust(_HALF, b"\0") for half in (point.x, point.y))


def _scheme(tss: Any) -> Any:
    return tss.TPMT_SIG_SCHEME(scheme=tss.TPM2_ALG.NULL)


def _no_ticket(tss: Any) -> Any:
    """The key is not restricted, so that it signs what was hashed outside."""
    return tss.TPMT_TK_HASHCHECK(tag=tss.TPM2_ST.HASHCHECK, hierarchy=tss.TPM2_RH.NULL)
