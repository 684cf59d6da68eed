"""Releases on a real box: the second comes with another schema, the third is broken and goes again."""

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time

import aiohttp
import pytest

from tests.box.conftest import ROOT, Box, read_secrets
from tests.box.releases import OTHER, WIDER, Vendor, release

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]


class Running(Box):
    """A box that runs from whichever release is the current one."""

    def run(self, *words, given=None, check=True):
        launcher = self.state / "software/current/wardbox"
        if not launcher.exists():
            launcher = self.first / "wardbox"
        done = subprocess.run(
            (launcher, *map(str, words)), env=self.environment, input=given, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def apply(self, deadline=60):
        words = ("--interpreted", "--deadline", deadline)
        return self.run("apply-update", *words, check=False)

    def version(self):
        return (self.state / "software/current").resolve().name

    def outcome(self):
        return json.loads((self.state / "updates/outcome.json").read_bytes())


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or shutil.which("gocryptfs") is None:
        pytest.skip("a whole box needs /dev/fuse and gocryptfs")
    return tmp_path_factory.mktemp("upd")


@pytest.fixture(scope="module")
def box(scratch):
    first = release(scratch / "first", "0.1.0")
    (first / ".venv").symlink_to((ROOT / ".venv").resolve())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answers = scratch / "answers.toml"
    answers.write_text(
        f'port = {port}\naddress = "127.0.0.1"\nservice = "background"\n'
        'secrets_file = "secrets.txt"\ntrial_note = false\n'
    )
    state = scratch / "s"
    words = (first / ".venv/bin/python", "-m", "installer", "install", "--state", state)
    environ = {**os.environ, "PYTHONPATH": str(first), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        (*words, "--answers", answers), env=environ, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    made = Running(state, port, read_secrets(scratch / "secrets.txt"), done.stdout)
    made.first = first
    yield made
    made.run("supervise", "--stop", check=False)
    subprocess.run(
        (*words[:3], "uninstall", "--state", state, "--yes"), env=environ, check=True,
        capture_output=True,
    )  # fmt: skip


class Caller:
    """An application that never stops asking; each request is answered, or was never accepted."""

    def __init__(self, box, key):
        self.box = box
        self.key = key
        self.answered = 0
        self.wrong = []

    async def answers(self, count):
        async with asyncio.timeout(60):
            while self.answered < count:  # noqa: ASYNC110  # somebody else counts
                await asyncio.sleep(0.1)

    async def call_until(self, ended):
        context = ssl.create_default_context(cafile=self.box.state / "trust/ca.pem")
        address = f"https://localhost:{self.box.port}/v1/models"
        headers = {"Authorization": f"Bearer {self.key}"}
        while not ended.is_set():
            # A connection of its own each time: one that was refused was not accepted.
            async with aiohttp.ClientSession() as session:
                try:
                    async with session.get(address, ssl=context, headers=headers) as answer:
                        await answer.read()
                        self.answered += answer.status == 200
                        if answer.status != 200:
                            self.wrong.append(answer.status)
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
                except aiohttp.ClientError as error:
                    self.wrong.append(repr(error))


async def applied(box, caller):
    ended = asyncio.Event()
    calling = asyncio.create_task(caller.call_until(ended))
    done = await asyncio.to_thread(box.apply)
    answered = caller.answered
    if done.returncode == 0:
        await caller.answers(answered + 2)
    ended.set()
    await calling
    return done


def test_a_round_of_releases(box, scratch):
    vendor = Vendor(scratch)
    second = release(scratch / "second", "0.2.0", (2,), source=box.first)
    more = {"source": box.first, "log": WIDER}
    third = release(scratch / "third", "0.3.0", (2, 3), broken=True, **more)
    one = vendor.bundle(second, "0.2.0", scratch / "one")
    two = vendor.bundle(third, "0.3.0", scratch / "two", "--from", one)
    box.run("update", "trust", vendor.place / "root.json")
    key = box.run("key", "create", "emr", "--scope", "chat").stdout.strip()

    box.run("update", "apply", one)
    caller = Caller(box, key)
    done = asyncio.run(applied(box, caller))
    assert done.returncode == 0, done.stdout + done.stderr
    assert box.version() == "0.2.0"
    assert box.outcome()["migrations"] == ["updates.9-2"]
    assert caller.wrong == []
    assert caller.answered > 0
    outcome = box.outcome()
    print(f"0.2.0: {outcome['stopped']} .. {outcome['answered']}, {caller.answered} answers")

    box.run("user", "list")
    entries = audit_size(box)
    box.run("update", "apply", two)
    done = box.apply(8)
    assert done.returncode == 1, done.stdout + done.stderr
    print(done.stdout[-600:])
    assert box.version() == "0.2.0"
    outcome = box.outcome()
    assert (outcome["state"], outcome["tries"], outcome["code"]) == (
        "reverted",
        3,
        "apply.unhealthy",
    )
    tables, stars = outcome["migrations"]
    assert tables == "updates.9-3", "the third release had come as far as its tables"
    assert stars.startswith("audit.009+stars."), "and had made the log wider"
    assert box.run("status").returncode == 0
    assert "emr" in box.run("key", "list").stdout
    assert audit_size(box) > entries
    assert json.loads(box.run("update", "health", "--json").stdout)["ok"]
    assert await_history(box, {("0.2.0", "applied"), ("0.3.0", "reverted")})

    a_log_that_became_wider_stays_so(box, vendor, scratch, more)


def a_log_that_became_wider_stays_so(box, vendor, scratch, more):
    """The second release went on with it, and the next one finds it so; no other change gets that far."""
    entries = audit_size(box)
    fourth = release(scratch / "fourth", "0.4.0", (2, 3), **more)
    box.run("update", "apply", vendor.bundle(fourth, "0.4.0", scratch / "three"))
    done = box.apply()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (box.version(), box.outcome()["migrations"]) == ("0.4.0", ["updates.9-3"])
    assert audit_size(box) > entries
    fifth = release(scratch / "fifth", "0.5.0", (2, 3), source=box.first, log=WIDER + OTHER)
    words = ("software", fifth, "--version", "0.5.0", "--dir", vendor.place)
    assert "audit.010-other" in vendor.run("add", *words, refused=True)


def await_history(box, wanted):
    """The box listens for what the installer did, every few seconds."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        seen = json.loads(box.run("update", "history", "--json").stdout)["updates"]
        if wanted <= {(one["version"], one["state"]) for one in seen if one["kind"] == "software"}:
            return True
        time.sleep(1)
    return False


def audit_size(box):
    out = box.state.parent / "export"
    shutil.rmtree(out, ignore_errors=True)
    box.run("audit", "export", "--out", out)
    told = subprocess.run(
        (sys.executable, out / "verify.py", out),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return sum(path.stat().st_size for path in out.rglob("*.ndjson"))
