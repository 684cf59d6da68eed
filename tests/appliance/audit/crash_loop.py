"""Kills whoever writes the log, again and again, and afterwards asks for all that was promised."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path

from appliance.audit.log import AuditLog
from appliance.audit.query import Query
from appliance.audit.verify import verify
from secure_compute.merkle import Frontier
from tests.appliance.audit.conftest import KEY
from tests.appliance.audit.hammering import IDENTITY

ROOT = Path(__file__).parents[3]
PATIENCE_S = 90.0
OF_ALL = 0.3
"""How many of the kills are of the whole box and not of the writing process alone."""


@dataclass
class Account:
    """What was promised, and what came of it.

    Args:
        kept: index of each acknowledged event, and its name.
        roots: root of every checkpoint that was handed out, by size.
        box_kills: kills of the whole box.
        writer_kills: kills of the writing process alone.
        refused: events that were refused.
        entries: entries of the log at the end.
        unclean: unclean stops on the record.
        gaps: gaps on the record.
    """

    kept: dict[int, str] = field(default_factory=dict)
    roots: dict[int, str] = field(default_factory=dict)
    box_kills: int = 0
    writer_kills: int = 0
    refused: int = 0
    entries: int = 0
    unclean: int = 0
    gaps: int = 0


class Hammer:
    """One process that writes, and what it said so far."""

    def __init__(self, path: Path, account: Account) -> None:
        self._account = account
        self.writer = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.appliance.audit.hammering", str(path)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match line.split() if line.endswith("\n") else []:
                case ["kept", index, name]:
                    assert self._account.kept.setdefault(int(index), name) == name
                case ["checkpoint", size, root]:
                    assert self._account.roots.setdefault(int(size), root) == root
                case ["writer", number]:
                    self.writer = int(number)
                case ["refused", _]:
                    self._account.refused += 1

    def wait_for(self, events: int) -> None:
        """Wait until so many more events are acknowledged and it is known who writes."""
        goal, until = len(self._account.kept) + events, time.monotonic() + PATIENCE_S
        while len(self._account.kept) < goal or not self.writer:
            assert self._process.poll() is None, "it ended by itself"
            assert time.monotonic() < until, "nothing is acknowledged any more"
            time.sleep(0.005)

    def kill_writer(self) -> None:
        os.kill(self.writer, signal.SIGKILL)
        self.writer = 0

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


def crash_loop(path: Path, kills: int, seed: int) -> Account:
    """Kill so many times, at random moments under load, then judge the log.

    Raises:
        AssertionError: an acknowledged event is lost, or a checkpoint no longer holds.
    """
    chance, account = random.Random(seed), Account()
    hammer = Hammer(path, account)
    try:
        for number in range(kills):
            hammer.wait_for(chance.randrange(1, 200))
            time.sleep(chance.random() * 0.02)
            if chance.random() < OF_ALL or number == kills - 1:
                hammer.kill()
                account.box_kills += 1
                if number < kills - 1:
                    hammer = Hammer(path, account)
            else:
                hammer.kill_writer()
                account.writer_kills += 1
    finally:
        hammer.kill()
    judge(path, account)
    return account


def judge(path: Path, account: Account) -> None:
    """Every promise was kept. Raises AssertionError."""
    log = AuditLog.open_apart(path, KEY, IDENTITY)
    try:
        reader = log.reader
        account.entries = reader.size()
        found = {entry.index: entry.event.actor for entry in reader.select(Query(actor=None))}
        for index, name in account.kept.items():
            assert found.get(index) == f"key:{name}", f"event {index} ({name}) is lost"
        report = verify(reader)
        assert report.ok, report.sentence
        nodes = reader.nodes(account.entries)
        for size, root in account.roots.items():
            assert Frontier.from_nodes(nodes, size).root() == b64decode(root), size
        account.unclean = sum(1 for _ in reader.select(Query(tag="box:audit:unclean-stop")))
        account.gaps = sum(1 for _ in reader.select(Query(tag="box:audit:gap")))
    finally:
        log.close()
