"""Sign-in from outside directories, client certificates, and the certificate that the box shows."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from appliance.access.gate import LOCAL, Audit
from appliance.access.grants import Grant
from appliance.access.service import AccessService
from appliance.audit import events_signin
from appliance.audit.event import Event
from appliance.db.database import Db
from appliance.jobs.schedule import Schedules
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.signin.clients import ClientCertificates
from appliance.signin.directory import DirectorySignIn, quietly
from appliance.signin.oidc import OidcSignIn
from appliance.signin.outside import open_directory, open_provider
from appliance.signin.store import SignInStore
from appliance.vault.authority import renew_box_certificate
from appliance.vault.errors import VaultDamaged
from appliance.vault.tls import (
    ServerCertificate,
    certificate_in_use,
    install_certificate,
    remove_certificate,
)
from secure_compute.certificates import Credential

_AUDIT_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Trust:
    """What this room needs of the open vault.

    Attributes:
        layout: where certificates lie.
        authority: gives the box's own authority.
        clock: wall time, UTC.
    """

    layout: StateLayout
    authority: Callable[[], Credential]
    clock: Callable[[], datetime]


class SignInService:
    """One door to everything about people and programs that are vouched for from outside.

    Args:
        db: the box's database, with this room's migrations applied.
        access: where sessions are opened.
        audit: the audit log.
        settings: the sections [ldap], [oidc], [tls] and the box's names.
        trust: what the open vault gives.
    """

    def __init__(
        self, db: Db, access: AccessService, audit: Audit, settings: Settings, trust: Trust
    ) -> None:
        self._store = SignInStore(db)
        self._audit = audit
        self._settings = settings
        self._trust = trust
        root = trust.layout.root

        def seconds() -> float:
            return trust.clock().timestamp()

        ldap, oidc = settings.ldap, settings.oidc
        secret = self._store.secret
        self.directory = DirectorySignIn(
            ldap,
            lambda: open_directory(
                ldap, _below(root, ldap.ca_file), lambda: secret("ldap"), seconds
            ),
            access,
            self._store,
            audit,
            seconds,
        )
        self.provider = OidcSignIn(
            oidc,
            lambda: open_provider(
                oidc, _below(root, oidc.ca_file), lambda: secret("oidc"), seconds
            ),
            access,
            self._store,
            seconds,
        )
        self.clients = ClientCertificates(
            self._store, access, audit, trust.authority, seconds, settings.tls.client_days
        )
        self.grant_of_certificate = self.clients.grant_of_certificate

    def attend(self, schedules: Schedules, night: str) -> None:
        """Have the certificate renewed at night, and people looked up again all day."""
        schedules.cron("certificate", night, lambda: asyncio.to_thread(self.renew))
        if self.directory.on:
            every = self._settings.ldap.recheck_s
            schedules.every("directory", every, lambda: asyncio.to_thread(self.check))

    def check(self) -> None:
        """Look up again whether the people of the directory are still in it."""
        quietly(self.directory.check)

    def set_secret(self, way: Literal["ldap", "oidc"], value: str, by: Grant = LOCAL) -> None:
        """Keep the box's own secret at a directory, encrypted; an empty one is forgotten."""
        self._record(events_signin.signin_secret(by.actor, way=way))
        self._store.set_secret(way, value, self._trust.clock().timestamp())

    def has_secret(self, way: str) -> bool:
        """Whether a secret is kept."""
        return self._store.secret(way) is not None

    # The certificate that clients see -----------------------------------------------------------

    def certificate(self) -> ServerCertificate:
        """The certificate in use. Raises VaultDamaged when it cannot be read."""
        layout = self._trust.layout
        try:
            return certificate_in_use(layout)
        except (OSError, ValueError) as error:
            raise VaultDamaged(path=layout.tls_cert, reason=error) from error

    def expires_in_days(self) -> int:
        """Whole days until it ends; alerts ask this and compare with `tls.warn_days`."""
        return self.certificate().expires_in_days(self._trust.clock())

    def install(
        self, certificate_pem: bytes, key_pem: bytes, by: Grant = LOCAL
    ) -> ServerCertificate:
        """Show the hospital's own certificate from now on. Raises CertificateRefused."""
        names: Sequence[str] = self._settings.server.names
        install_certificate(
            self._trust.layout, certificate_pem, key_pem, names, self._trust.clock()
        )
        return self._shown("install", by, None)

    def remove(self, by: Grant = LOCAL) -> ServerCertificate:
        """Show the certificate of the box's own authority again."""
        if remove_certificate(self._trust.layout):
            return self._shown("remove", by, None)
        return self.certificate()

    def renew(self) -> None:
        """Issue the box's own certificate anew before it ends; meant to be called every night."""
        layout, names = self._trust.layout, self._settings.server.names
        reason = renew_box_certificate(layout, self._trust.authority(), names, self._trust.clock)
        if reason is not None:
            self._shown("renew", LOCAL, reason)

    def _shown(
        self, action: Literal["install", "remove", "renew"], by: Grant, reason: str | None
    ) -> ServerCertificate:
        found = self.certificate()
        actor = "box" if action == "renew" else by.actor
        plain = found.fingerprint.replace(":", "").lower()
        self._record(
            events_signin.server_certificate(action, actor, fingerprint=plain, reason=reason)
        )
        return found

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _below(root: Path, path: Path | None) -> Path | None:
    return None if path is None else root / path.expanduser()
