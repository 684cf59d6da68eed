"""The box's own certificate authority: its key in the vault, its server certificate outside."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from secure_compute.certificates import (
    Credential,
    issue_server,
    make_authority,
    renewal_reason,
)

PUBLIC = 0o644


class Authority:
    """Issues the box's TLS certificate. Needs the vault open: the authority's key lies inside.

    Args:
        layout: where the box keeps its state.
        clock: wall time with a time zone.
    """

    def __init__(self, layout: StateLayout, clock: Callable[[], datetime]) -> None:
        self._layout = layout
        self._clock = clock

    @property
    def _key_file(self) -> Path:
        return self._layout.files_mount / "authority" / "ca.key"

    def establish(self, name: str) -> None:
        """Make the authority unless there is one; an interrupted call can be repeated.

        Args:
            name: what people see in their certificate stores, 1-64 characters.
        """
        if self._key_file.exists() and self._layout.ca_file.exists():
            return
        made = make_authority(name, self._clock())
        write_private(self._layout.ca_file, made.certificate_pem, PUBLIC)
        write_private(self._key_file, made.key_pem)

    def renew(self, names: Sequence[str]) -> str | None:
        """Issue the server certificate anew if it is absent, ageing or lacks a name.

        Args:
            names: host names and addresses by which clients reach the box.

        Returns:
            Why it was issued, or None if the present one is good.
        """
        authority = self._layout.ca_file.read_bytes()
        reason = "absent"
        if self._layout.tls_cert.exists() and self._layout.tls_key.exists():
            present = self._layout.tls_cert.read_bytes()
            found = renewal_reason(present, authority, names, self._clock())
            if found is None:
                return None
            reason = found
        issued = issue_server(
            Credential(authority, self._key_file.read_bytes()), names, self._clock()
        )
        write_private(self._layout.tls_key, issued.key_pem)
        write_private(self._layout.tls_cert, issued.certificate_pem, PUBLIC)
        return reason
