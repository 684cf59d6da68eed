"""A secret in the TPM 2.0 of this machine, sealed to its measurements (PCRs).

The storage root key is made anew from the owner hierarchy's seed (ECC P-256, AES-128-CFB, as systemd and
tpm2-tools make it), so that nothing has to be kept inside the TPM. A key is sealed under it with PolicyPCR as its only way out.
Both the key on its way in and on its way out travel under a session that is salted to the storage root
key: who listens on the bus between processor and TPM learns nothing. The name of the storage root key is
remembered, so that another TPM, a cleared one, or one that somebody plays on the bus, is told.
Source: TPM 2.0 Library 1.59, part 1 (sessions, parameter encryption) and part 3.
"""

import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from secure_compute.errors import KeyMalformed
from secure_compute.patience import Patience
from secure_compute.secret import Secret
from secure_compute.slot_errors import (
    TpmLockedOut,
    TpmPolicyFailed,
    TpmReplaced,
    TpmUnavailable,
)

BANK: Final = "sha256"
LAST_PCR: Final = 23
DEVICE: Final = "device:/dev/tpmrm0"
ANSWER_S: Final = 20.0
"""A slow chip takes a few seconds for a whole conversation; one that takes longer is silent."""
_SIZE: Final = 32
_TEMPLATE: Final = "ecc256:aes128cfb"
# TPM 2.0 Library part 2, table 16: the codes that a person can do something about.
_RC_POLICY_FAIL: Final = 0x01D
_RC_LOCKOUT: Final = 0x921
_FORMAT_ONE: Final = 0x080
_REASONS: Final[Mapping[int, tuple[str, str]]] = {
    # The storage root key is the right one by now: it is what was sealed that changed.
    0x1F: ("封装的内容已损坏", "what was sealed in it is damaged"),
    0x22: ("其所有者层级设有密码,须先清除", "its owner hierarchy has a password, which has to go"),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SealedInTpm:
    """What lies outside the TPM; only the TPM that made it can use it.

    Attributes:
        public: The sealed object's public area.
        private: Its private area, encrypted by the TPM.
        parent: Name of the storage root key, hexadecimal.
        pcrs: PCR number -> value that it must have, hexadecimal, in the SHA-256 bank.
    """

    public: bytes
    private: bytes
    parent: str
    pcrs: Mapping[int, str]

    def to_fields(self) -> dict[str, str]:
        """Text fields for a slot."""
        return {
            "parent": self.parent,
            "pcrs": " ".join(f"{number}:{self.pcrs[number]}" for number in sorted(self.pcrs)),
            "private": b64encode(self.private).decode(),
            "public": b64encode(self.public).decode(),
        }

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "SealedInTpm":
        """Read what `to_fields` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        pcrs = {}
        for item in fields["pcrs"].split(" "):
            number, _, value = item.partition(":")
            if not 0 <= int(number) <= LAST_PCR or len(bytes.fromhex(value)) != _SIZE:
                raise ValueError
            pcrs[int(number)] = value
        public, private = (b64decode(fields[name], validate=True) for name in ("public", "private"))
        bytes.fromhex(fields["parent"])
        made = cls(public, private, fields["parent"], pcrs)
        if made.to_fields() != {name: fields[name] for name in made.to_fields()}:
            raise ValueError
        return made


class Tpm:
    """The TPM behind a TCTI, opened anew for each call.

    Args:
        tcti: How it is reached, as tpm2-tss names it: "device:/dev/tpmrm0", "swtpm:host=...,port=...".
        patience: Seconds that one conversation may take.
    """

    def __init__(self, tcti: str = DEVICE, patience: float = ANSWER_S) -> None:
        self.tcti = tcti
        self._patience = Patience(patience)

    def present(self) -> bool:
        """Whether a device is there at all; says nothing about whether it works."""
        kind, _, path = self.tcti.partition(":")
        return kind != "device" or Path(path).exists()

    def seal(self, key: Secret, pcrs: tuple[int, ...]) -> SealedInTpm:
        """Seal 32 bytes to the present values of some PCRs.

        Raises:
            TpmUnavailable, TpmLockedOut: The TPM does not do it.
            KeyMalformed: The key has another size, or no PCR or one that does not exist is named.
        """
        if len(key) != _SIZE:
            raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
        if not pcrs or not all(0 <= number <= LAST_PCR for number in pcrs):
            raise TpmUnavailable(reason_zh="没有这样的 PCR", reason="there is no such PCR")
        return self.ask(lambda tpm: tpm.seal(key, tuple(sorted(set(pcrs)))))

    def unseal(self, sealed: SealedInTpm) -> Secret:
        """The 32 bytes, if this is the TPM and the PCRs are what they were.

        Raises:
            TpmPolicyFailed: A PCR has another value; the sentence names it.
            TpmReplaced: Another TPM, or a cleared one.
            TpmLockedOut, TpmUnavailable: The TPM does not do it.
        """
        return self.ask(lambda tpm: tpm.unseal(sealed))

    def read(self, pcrs: tuple[int, ...]) -> dict[int, str]:
        """The present values of PCRs in the SHA-256 bank, hexadecimal.

        Raises:
            TpmUnavailable: The TPM does not answer.
        """
        return self.ask(lambda tpm: tpm.read(pcrs))

    def ask(self, work: Callable[["OpenTpm"], T]) -> T:
        """One conversation with it; also for what else a TPM can do (`secure_compute.tpm_cosigner`).

        Raises:
            TpmUnavailable, TpmLockedOut: The TPM does not do it, or is silent.
        """

        def talk() -> T:
            with self._opened() as tpm:
                return work(tpm)

        try:
            return self._patience.ask(talk)
        except TimeoutError as error:
            seconds = f"{self._patience.seconds:g}"
            zh, en = f"它在 {seconds} 秒内没有应答", f"it did not answer within {seconds} s"
            raise TpmUnavailable(reason_zh=zh, reason=en) from error

    @contextmanager
    def _opened(self) -> Iterator["OpenTpm"]:
        # Its C library writes every refusal to stderr otherwise; they are told as sentences.
        os.environ.setdefault("TSS2_LOG", "all+none")  # noqa: TID251  # only that library reads it
        try:
            import tpm2_pytss  # noqa: PLC0415  # loaded when a TPM is used
        except ImportError as error:
            raise TpmUnavailable(reason_zh="缺少 tpm2-tss", reason="tpm2-tss is missing") from error
        if not self.present():
            raise TpmUnavailable(reason_zh="这台机器没有 TPM 设备", reason="there is no TPM device")
        try:
            with tpm2_pytss.ESAPI(self.tcti) as esapi:
                yield OpenTpm(tpm2_pytss, esapi)
        except tpm2_pytss.TSS2_Exception as error:
            raise _told(error.rc) from error


class OpenTpm:
    """One conversation with a TPM; what it loads is flushed at its end by the resource manager or here."""

    def __init__(self, tss: Any, esapi: Any) -> None:
        self.tss = tss
        self.esapi = esapi

    def seal(self, key: Secret, pcrs: tuple[int, ...]) -> SealedInTpm:
        """Seal 32 bytes to the present values of PCRs."""
        tss = self.tss
        values = self.read(pcrs)
        with self.root_key() as (root, name):
            template = tss.TPM2B_PUBLIC(
                tss.TPMT_PUBLIC(
                    type=tss.TPM2_ALG.KEYEDHASH,
                    nameAlg=tss.TPM2_ALG.SHA256,
                    objectAttributes=tss.TPMA_OBJECT.FIXEDTPM | tss.TPMA_OBJECT.FIXEDPARENT,
                    authPolicy=_policy(values),
                    parameters=tss.TPMU_PUBLIC_PARMS(
                        keyedHashDetail=tss.TPMS_KEYEDHASH_PARMS(
                            scheme=tss.TPMT_KEYEDHASH_SCHEME(scheme=tss.TPM2_ALG.NULL)
                        )
                    ),
                )
            )
            sensitive = tss.TPM2B_SENSITIVE_CREATE(
                tss.TPMS_SENSITIVE_CREATE(data=tss.TPM2B_SENSITIVE_DATA(key.reveal()))
            )
            with self.session(root, tss.TPM2_SE.HMAC) as session:
                made = self.esapi.create(root, sensitive, template, session1=session)
        return SealedInTpm(made[1].marshal(), made[0].marshal(), name, values)

    def unseal(self, sealed: SealedInTpm) -> Secret:
        """The 32 bytes, under the policy that they were sealed with."""
        tss, esapi = self.tss, self.esapi
        with self.root_key() as (root, name):
            if name != sealed.parent:
                raise TpmReplaced
            private = tss.TPM2B_PRIVATE.unmarshal(sealed.private)[0]
            public = tss.TPM2B_PUBLIC.unmarshal(sealed.public)[0]
            with self.session(root, tss.TPM2_SE.HMAC) as session:
                item = esapi.load(root, private, public, session1=session)
            try:
                with self.session(root, tss.TPM2_SE.POLICY) as session:
                    esapi.policy_pcr(session, b"", _selection(sealed.pcrs))
                    data = bytes(esapi.unseal(item, session1=session))
            except tss.TSS2_Exception as error:
                if error.rc & 0x3F == _RC_POLICY_FAIL & 0x3F and error.rc & _FORMAT_ONE:
                    now = self.read(tuple(sealed.pcrs))
                    raise _changed(sealed.pcrs, now) from error
                raise
            finally:
                esapi.flush_context(item)
        return Secret(data)

    def read(self, pcrs: tuple[int, ...]) -> dict[int, str]:
        """The present values of PCRs, hexadecimal."""
        values: dict[int, str] = {}
        # A TPM gives at most eight at a time, and may give fewer.
        for number in pcrs:
            _, _, digests = self.esapi.pcr_read(_selection((number,)))
            if not len(digests):
                raise TpmUnavailable(
                    reason_zh="它没有 SHA-256 度量", reason="it keeps no SHA-256 measurements"
                )
            values[number] = bytes(digests[0]).hex()
        return values

    @contextmanager
    def root_key(self) -> Iterator[tuple[Any, str]]:
        """The storage root key, made anew, and its name."""
        tss, esapi = self.tss, self.esapi
        attributes = tss.TPMA_OBJECT.DEFAULT_TPM2_TOOLS_CREATEPRIMARY_ATTRS | tss.TPMA_OBJECT.NODA
        template = tss.TPM2B_PUBLIC.parse(_TEMPLATE, objectAttributes=attributes)
        handle = esapi.create_primary(tss.TPM2B_SENSITIVE_CREATE(), template)[0]
        try:
            yield handle, bytes(esapi.tr_get_name(handle)).hex()
        finally:
            esapi.flush_context(handle)

    @contextmanager
    def session(self, root: Any, kind: Any) -> Iterator[Any]:
        """A session that is salted to the storage root key and encrypts what it carries."""
        tss, esapi = self.tss, self.esapi
        cipher = tss.TPMT_SYM_DEF(
            algorithm=tss.TPM2_ALG.AES,
            keyBits=tss.TPMU_SYM_KEY_BITS(aes=128),
            mode=tss.TPMU_SYM_MODE(aes=tss.TPM2_ALG.CFB),
        )
        session = esapi.start_auth_session(
            root, tss.ESYS_TR.NONE, kind, cipher, tss.TPM2_ALG.SHA256
        )
        wanted = tss.TPMA_SESSION.DECRYPT | tss.TPMA_SESSION.ENCRYPT
        esapi.trsess_set_attributes(session, wanted | tss.TPMA_SESSION.CONTINUESESSION)
        try:
            yield session
        finally:
            esapi.flush_context(session)


def _selection(pcrs: Any) -> str:
    return f"{BANK}:{','.join(str(number) for number in sorted(pcrs))}"


def _policy(values: Mapping[int, str]) -> bytes:
    """The policy digest of PolicyPCR over these values (part 3, 23.7)."""
    bits = bytearray(3)
    for number in values:
        bits[number // 8] |= 1 << number % 8
    selection = bytes.fromhex("00000001 000b 03") + bytes(bits)
    digest = hashlib.sha256(b"".join(bytes.fromhex(values[n]) for n in sorted(values))).digest()
    return hashlib.sha256(bytes(32) + bytes.fromhex("0000017f") + selection + digest).digest()


def _changed(then: Mapping[int, str], now: Mapping[int, str]) -> TpmPolicyFailed:
    changed = sorted(number for number in then if then[number] != now[number])
    return TpmPolicyFailed(registers=", ".join(f"PCR {number}" for number in changed) or "PCR ?")


def _told(code: int) -> Exception:
    if code & 0xFFF == _RC_LOCKOUT:
        return TpmLockedOut()
    found = _REASONS.get(code & 0x3F) if code & _FORMAT_ONE else None
    zh, en = found or (f"返回代码 0x{code:x}", f"it answered with code 0x{code:x}")
    return TpmUnavailable(reason_zh=zh, reason=en)
