"""The box's TLS certificate: issued by its own authority, whose key lies in the vault."""

from collections.abc import Callable, Sequence
from datetime import datetime

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from appliance.vault.opened import Opened
from secure_compute.certificates import Credential, issue_server, renewal_reason
from secure_compute.chains import names_in

PUBLIC = 0o644


def renew_certificate(
    layout: StateLayout, opened: Opened, names: Sequence[str], clock: Callable[[], datetime]
) -> str | None:
    """Issue the server certificate anew if it is absent, ageing or lacks a name.

    Args:
        layout: where the box keeps its state.
        opened: the open vault, which holds the authority.
        names: host names and addresses by which clients reach the box, the main one first.
        clock: wall time with a time zone.

    Returns:
        Why it was issued (`absent`, `expiring`, `names`, ...), or None if the present one is good.

    Raises:
        VaultLocked: the vault was locked in the meantime.
        CertificateRefused: a name cannot stand in a certificate.
    """
    return renew_box_certificate(layout, opened.ca(), names, clock)


def renew_box_certificate(
    layout: StateLayout,
    authority: Credential,
    names: Sequence[str],
    clock: Callable[[], datetime],
) -> str | None:
    """The same, for whoever holds the authority; names that it holds already stay in it."""
    reason: str | None = "absent"
    kept = list(names)
    if layout.tls_cert.exists() and layout.tls_key.exists():
        present = layout.tls_cert.read_bytes()
        kept += [name for name in names_in(present) if name not in kept]
        reason = renewal_reason(present, authority.certificate_pem, kept, clock())
    if reason is not None:
        issued = issue_server(authority, kept or ["localhost"], clock())
        write_private(layout.tls_key, issued.key_pem)
        write_private(layout.tls_cert, issued.certificate_pem, PUBLIC)
    return reason
