"""One conversation with a directory server: TLS checked by Python itself, binds, and searches."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from ldap3 import AUTO_BIND_NONE, BASE, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from typing_extensions import override

from appliance.signin.errors import DirectoryRefused, DirectoryUnreachable, SignInMisconfigured

_INVALID_CREDENTIALS: Final = 49
_NO_SUCH_OBJECT: Final = 32
_SIZE_LIMIT: Final = 4
_SUCCESS: Final = 0
_PORTS: Final = {"ldap": 389, "ldaps": 636}


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of a directory; attribute values are bytes."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """One server: where it listens and how it is spoken to."""

    host: str
    port: int
    tls: bool
    start_tls: bool


def place_of(url: str, *, has_ca: bool) -> Place:
    """Read a server's address; in the clear only on this machine, and only without an authority.

    Raises:
        SignInMisconfigured: it is no address, or passwords would travel in the clear.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = None, 0
    if host is None or parts.path not in {"", "/"}:
        raise SignInMisconfigured(
            section="ldap",
            reason_zh=f"服务器地址 {url} 无法识别",
            reason_en=f"{url} is no address of a server",
        )
    if not has_ca and (parts.scheme == "ldaps" or not _is_loopback(host)):
        raise SignInMisconfigured(
            section="ldap",
            reason_zh=f"{url} 需要 ldap.ca_file,口令不会以明文传送",
            reason_en=f"{url} needs ldap.ca_file; no password travels in the clear",
        )
    return Place(host, port, parts.scheme == "ldaps", parts.scheme == "ldap" and has_ca)


class _CheckedTls(Tls):  # type: ignore[misc]  # the library ships no types
    """TLS whose certificate and host name are checked by Python, not by the library."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._checked = (context, host)

    @override
    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        context, host = self._checked
        connection.socket = context.wrap_socket(connection.socket, server_hostname=host)


class Talk:
    """An open conversation."""

    def __init__(self, connection: Any, place: Place, timeout_s: int) -> None:
        self._connection = connection
        self._place = place
        self._timeout_s = timeout_s

    def bind(self, who: str, password: str) -> bool:
        """Bind; False when the directory knows no such person or the password is wrong.

        Raises:
            DirectoryRefused: the directory refuses for another reason.
        """
        # An empty password would be an anonymous bind, which succeeds for any name (RFC 4513, 5.1.2).
        if not who or not password or "\0" in password:
            return False
        # As bytes: the library would fold what it takes for a spelling (SASLprep), and refuse what
        # Unicode 3.2 did not know. Directories keep a password as it was typed.
        secret = password.encode("utf-8", "replace")
        with _told():
            if self._connection.rebind(user=who, password=secret, authentication=SIMPLE):
                return True
        code = self._connection.result["result"]
        if code in {_INVALID_CREDENTIALS, _NO_SUCH_OBJECT, 34, 53}:
            return False
        raise DirectoryRefused(reason=_reason(self._connection))

    def search(self, base: str, wanted: str, attributes: Sequence[str], limit: int) -> list[Found]:
        """Entries below `base` that fit the filter, `limit` at most; referrals are not followed.

        Raises:
            DirectoryRefused: the directory does not let the box search there.
        """
        return self._search(base, wanted, SUBTREE, attributes, limit)

    def holds(self, dn: str, wanted: str) -> bool:
        """Whether the entry `dn` fits the filter."""
        return bool(self._search(dn, wanted, BASE, ["1.1"], 1))

    def _search(
        self, base: str, wanted: str, scope: str, attributes: Sequence[str], limit: int
    ) -> list[Found]:
        with _told():
            self._connection.search(
                base,
                wanted,
                search_scope=scope,
                attributes=list(attributes),
                size_limit=limit,
                time_limit=self._timeout_s,
            )
        code = self._connection.result["result"]
        if code == _NO_SUCH_OBJECT:
            return []
        # Whoever refers elsewhere has answered for its own part (10): the rest is not looked up.
        if code not in {_SUCCESS, _SIZE_LIMIT, 10}:
            raise DirectoryRefused(reason=_reason(self._connection))
        return [
            Found(entry["dn"], entry["raw_attributes"])
            for entry in self._connection.response or ()
            if entry.get("type") == "searchResEntry"
        ]


@contextmanager
def talk(places: Sequence[Place], ca: ssl.SSLContext | None, timeout_s: int) -> Iterator[Talk]:
    """Open a conversation with the first server that answers.

    Args:
        places: servers, tried in turn.
        ca: checks certificates; None only for a server in the clear on this machine.
        timeout_s: longest wait for each answer.

    Raises:
        DirectoryUnreachable: none answers, or none shows the right certificate.
    """
    faults: list[str] = []
    for place in places:
        try:
            connection = _open(place, ca, timeout_s)
        except (LDAPException, OSError) as error:
            faults.append(f"{place.host}:{place.port} {_brief(error)}")
            continue
        try:
            yield Talk(connection, place, timeout_s)
        finally:
            with _quiet():
                connection.unbind()
        return
    raise DirectoryUnreachable(reason="; ".join(faults)[:600])


def _open(place: Place, ca: ssl.SSLContext | None, timeout_s: int) -> Any:
    tls = None if ca is None else _CheckedTls(ca, place.host)
    server = Server(
        place.host,
        port=place.port,
        use_ssl=place.tls,
        tls=tls,
        get_info=NONE,
        connect_timeout=timeout_s,
    )
    connection = Connection(
        server,
        auto_bind=AUTO_BIND_NONE,
        client_strategy=SYNC,
        auto_referrals=False,
        receive_timeout=timeout_s,
        read_only=True,
        check_names=False,
        raise_exceptions=False,
    )
    try:
        connection.open()
        if place.start_tls:
            connection.start_tls()
    except BaseException:
        # The library leaves the socket of a failed attempt open.
        if connection.socket is not None:
            connection.socket.close()
        raise
    return connection


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (LDAPException, OSError) as error:
        raise DirectoryUnreachable(reason=_brief(error)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except (LDAPException, OSError):
        return


def _reason(connection: Any) -> str:
    result = connection.result
    return _plain(f"{result.get('description', '')} {result.get('message', '')}".strip())


def _brief(error: Exception) -> str:
    return _plain(str(error) or type(error).__name__)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
