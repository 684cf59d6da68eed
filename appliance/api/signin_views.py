"""What the sign-in room says, as wire types."""

from datetime import UTC, datetime

from appliance.contract.signin import CertificateView, ClientIssued, ClientView, OidcBegun
from appliance.signin.oidc import Begun
from appliance.signin.store import ClientCertificate
from appliance.vault.tls import ServerCertificate
from secure_compute.certificates import Credential

_PAGE = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>WardBox</title>
<h1>WardBox</h1>
<p>登录成功。请在原来的窗口输入一次性代码:</p>
<p>You are signed in. Type this one-time code where you began:</p>
<p><strong>{code}</strong></p>
<p>不要把代码告诉任何人。 Tell the code to nobody.</p>
</html>
"""


def begun_view(begun: Begun) -> OidcBegun:
    """A sign-in that was begun."""
    return OidcBegun(url=begun.url, ticket=begun.ticket, expires=_time(begun.expires))


def code_page(code: str) -> str:
    """The page that shows a one-time code; it loads nothing and runs nothing."""
    return _PAGE.format(code=f"{code[:4]}-{code[4:]}")


def certificate_view(found: ServerCertificate, now: datetime) -> CertificateView:
    """The certificate that clients see."""
    return CertificateView(
        source=found.source,
        subject=found.subject,
        issuer=found.issuer,
        names=found.names,
        not_before=found.not_before,
        not_after=found.not_after,
        expires_in_days=found.expires_in_days(now),
        fingerprint=found.fingerprint,
    )


def issued_view(made: tuple[ClientCertificate, Credential]) -> ClientIssued:
    """A client certificate that was issued now."""
    kept, credential = made
    return ClientIssued(
        fingerprint=kept.fingerprint,
        certificate=credential.certificate_pem.decode("ascii"),
        key=credential.key_pem.decode("ascii") or None,
        expires=_time(kept.expires),
    )


def client_view(one: ClientCertificate) -> ClientView:
    """A client certificate."""
    return ClientView(
        fingerprint=one.fingerprint,
        name=one.name,
        key_id=one.key_id,
        created=_time(one.created),
        expires=_time(one.expires),
        revoked=None if one.revoked is None else _time(one.revoked),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
