"""Receivers of syslog over TLS: a strict one of our own, and Debian's rsyslog."""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from secure_compute.certificates import Credential, issue_client, issue_server, make_authority
from tests.appliance.signin.slapd import free_port

RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
HERE = RSYSLOGD is not None and any(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"))
WHY = "no rsyslog with TLS on this machine (Debian packages rsyslog and rsyslog-gnutls)"

_HEAD = re.compile(
    rb"<(?P<pri>[1-9]?[0-9]|1[0-8][0-9]|19[01])>1 "
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
)
_DATA = re.compile(
    rb'\[(?P<element>[!#-<>-\\^-~]{1,32})(?P<values>( [!#-<>-\\^-~]{1,32}="([^"\\\]]|\\["\\\]])*")*)\]'
)
_VALUE = re.compile(rb' ([!#-<>-\\^-~]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')


@dataclass(frozen=True)
class Message:
    """One message as RFC 5424 has it."""

    priority: int
    time: datetime
    host: str
    app: str
    id: str
    data: dict[str, str]
    body: bytes

    @property
    def seq(self) -> int:
        return int(self.data["seq"])


def parse(raw: bytes) -> Message:
    """Read a message; anything that RFC 5424 does not allow fails."""
    head = _HEAD.match(raw)
    assert head is not None, raw[:200]
    rest, data = raw[head.end() :], {}
    if rest.startswith(b"- "):
        body = rest[2:]
    else:
        element = _DATA.match(rest)
        assert element is not None, rest[:200]
        assert element["element"] == b"wardbox@32473"
        for name, value in _VALUE.findall(element["values"]):
            data[name.decode()] = re.sub(rb"\\(.)", rb"\1", value).decode()
        assert rest[element.end() : element.end() + 1] == b" "
        body = rest[element.end() + 1 :]
    body.decode("utf-8")
    stamp = datetime.strptime(head["time"].decode(), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return Message(
        int(head["pri"]), stamp, head["host"].decode(), head["app"].decode(), head["id"].decode(),
        data, body,
    )  # fmt: skip


class Frames:
    """RFC 5425: lengths in decimal without leading zeros, one blank, so many bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        self._rest += data
        found = []
        while True:
            match = re.match(rb"([1-9]\d{0,6}) ", self._rest)
            assert match or re.fullmatch(rb"(|[1-9]\d{0,6})", self._rest), self._rest[:50]
            if match is None or len(self._rest) - match.end() < int(match[1]):
                return found
            end = match.end() + int(match[1])
            found.append(self._rest[match.end() : end])
            self._rest = self._rest[end:]


@dataclass
class Papers:
    """An authority and what it signs, in a folder."""

    folder: Path
    authority: Credential = field(
        default_factory=lambda: make_authority("Hospital SIEM", datetime.now(UTC))
    )

    def __post_init__(self) -> None:
        self.ca.write_bytes(self.authority.certificate_pem)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def server(self, *names: str, days_ago: int = 0, days: int = 30) -> Path:
        now = datetime.now(UTC) - timedelta(days=days_ago)
        authority = self.authority
        if days_ago:
            authority = make_authority("Hospital SIEM", now - timedelta(days=1))
            self.ca.write_bytes(authority.certificate_pem)
        return self._written("server.pem", issue_server(authority, names, now, days))

    def client(self, authority: Credential | None = None) -> Path:
        made = issue_client(authority or self.authority, "wardbox", datetime.now(UTC))
        path = self._written("client.pem", made)
        path.chmod(0o600)
        return path

    def _written(self, name: str, made: Credential) -> Path:
        path = self.folder / name
        path.write_bytes(made.certificate_pem + made.key_pem)
        return path


class Strict:
    """A receiver of our own; every message is parsed or remembered as a fault."""

    def __init__(self, papers: Papers, pem: Path, *, mutual: bool = False, port: int = 0) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(str(pem))
        if mutual:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(str(papers.ca))
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self.messages: list[Message] = []
        self.faults: list[BaseException] = []
        self.connections = 0
        self.reading = threading.Event()
        self.reading.set()
        self._cutting = threading.Event()
        self._serving: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut every connection short."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(30)
        self.cut()

    def cut(self) -> None:
        """End every connection as a program that was killed does: unread bytes are lost."""
        self._cutting.set()
        for one in self._serving:
            one.join(30)

    def seqs(self) -> list[int]:
        return [one.seq for one in self.messages if one.data]

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            self._serving.append(threading.Thread(target=self._serve, args=(raw,), daemon=True))
            self._serving[-1].start()

    def _serve(self, raw: socket.socket) -> None:
        frames = Frames()
        try:
            raw.settimeout(30)
            with self._context.wrap_socket(raw, server_side=True) as line:
                self.connections += 1
                line.settimeout(0.05)
                # Closed with anything unread, the kernel answers with a reset.
                while not self._cutting.is_set():
                    if not self.reading.wait(0.05):
                        continue
                    try:
                        data = line.recv(65_536)
                    except TimeoutError:
                        continue
                    if not data:
                        return
                    for message in frames.feed(data):
                        self.messages.append(parse(message))
        except OSError:
            return
        except (AssertionError, ValueError) as error:
            self.faults.append(error)
        finally:
            raw.close()


CONF = """\
global(workDirectory="{home}" maxMessageSize="128k"
  defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{pem}"
  defaultNetstreamDriverKeyFile="{pem}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="{auth}")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="whole" type="string" string="%pri%\\t%timestamp:::date-rfc3339%\\t%hostname%\\t%app-name%\\t%msgid%\\t%structured-data%\\t%msg%\\n")
action(type="omfile" file="{out}" template="whole" flushOnTXEnd="on")
"""


@dataclass
class Rsyslog:
    """Debian's rsyslog, in the foreground, with a configuration of its own."""

    home: Path
    papers: Papers
    pem: Path
    auth: str = "anon"
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def out(self) -> Path:
        return self.home / "out.log"

    def start(self) -> None:
        conf = CONF.format(
            home=self.home,
            ca=self.papers.ca,
            pem=self.pem,
            auth=self.auth,
            port=self.port,
            out=self.out,
        )
        (self.home / "rsyslog.conf").write_text(conf)
        argv = [
            str(RSYSLOGD), "-n", "-C", "-f", str(self.home / "rsyslog.conf"), "-i",
            str(self.home / "rsyslog.pid"),
        ]  # fmt: skip
        with (self.home / "rsyslog.err").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.home)
        wait_for(self._listens, (self.home / "rsyslog.err").read_text)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "rsyslog.err").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def lines(self) -> list[list[str]]:
        if not self.out.exists():
            return []
        whole = self.out.read_text(encoding="utf-8").rpartition("\n")[0]
        return [line.split("\t", 6) for line in whole.split("\n") if line]

    def seqs(self) -> list[int]:
        found = (re.search(r'seq="(\d+)"', line[5]) for line in self.lines())
        return [int(one[1]) for one in found if one is not None]


def wait_for(
    true: Callable[[], bool], told: Callable[[], object] = lambda: "", patience_s: float = 60.0
) -> None:
    ends = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < ends, told()
        time.sleep(0.02)


def missing(seqs: Sequence[int], first: int, end: int) -> list[int]:
    """Which entries of a range did not arrive."""
    return sorted(set(range(first, end)) - set(seqs))
