"""One TLS connection to a syslog receiver, which confirms by its end that all was read.

Syslog over TLS has no acknowledgements, and what a kernel has taken its program may never read. But a
connection that is ended by us (close_notify, then FIN) and then by the receiver with its FIN, while
nothing of ours is unacknowledged, was read to its end: a program that closes with anything unread, or
before ours arrived, answers with RST instead. So connections are ended in good order every so often,
and only then does what they carried count as delivered.
"""

import fcntl
import socket
import ssl
import struct
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from appliance.forwarding.receiver import Receiver

_READ: Final = 65_536
_LOOK_S: Final = 0.02


class TlsLine:
    """An open connection; used by one thread, and ended by another with `abort` alone.

    Args:
        receiver: whom to speak to.

    Raises:
        ReceiverLost: it cannot be reached, or is not who it should be.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = receiver.context.wrap_bio(self._in, self._out, server_hostname=receiver.host)
        self._raw = self._connected()
        try:
            self._told(self._handshake)
        except BaseException:
            self._raw.close()
            raise

    @property
    def peer(self) -> str:
        """Subject, end and TLS version of the other side, in one line."""
        told: Any = self._tls.getpeercert() or {}
        names = (part for rdn in told.get("subject", ()) for part in rdn)
        subject = ", ".join(f"{name}={value}" for name, value in names)
        return f"{self._tls.version()}  {subject}  {told.get('notAfter', '')}".strip()

    def send(self, data: bytes) -> None:
        """Hand bytes over, as fast as the receiver takes them. Raises ReceiverLost."""
        self._told(lambda: self._put(data))

    def check(self) -> None:
        """Notice a receiver that has left. Raises ReceiverLost."""
        self._told(self._look)

    def settle(self) -> None:
        """End the connection in good order; once this returns, everything sent was read.

        Raises:
            ReceiverLost: nobody can say so; what was sent has to be sent again.
        """
        try:
            self._told(self._end)
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection; a thread that waits for it comes back at once."""
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)
        self._raw.close()

    def _connected(self) -> socket.socket:
        receiver, last = self._receiver, None
        for address in receiver.addresses():
            try:
                return socket.create_connection((address, receiver.port), receiver.timeout_s)
            except OSError as error:
                last = error
        raise receiver.lost(*_reason(last or OSError()))

    def _handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError:
                # Tell the other side why (an alert), as far as it still listens.
                with suppress(OSError):
                    self._flush()
                raise
            else:
                self._flush()
                return

    def _put(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def _look(self) -> None:
        self._raw.settimeout(0)
        try:
            while True:
                self._feed()
                self._drain()
        except BlockingIOError:
            return
        finally:
            self._raw.settimeout(self._receiver.timeout_s)

    def _end(self) -> None:
        self._look()
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()
        self._raw.shutdown(socket.SHUT_WR)
        ends = time.monotonic() + self._receiver.timeout_s
        while data := self._raw.recv(_READ):
            self._in.write(data)
            with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
                self._tls.unwrap()
            if time.monotonic() > ends:
                raise TimeoutError
        while _unacknowledged(self._raw):
            self._raise_pending()
            if time.monotonic() > ends:
                raise TimeoutError
            time.sleep(_LOOK_S)
        self._raise_pending()

    def _raise_pending(self) -> None:
        if pending := self._raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(pending, "")

    def _drain(self) -> None:
        """Receivers of syslog say nothing; what is read is session tickets, alerts and the end."""
        while True:
            try:
                if not self._tls.read(_READ):
                    raise EOFError
            except ssl.SSLWantReadError:
                return

    def _feed(self) -> None:
        data = self._raw.recv(_READ)
        if not data:
            raise EOFError
        self._in.write(data)

    def _flush(self) -> None:
        if data := self._out.read():
            self._raw.sendall(data)

    def _told(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, EOFError, ValueError) as error:
            raise self._receiver.lost(*_reason(error)) from error


def _unacknowledged(raw: socket.socket) -> int:
    """Bytes that the other side's kernel has not acknowledged (tcp(7), SIOCOUTQ)."""
    answer = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])


_REASONS: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (ssl.SSLZeroReturnError, "它断开了连接", "it ended the connection"),
    (EOFError, "它断开了连接", "it ended the connection"),
    (TimeoutError, "它没有反应", "it does not react"),
    (ConnectionRefusedError, "它不接受连接", "nobody listens there"),
    (ConnectionError, "连接被中断", "the connection was cut"),
)


def _reason(error: Exception) -> tuple[str, str]:
    """Why a connection cannot be used, in both languages."""
    for kind, zh, en in _REASONS:
        if isinstance(error, kind):
            return zh, en
    if isinstance(error, ssl.SSLCertVerificationError):
        told = error.verify_message.rstrip(".")
        return f"它的证书未通过验证({told})", f"its certificate does not verify ({told})"
    if isinstance(error, ssl.SSLError):
        told = (error.reason or "TLS").lower().replace("_", " ")
        return f"TLS 失败({told})", f"TLS failed ({told})"
    told = getattr(error, "strerror", None) or type(error).__name__
    return f"网络错误({told})", f"network error ({told})"
