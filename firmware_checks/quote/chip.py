"""Takes a quote from the TPM of this machine, over a fresh nonce, with an attestation key made for it.

The key is ECC P-256, restricted to what the TPM itself makes (ECDSA, SHA-256), made anew from the owner
hierarchy's seed, so that nothing is kept. Where the maker left a certificate for an endorsement key, the
TPM proves that both keys are in it (TPM2_MakeCredential, TPM2_ActivateCredential).
Source: TPM 2.0 Library 1.59, part 1 (attestation) and part 3; TCG EK Credential Profile 2.5.
"""

import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from firmware_checks.quote.chain import same_key
from firmware_checks.quote.errors import QuoteUnavailable
from firmware_checks.quote.verify import QUOTED_PCRS, Quote

DEVICE: Final = "device:/dev/tpmrm0"
NONCE_BYTES: Final = 32
_HALF: Final = 32
_KINDS: Final = ("EK-ECC256", "EK-RSA2048")
_KEY: Final = "ecc256:ecdsa-sha256:null"


def take_quote(
    tcti: str = DEVICE, nonce: bytes | None = None, *, bank: str = "sha256", endorse: bool = True
) -> Quote:
    """A quote over PCR 0 to 7.

    Args:
        tcti: How the TPM is reached, as tpm2-tss names it.
        nonce: The asker's fresh bytes, 1 to 32; made here when left out.
        bank: Which bank, as tpm2-tss names it.
        endorse: Whether the endorsement key's certificate is read and tied to the key; takes seconds on
            TPMs whose certificate is for RSA.

    Raises:
        QuoteUnavailable: No TPM, no tpm2-tss, or the TPM refuses.
    """
    asked = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
    selection = f"{bank}:{','.join(map(str, QUOTED_PCRS))}"
    with _opened(tcti) as (tss, esapi):
        handle, public = _attestation_key(tss, esapi)
        try:
            attested, signature = esapi.quote(handle, selection, tss.TPM2B_DATA(asked))
            certificate, bound = _endorsed(tss, esapi, handle) if endorse else (b"", False)
        finally:
            esapi.flush_context(handle)
        pair = signature.signature.ecdsa
        return Quote(
            nonce=asked,
            attested=bytes(attested),
            signature=_half(pair.signatureR) + _half(pair.signatureS),
            public=b"\x04" + _half(public.unique.ecc.x) + _half(public.unique.ecc.y),
            endorsement=certificate,
            bound=bound,
        )


@contextmanager
def _opened(tcti: str) -> Iterator[tuple[Any, Any]]:
    # Its C library writes every refusal to stderr otherwise; they are told as sentences.
    os.environ.setdefault("TSS2_LOG", "all+none")  # noqa: TID251  # only that library reads it
    try:
        import tpm2_pytss  # noqa: PLC0415 - loaded when a TPM is asked
    except (ImportError, NotImplementedError) as error:
        raise QuoteUnavailable(reason="tpm2-tss is missing") from error
    try:
        with tpm2_pytss.ESAPI(tcti) as esapi:
            yield tpm2_pytss, esapi
    except tpm2_pytss.TSS2_Exception as error:
        raise QuoteUnavailable(reason=f"code 0x{error.rc:x}") from error


def _attestation_key(tss: Any, esapi: Any) -> tuple[Any, Any]:
    wanted = tss.TPMA_OBJECT
    attributes = (
        wanted.FIXEDTPM
        | wanted.FIXEDPARENT
        | wanted.SENSITIVEDATAORIGIN
        | wanted.USERWITHAUTH
        | wanted.NODA
        | wanted.RESTRICTED
        | wanted.SIGN_ENCRYPT
    )
    template = tss.TPM2B_PUBLIC.parse(_KEY, objectAttributes=attributes)
    made = esapi.create_primary(tss.TPM2B_SENSITIVE_CREATE(), template)
    return made[0], made[1].publicArea


def _endorsed(tss: Any, esapi: Any, key: Any) -> tuple[bytes, bool]:
    """The certificate of an endorsement key, and whether the TPM holds that key beside the other."""
    from tpm2_pytss import utils  # noqa: PLC0415 - loaded when a TPM is asked

    read = utils.NVReadEK(esapi)
    for kind in _KINDS:
        certificate, template = utils.create_ek_template(kind, read)
        if not certificate:
            continue
        made = esapi.create_primary(tss.TPM2B_SENSITIVE_CREATE(), template, tss.ESYS_TR.ENDORSEMENT)
        try:
            held = same_key(bytes(certificate), made[1].to_der())
            return bytes(certificate), held and _activated(tss, esapi, key, made)
        finally:
            esapi.flush_context(made[0])
    return b"", False


def _activated(tss: Any, esapi: Any, key: Any, endorsement: Any) -> bool:
    """Only the TPM that holds both keys can open a challenge that names the one and is sealed to the other."""
    from tpm2_pytss import utils  # noqa: PLC0415 - loaded when a TPM is asked

    challenge = secrets.token_bytes(NONCE_BYTES)
    sealed, secret = utils.make_credential(endorsement[1], challenge, esapi.tr_get_name(key))
    session = esapi.start_auth_session(
        tss.ESYS_TR.NONE,
        tss.ESYS_TR.NONE,
        tss.TPM2_SE.POLICY,
        tss.TPMT_SYM_DEF(algorithm=tss.TPM2_ALG.NULL),
        tss.TPM2_ALG.SHA256,
    )
    try:
        esapi.policy_secret(tss.ESYS_TR.ENDORSEMENT, session)
        opened = esapi.activate_credential(key, endorsement[0], sealed, secret, session2=session)
    finally:
        esapi.flush_context(session)
    return hmac.compare_digest(bytes(opened), challenge)


def _half(number: Any) -> bytes:
    return bytes(number).rjust(_HALF, b"\0")
