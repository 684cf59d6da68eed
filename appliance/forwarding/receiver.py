"""The receiver of forwarded entries: its name, where it may stand, and how it proves itself."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final

from appliance.forwarding.errors import ForwardMisconfigured, ReceiverLost

_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go.

    Args:
        host: name or address; the certificate must be for it.
        port: TCP port.
        networks: its address must lie in one of them.
        context: TLS, with the receiver's authority and perhaps a certificate of our own.
        timeout_s: after how long without progress it counts as stalled.
    """

    host: str
    port: int
    networks: tuple[IPv4Network | IPv6Network, ...]
    context: ssl.SSLContext
    timeout_s: float

    @property
    def target(self) -> str:
        """Name and port, for sentences."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def addresses(self) -> list[str]:
        """The receiver's addresses inside the hospital. Raises ReceiverLost."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            raise self.lost("找不到这个主机名", "its name is not known") from None
        addresses = [str(one[4][0]) for one in found]
        kept = [address for address in addresses if self._near(address)]
        if not kept:
            raise self.lost(
                "它的地址不在 forward.networks 之内", "its address lies outside forward.networks"
            )
        return kept

    def _near(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self.networks)

    def lost(self, zh: str, en: str) -> ReceiverLost:
        """The refusal that names this receiver."""
        return ReceiverLost(target=self.target, reason_zh=zh, reason_en=en)


def tls_context(ca_file: Path | None, client_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, believing one authority only.

    Raises:
        ForwardMisconfigured: a file is missing, unusable, or the key can be read by others.
    """
    if ca_file is None:
        raise ForwardMisconfigured(reason_zh="缺少 ca_file", reason_en="ca_file is missing")
    # `create_default_context` would write session keys wherever a variable of the environment says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=str(ca_file))
    except (OSError, ssl.SSLError):
        raise _unusable(ca_file) from None
    if client_file is not None:
        try:
            open_to_others = client_file.stat().st_mode & _OTHERS
            context.load_cert_chain(str(client_file), password=_no_password)
        except (OSError, ssl.SSLError, ValueError):
            raise _unusable(client_file) from None
        if open_to_others:
            raise ForwardMisconfigured(
                reason_zh=f"{client_file} 中的私钥可被他人读取,请执行 chmod 600",
                reason_en=f"others can read the key in {client_file}; run chmod 600",
            )
    return context


def networks_of(texts: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of the settings. Raises ForwardMisconfigured."""
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError:
        told = ", ".join(texts)
        raise ForwardMisconfigured(
            reason_zh=f"networks 无法识别({told})",
            reason_en=f"networks is no list of networks ({told})",
        ) from None


def _no_password() -> str:
    # Without this, a locked key would be asked for on the terminal that started the box.
    return ""


def _unusable(path: Path) -> ForwardMisconfigured:
    return ForwardMisconfigured(
        reason_zh=f"无法读取 {path} 中的证书或私钥",
        reason_en=f"{path} holds no certificate, or no key, that can be used",
    )
