"""Client certificates: issued by the box's own authority, bound by fingerprint to a key's rights."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from appliance.access.errors import AccessForbidden, KeyUnknown
from appliance.access.gate import LOCAL, Audit
from appliance.access.grants import Grant
from appliance.access.service import AccessService
from appliance.audit import events_signin
from appliance.audit.event import Event
from appliance.signin.errors import CertificateUnknown
from appliance.signin.store import ClientCertificate, SignInStore
from secure_compute.certificates import Credential, fingerprint, issue_client

_AUDIT_TIMEOUT_S: Final = 30.0


class ClientCertificates:
    """Knows which certificate stands for which key.

    A certificate has the rights of the key it is bound to, its quotas and its models; it ends with
    the key, when it is revoked, and when it expires. Its name gives no rights.

    Args:
        store: the rows of this room.
        access: knows the live keys.
        audit: the audit log.
        authority: gives the box's own authority while the vault is open.
        clock: Unix time in seconds.
        days: life of a certificate.
    """

    def __init__(
        self,
        store: SignInStore,
        access: AccessService,
        audit: Audit,
        authority: Callable[[], Credential],
        clock: Callable[[], float],
        days: int,
    ) -> None:
        self._store = store
        self._access = access
        self._audit = audit
        self._authority = authority
        self._clock = clock
        self._days = days
        self._live: dict[bytes, tuple[str, float]] = {
            bytes.fromhex(one.fingerprint): (one.key_id, one.expires)
            for one in store.certificates()
            if one.revoked is None
        }

    def grant_of_certificate(self, peer: bytes) -> Grant | None:
        """The grant of a certificate that TLS has verified; asked for every request, in memory.

        Args:
            peer: SHA-256 of the certificate's DER, 32 bytes.

        Returns:
            The live grant of its key; None when it is unknown, revoked or expired, or its key is.
        """
        bound = self._live.get(peer)
        if bound is None or self._clock() >= bound[1]:
            return None
        return self._access.grant_of_key(bound[0])

    def issue(
        self, name: str, key_id: str, csr_pem: bytes | None = None, by: Grant = LOCAL
    ) -> tuple[ClientCertificate, Credential]:
        """Issue a certificate that has the rights of a key.

        Args:
            name: a label for people, 1-64 printable characters.
            key_id: the API key it stands for.
            csr_pem: a signing request, so that the private key never leaves its machine.
            by: who asks.

        Returns:
            What is kept, and the certificate with its key (empty with a request), shown once.

        Raises:
            KeyUnknown: that key is not live, or holds more than the asker may give away.
            KeyWishInvalid: the asker is a key that may not hand on the rights of others.
            CertificateRefused: name or request cannot be used.
        """
        held = self._access.grant_of_key(key_id)
        if held is None or not held.scopes <= by.scopes or not _models_within(held, by):
            raise KeyUnknown(key_id=key_id[:64])
        if key_id != by.key_id:
            self._access.api_keys.judge_maker(by)
        now = self._clock()
        moment = datetime.fromtimestamp(now, UTC)
        issued = issue_client(self._authority(), name, moment, self._days, csr_pem)
        print_ = fingerprint(issued.certificate_pem).replace(":", "").lower()
        kept = ClientCertificate(
            print_, name, key_id, now, _end_of(issued.certificate_pem), revoked=None
        )
        self._record(events_signin.certificate_issue(by.actor, fingerprint=print_, key_id=key_id))
        self._store.add_certificate(kept)
        self._live[bytes.fromhex(print_)] = (key_id, kept.expires)
        return kept, issued

    def revoke(self, wanted: str, by: Grant = LOCAL) -> None:
        """Revoke a certificate; it is dead when this returns.

        Raises:
            CertificateUnknown: there is none with this fingerprint.
            AccessForbidden: its key may do more than who revokes it, and is not theirs.
        """
        try:
            peer = bytes.fromhex(wanted.replace(":", " "))
        except ValueError:
            raise CertificateUnknown(fingerprint=wanted[:95]) from None
        bound, plain = self._live.get(peer), peer.hex()
        held = None if bound is None else self._access.grant_of_key(bound[0])
        if held is not None and held.owner != by.actor and not held.scopes <= by.scopes:
            raise AccessForbidden(scope=min(held.scopes - by.scopes))
        self._live.pop(peer, None)
        if not self._store.revoke_certificate(plain, self._clock()):
            raise CertificateUnknown(fingerprint=wanted[:95])
        self._record(events_signin.certificate_revoke(by.actor, fingerprint=plain))

    def all(self) -> list[ClientCertificate]:
        """Every client certificate ever issued, oldest first."""
        return self._store.certificates()

    def _record(self, event: Event) -> None:
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _models_within(held: Grant, by: Grant) -> bool:
    return by.models is None or (held.models is not None and held.models <= by.models)


def _end_of(pem: bytes) -> float:
    from cryptography import x509  # noqa: PLC0415  # only when one is issued

    return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
