"""TLS of the box: one context, which certificate it shows, and a new one shown without a restart."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from cryptography import x509

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from secure_compute.certificates import fingerprint
from secure_compute.chains import judge_chain, server_names

# TLS 1.2 with forward secrecy and authenticated encryption alone; TLS 1.3 has nothing else.
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
_DAY_S: Final = 86_400

Source = Literal["box", "own"]


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificate that clients see.

    Attributes:
        source: "box" when the box issued it, "own" when the hospital installed it.
        subject: Whom it names.
        issuer: Who issued it.
        names: Host names and addresses in it.
        not_before: Its beginning.
        not_after: Its end.
        fingerprint: SHA-256 as people compare it.
    """

    source: Source
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str

    def expires_in_days(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has."""
        return int((self.not_after - now).total_seconds() // _DAY_S)


class TlsKeeper:
    """Owns the context of the TLS port. `refresh` looks whether the files have changed.

    Connections that are open keep what they began with; new ones see the new certificate.

    Args:
        layout: where the box keeps its state.

    Raises:
        OSError, ssl.SSLError: no certificate can be loaded.
    """

    def __init__(self, layout: StateLayout) -> None:
        self._layout = layout
        self.context = _context(layout.ca_file)
        self._seen: tuple[object, ...] = ()
        self.source: Source = "box"
        self.passed_over = False
        """Whether the hospital's own certificate lies there and could not be loaded at the start."""
        try:
            self._load()
        except (OSError, ssl.SSLError):
            # A box that does not start helps nobody: the local console has to work for the repair.
            if not layout.own_certificate.exists():
                raise
            self.passed_over = True
            self._load(own=False)

    def refresh(self) -> bool:
        """Load the certificate again if its files have changed; True when a new one is shown.

        A pair that cannot be loaded leaves the one in use where it is.
        """
        if self._state() == self._seen:
            return False
        try:
            self._load()
        except (OSError, ssl.SSLError):
            # Half a change: the next look finds it whole.
            return False
        return True

    def _load(self, *, own: bool = True) -> None:
        state = self._state()
        source, certificate, key = _pair(self._layout, own=own)
        # Tried apart first: a context keeps the half that it could load.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        self.context.load_cert_chain(certificate, key)
        self._seen, self.source = state, source

    def _state(self) -> tuple[object, ...]:
        paths = (self._layout.own_certificate, self._layout.tls_cert, self._layout.tls_key)
        return tuple(_mark(path) for path in paths)


def certificate_in_use(layout: StateLayout) -> ServerCertificate:
    """Read the certificate that clients see.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    source, path, _ = _pair(layout)
    pem = path.read_bytes()
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])
    return ServerCertificate(
        source,
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        server_names(certificate),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        fingerprint(pem[pem.index(b"-----BEGIN CERT") :]),
    )


def expires_in_days(layout: StateLayout, now: datetime) -> int:
    """Whole days until the certificate that clients see ends; negative once it has.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    return certificate_in_use(layout).expires_in_days(now)


def install_certificate(
    layout: StateLayout, certificate_pem: bytes, key_pem: bytes, names: Sequence[str], now: datetime
) -> None:
    """Put the hospital's own certificate in the place of the box's, if it is good.

    Key and chain stand in one file, so that a crash leaves the old pair or the new one.

    Args:
        layout: where the box keeps its state.
        certificate_pem: the server's certificate, then its chain.
        key_pem: its private key.
        names: host names that it must hold.
        now: wall time with a time zone.

    Raises:
        CertificateRefused: what is wrong with it; the one in use stays.
    """
    chain = judge_chain(certificate_pem, key_pem, names, now)
    write_private(layout.own_certificate, chain.pem)


def remove_certificate(layout: StateLayout) -> bool:
    """Go back to the certificate of the box's own authority; False when it was in use already."""
    if not layout.own_certificate.exists():
        return False
    layout.own_certificate.unlink()
    return True


def _pair(layout: StateLayout, *, own: bool = True) -> tuple[Source, Path, Path | None]:
    if own and layout.own_certificate.exists():
        return "own", layout.own_certificate, None
    return "box", layout.tls_cert, layout.tls_key


def _context(ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if ca_file.exists():
        # A client may show a certificate of the box's own authority; another one is refused.
        context.load_verify_locations(ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
