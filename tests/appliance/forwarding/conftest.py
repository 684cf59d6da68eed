"""A log that is forwarded, and receivers for it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.audit.rendering.meaning import Source
from appliance.db.database import Db
from appliance.forwarding import forwarder
from appliance.forwarding.migrations import MIGRATIONS
from appliance.forwarding.receiver import Receiver, networks_of, tls_context
from appliance.forwarding.service import ForwardRules, ForwardService
from appliance.forwarding.store import ForwardStore
from appliance.forwarding.syslog import Sender
from secure_compute.signing import SigningKey
from tests.appliance.audit.conftest import KEY, note
from tests.appliance.forwarding.receiver import Papers, Strict

LOOPBACK = ["127.0.0.0/8", "::1/128"]


@dataclass
class Sending:
    """A box's log with its forwarding, which can be stopped and opened again."""

    folder: Path
    papers: Papers
    rules: ForwardRules
    timeout_s: float = 20.0
    receiver: Receiver | None = None
    ahead_s: float = 0.0
    opened: list[ForwardService] = field(default_factory=list)

    def __post_init__(self) -> None:
        identity = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
        self.log = AuditLog.open(
            self.folder / "audit.db",
            KEY,
            identity,
            clock=lambda: datetime.now(UTC),
            window_ms=0,
        )
        self.db = Db(self.folder / "box.db", KEY, MIGRATIONS)

    def to(self, port: int, **more: object) -> None:
        """Name the receiver."""
        told = {"host": "localhost", "ca": self.papers.ca, "client": None, "near": LOOPBACK, **more}
        self.receiver = Receiver(
            host=str(told["host"]),
            port=port,
            networks=networks_of(told["near"]),  # type: ignore[arg-type]
            context=tls_context(told["ca"], told["client"]),  # type: ignore[arg-type]
            timeout_s=self.timeout_s,
        )

    def start(self) -> ForwardService:
        receiver = self.receiver
        assert receiver is not None
        made = ForwardService(
            self.log, ForwardStore(self.db), lambda: receiver, self.rules, self.now
        )
        made.start()
        self.opened.append(made)
        return made

    def now(self) -> float:
        return time.time() + self.ahead_s

    def write(self, count: int) -> int:
        """Events on record; entries after them."""
        for future in [self.log.append(note(number)) for number in range(count)]:
            future.result()
        return self.log.reader.size()

    def position(self) -> int:
        known = ForwardStore(self.db).position()
        return 0 if known is None else known[0]

    def close(self) -> None:
        for one in self.opened:
            one.close()
        self.log.close()
        self.db.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience of tests: seconds become hundredths."""
    monkeypatch.setattr(forwarder, "_LOOK_S", 0.01)
    monkeypatch.setattr(forwarder, "_IDLE_S", 0.05)
    monkeypatch.setattr(forwarder, "_BACK_OFF_S", (0.02,))


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    (tmp_path / "papers").mkdir()
    return Papers(tmp_path / "papers")


@pytest.fixture
def sending(tmp_path: Path, papers: Papers) -> Iterator[Sending]:
    source = Source("wardbox/test", "box.hospital.cn", "1")
    made = Sending(tmp_path, papers, ForwardRules(Sender(source, 13, "json"), from_start=True))
    yield made
    made.close()


@pytest.fixture
def strict(papers: Papers) -> Iterator[Callable[..., Strict]]:
    opened: list[Strict] = []

    def make(*names: str, **more: object) -> Strict:
        pem = papers.server(*(names or ("localhost",)))
        opened.append(Strict(papers, pem, **more))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for one in opened:
        one.close()
        assert one.faults == []
