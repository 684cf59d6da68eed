"""A log with its witnesses, whose whole disk can be copied and put back; and a witness of its own."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.db.database import Db
from appliance.witnesses.migrations import MIGRATIONS
from appliance.witnesses.rules import WitnessRules
from appliance.witnesses.second import Choice, Makings, SecondSigner
from appliance.witnesses.service import WitnessService
from appliance.witnesses.store import WitnessStore
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey
from secure_compute.tpm import Tpm
from secure_compute.tpm_cosigner import TpmCosigner
from secure_compute.witness.program import main
from secure_compute.witness.single_file import witness_source
from tests.appliance.audit.conftest import KEY, Clock, note

STALE_S = 1000.0
WORD = Secret(bytes(range(32)))


def software(use: str) -> SigningKey:
    return SigningKey.from_seed(use.encode().ljust(32, b"."))


@dataclass
class Place:
    """A box's disk: log and database; `tcti` is how its TPM is reached."""

    disk: Path
    tcti: str = "device:/nowhere"
    choice: Choice = "auto"
    seed: bytes = bytes(32)
    clock: Clock = field(default_factory=Clock)
    on_trial: bool = False
    log: AuditLog = field(init=False)
    db: Db = field(init=False)
    service: WitnessService = field(init=False)

    def __post_init__(self) -> None:
        self.disk.mkdir(exist_ok=True)
        self.open()

    def open(self) -> None:
        identity = AuditIdentity(SigningKey.from_seed(self.seed), "wardbox/test")
        self.log = AuditLog.open(
            self.disk / "audit.db", KEY, identity, clock=self.clock, window_ms=0
        )
        self.db = Db(self.disk / "box.db", KEY, MIGRATIONS, self.clock)
        store = WitnessStore(self.db)
        tpm = TpmCosigner(Tpm(self.tcti), WORD.copy)
        makings = Makings(tpm, software, self.choice, "wardbox/test/cosigner")
        now = self.now
        signer = SecondSigner(store, makings, now)
        rules = WitnessRules(STALE_S, lambda: self.on_trial)
        self.service = WitnessService(store, self.log, signer, rules, now)

    def now(self) -> float:
        return self.clock().timestamp()

    def close(self) -> None:
        self.log.close()
        self.db.close()

    def work(self, count: int = 5) -> int:
        """Do what goes on record; entries after it."""
        for number in range(count):
            self.log.append(note(number)).result()
        return self.log.reader.size()

    def copied(self, to: Path) -> Path:
        """The disk as it is now, as a backup or a thief would have it; the box goes on."""
        self.close()
        shutil.copytree(self.disk, to)
        self.open()
        return to

    def put_back(self, old: Path) -> None:
        """The box wakes up with an old disk."""
        self.close()
        shutil.rmtree(self.disk)
        shutil.copytree(old, self.disk)
        self.open()

    def offer(self, stick: Path) -> list[Path]:
        """Lay what the box offers onto a stick."""
        laid = []
        for one in self.service.offers():
            path = stick / one.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(one.text, encoding="utf-8")
            laid.append(path)
        return laid

    def take(self, stick: Path):
        found = sorted(stick.glob("wardbox-witness/*/cosigned-*.txt"))
        return self.service.take([(path.name, path.read_bytes()) for path in found], "user:it")

    def doubts(self) -> list[str]:
        entries = self.log.reader.entries(0, self.log.reader.size())
        return [
            str(one.event.details["reason"])
            for one in entries
            if one.event.tag == "audit:record:doubt"
        ]

    @property
    def vkey(self) -> str:
        return self.log.note_key.vkey


@dataclass
class OtherHost:
    """Another machine with a witness on it; its program is the one that is handed out."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    time: float = 1_772_352_100.0

    @property
    def file(self) -> Path:
        return self.folder / "witness.json"

    def run(self, *arguments: object) -> tuple[int, str]:
        """Exit status and what was said."""
        self.capsys.readouterr()
        status = main(["--key", str(self.file), *map(str, arguments)], lambda: self.time)
        told = self.capsys.readouterr()
        return status, told.out + told.err

    def vkey(self) -> str:
        status, told = self.run("show")
        assert status == 0, told
        return told.splitlines()[0].split()[-1]

    def meet(self, place: Place, name: str = "host-b") -> None:
        assert self.run("init", "--name", f"{name}/witness")[0] == 0
        assert self.run("trust", place.vkey)[0] == 0
        place.service.add(name, self.vkey(), "user:it")


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture
def other(tmp_path, capsys) -> OtherHost:
    (tmp_path / "other").mkdir()
    return OtherHost(tmp_path / "other", capsys)


@pytest.fixture
def stick(tmp_path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


@pytest.fixture
def alone(tmp_path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs the single file where nothing of the house can be imported."""
    program = tmp_path / "witness.py"
    program.write_bytes(witness_source())

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-I", "-S", str(program), *map(str, arguments)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    return run
