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

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]

PACKAGES = (
    "tui", "installer", "appliance", "eval", "models", "secure_compute", "firmware_checks",
)  # fmt: skip
FILES = ("wardbox", "install.sh", "constraints.txt", "pyproject.toml")
MORE = """
def _more_{number}(db: "Database") -> None:
    db.execute("CREATE TABLE update_notes_{number} (id INTEGER PRIMARY KEY, note TEXT) STRICT")


MIGRATIONS = (*MIGRATIONS, Migration("updates.9-{number}", _more_{number}))
"""
OPENED = "    undo.push_async_callback(asyncio.to_thread, db.close)\n"


def release(place, version, tables=(), broken=False, source=ROOT):
    """The sources of this box as a release of their own, with another version and more tables."""
    for name in PACKAGES:
        shutil.copytree(
            source / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.orig")
        )
    for name in FILES:
        shutil.copy2(source / name, place / name)
    (place / "appliance/services/version.py").write_text(
        f'"""Which edition of the box this is."""\n\nVERSION = "{version}"\nPOLICY = "1"\n'
    )
    with (place / "appliance/updates/migrations.py").open("a") as stream:
        for number in tables:
            stream.write(MORE.format(number=number))
    if broken:
        ground = place / "appliance/services/ground.py"
        text = ground.read_text()
        assert OPENED in text
        broken = f"{OPENED}    raise VaultLocked\n"
        text = text.replace(OPENED, broken).replace(
            "import asyncio\n", "import asyncio\n\nfrom appliance.errors import VaultLocked\n", 1
        )
        ground.write_text(text)
    return place


class Vendor:
    """A vendor's machine: keys, and a bundle for each release."""

    def __init__(self, place):
        self.place = place / "vendor"
        self.passphrase = place / "passphrase"
        self.passphrase.write_text("a passphrase of the vendor's own\n")
        self.run("init", self.place, "--passphrase-file", self.passphrase)

    def bundle(self, tree, version, out, *more):
        self.run("add", "software", tree, "--version", version, "--dir", self.place)
        self.run("build", out, "--dir", self.place, "--passphrase-file", self.passphrase, *more)
        return out

    def run(self, *words):
        done = subprocess.run(
            (sys.executable, "-m", "installer", "vendor", *map(str, words)),
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


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
    third = release(scratch / "third", "0.3.0", (2, 3), broken=True, source=box.first)
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
    print(
        f"0.2.0: {box.outcome()['stopped']} .. {box.outcome()['answered']}, {caller.answered} answers"
    )

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
    assert outcome["migrations"] == ["updates.9-3"], (
        "the third release had come as far as its tables"
    )
    assert box.run("status").returncode == 0
    assert "emr" in box.run("key", "list").stdout
    assert audit_size(box) > entries
    assert json.loads(box.run("update", "health", "--json").stdout)["ok"]
    assert await_history(box, {("0.2.0", "applied"), ("0.3.0", "reverted")})


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
