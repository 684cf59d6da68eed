"""A small machine: releases of three files, a box of two files, and a bundle that needs no signatures."""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from appliance.db.copying import copy_file, sync
from appliance.settings.layout import StateLayout
from appliance.updates.trial import on_trial, settle, snapshot_of
from installer.apply import Applier
from installer.apply_errors import OtherPackage, RehearsalFailed
from installer.apply_journal import ApplyJournal
from installer.apply_parts import Condition, Pace, Parts, Rehearsed, Source
from installer.apply_request import Desk
from installer.durable import replace_file
from installer.slots import Slots

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
BUNDLE = "ab" * 8


def tree_of(
    version: str, schema: int, *, well: bool = True, log: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """The files of a release: version, schema of its database, whether it is any good, steps of its log."""
    told = {"version": version, "schema": schema, "well": well, "log": log}
    return {"release.json": json.dumps(told).encode(), "bin/wardbox": b"#!" + version.encode()}


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@dataclass
class Offered:
    """A release as a bundle offers it; its manifest is its list of files."""

    files: dict[str, bytes]
    follows: tuple[str, ...] = ()
    accepted: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    @property
    def manifest(self) -> bytes:
        return json.dumps(
            {name: sha256(raw).hexdigest() for name, raw in self.files.items()}
        ).encode()

    @property
    def digest(self) -> str:
        return sha256(self.manifest).hexdigest()

    @property
    def version(self) -> str:
        return str(json.loads(self.files["release.json"])["version"])

    def assemble(self, into: Path) -> Path:
        put(into / "release", self.files)
        return into / "release"

    def accept(self) -> None:
        self.accepted.append(1)


class Bundles:
    def __init__(self, *offers: Offered) -> None:
        self._offers = {offer.digest: offer for offer in offers}

    def judge(self, bundle: str, version: str, package: str) -> Offered:
        if package not in self._offers:
            raise OtherPackage(bundle=bundle, version=version)
        return self._offers[package]


class Fitted:
    def fit(self, release: Path, running: Path) -> None:
        (release / ".venv").symlink_to((running / ".venv").resolve())


class SmallBox:
    """A box whose database is a file of lines and whose log is another; both are durable at once.

    It does what the real one does with a journal: it keeps its door shut while its release is on
    trial, puts the database back when the release before comes back, and never touches the log.
    """

    def __init__(self, layout: StateLayout, place: Path) -> None:
        self.layout = layout
        self.place = place
        self.running: Path | None = None
        self.dead = ""
        self.accepted: list[str] = []
        self.logged: list[str] = []
        self.locked = False
        self.held = False

    @property
    def house(self) -> Path:
        return (self.place / "current").resolve()

    def start(self) -> None:
        """What `wardbox serve` does, from the release that `current` leads to."""
        house, self.dead = self.house, ""
        told = json.loads((house / "release.json").read_bytes())
        if not self._opened_log(told["log"]):
            self.dead = "the log has a step that is not known"
            return
        self.log(f"start {told['version']}")
        settle(self.layout, self.place, house)
        lines = self.layout.box_db.read_text().splitlines()
        schema = int(lines[0])
        if schema > told["schema"]:
            self.dead = f"the database has schema {schema}"
            return
        if schema < told["schema"]:
            self._database([str(told["schema"]), *lines[1:]])
        self.running = house
        if not on_trial(self.place, house):
            self.accept()

    def _opened_log(self, known: list[str]) -> bool:
        """Bring the log into the form of a release, each step at once; what is only wider is borne."""
        steps = [line for line in self._log_lines() if line.startswith("step ")]
        if any("+" not in line and line.removeprefix("step ") not in known for line in steps):
            return False
        for name in known:
            if f"step {name}" not in steps:
                self.log(f"step {name}")
        return True

    def _log_lines(self) -> list[str]:
        return self.layout.audit_db.read_text().splitlines()

    def accept(self) -> None:
        """Take work from outside and acknowledge it."""
        row = f"work {len(self.accepted)} {os.urandom(3).hex()}"
        self._database([*self.layout.box_db.read_text().splitlines(), row])
        self.accepted.append(row)

    def log(self, line: str) -> None:
        handle = os.open(self.layout.audit_db, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(handle, f"{line}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        self.logged.append(line)

    def condition(self) -> Condition:
        if self.locked:
            return Condition("locked")
        if self.running is None:
            return Condition("silent", self.dead)
        well = json.loads((self.running / "release.json").read_bytes())["well"]
        return Condition("well") if well else Condition("unwell", "it does not answer its prompt")

    def rehearse(self, trial: str, old: Path, new: Path) -> Rehearsed:
        self._stop()
        copy = snapshot_of(self.layout, trial)
        copy.parent.mkdir(exist_ok=True)
        part = copy.with_suffix(".part")
        copy_file(self.layout.box_db, part)
        sync(part)
        part.replace(copy)
        sync(copy.parent)
        sync(copy.parent.parent)
        told = json.loads((new / "release.json").read_bytes())
        log = self._rehearse_log(trial, told["log"])
        if told["schema"] < int(copy.read_text().splitlines()[0]):
            raise RehearsalFailed(zh="数据库较新", en="the database is a newer one's")
        return Rehearsed(told["version"], ("room.2-more", *log))

    def _rehearse_log(self, trial: str, known: list[str]) -> tuple[str, ...]:
        """A log for this alone, that one release after another goes on with and the last takes away."""
        here = self._log_lines()
        coming = [name for name in known if f"step {name}" not in here]
        if any("+" not in name for name in coming):
            raise RehearsalFailed(zh="日志", en="the release before could not go on with the log")
        scratch = self.layout.trial / f"{trial}-audit.db"
        for who in ("new", "old", "new") if coming else ():
            with scratch.open("a") as stream:
                stream.write(f"{who}\n")
        scratch.unlink(missing_ok=True)
        return tuple(coming)

    def stand_still(self) -> None:
        self._stop()

    def let_go(self) -> None:
        if self.held:
            self.go_on()

    def go_on(self) -> None:
        self.held = False
        if self.running is None or self.running != self.house:
            self.start()

    def forget_snapshot(self, trial: str) -> None:
        snapshot_of(self.layout, trial).unlink(missing_ok=True)

    def database_size(self) -> int:
        return self.layout.box_db.stat().st_size

    def _stop(self) -> None:
        self.running, self.held = None, True
        self.log("stop")

    def _database(self, lines: list[str]) -> None:
        """A commit: all of it or nothing, as SQLite does it."""
        replace_file(self.layout.box_db, "\n".join(lines).encode())


class Machine:
    """One machine with a box of release 1; what is made here stays on its disk over power cuts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = StateLayout(root / "state")
        self.place = root / "place"
        self.slots = Slots(self.place)
        self.desk = Desk(self.layout.updates)
        self.box = SmallBox(self.layout, self.place)
        self.boot = 0
        self.said: list[str] = []
        self.source: Source | None = None

    def make(self) -> None:
        put(self.root / "first", tree_of("1.0", 1))
        (self.root / "environment").mkdir()
        (self.root / "first/.venv").symlink_to(self.root / "environment")
        self.layout.vault.mkdir(parents=True)
        self.layout.updates.mkdir()
        self.layout.box_db.write_text("1\nwork of the first day")
        self.layout.audit_db.write_text("")
        self.slots.adopt(self.root / "first")

    def ask(self, offer: Offered, name: str = "r1") -> None:
        staged = self.desk.staged(BUNDLE)
        staged.mkdir(parents=True, exist_ok=True)
        (staged / "timestamp.json").write_text("{}")
        self.write_request(
            id=name, bundle=BUNDLE, version=offer.version, package=offer.digest, rollback=False
        )

    def ask_back(self, name: str = "back") -> None:
        self.write_request(id=name, bundle="", version="", package="", rollback=True)

    def write_request(self, **fields: object) -> None:
        request = {"asked_by": "ann", "at": NOW.isoformat(), **fields}
        (self.layout.updates / "request.json").write_text(json.dumps(request))

    def applier(
        self, *offers: Offered, once: bool = False, give_up: bool = False, free: int = 1 << 40
    ) -> Applier:
        ticks = iter(range(10**9))
        parts = Parts(
            slots=self.slots,
            journal=ApplyJournal(self.place, lambda: NOW),
            desk=self.desk,
            source=self.source or Bundles(*offers),
            fitting=Fitted(),
            box=self.box,
        )
        pace = Pace(
            deadline_s=2.0,
            once=once,
            give_up=give_up,
            monotonic=lambda: float(next(ticks)),
            pause=lambda _seconds: None,
            boot=lambda: f"boot-{self.boot}",
            version="1.0",
            free=lambda _folder: free,
            say=self.said.append,
        )
        return Applier(parts, pace)

    def reboot(self) -> None:
        """The power is back: nothing is in memory, and the machine starts what `current` leads to."""
        self.boot += 1
        self.box.running, self.box.held, self.box.dead = None, False, ""
        self.box.start()

    def outcome(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.layout.updates / "outcome.json").read_bytes())
        return found

    def rows(self) -> list[str]:
        return self.layout.box_db.read_text().splitlines()
