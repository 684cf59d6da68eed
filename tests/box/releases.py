"""Releases made of the sources of this box, each with something of its own, and a vendor who signs them."""

import os
import shutil
import subprocess
import sys

from tests.box.conftest import ROOT

PACKAGES = (
    "tui", "installer", "appliance", "eval", "models", "secure_compute", "firmware_checks",
)  # fmt: skip
FILES = ("wardbox", "install.sh", "constraints.txt", "pyproject.toml")
MORE = """
def _more_{number}(db: "Database") -> None:
    db.execute("CREATE TABLE update_notes_{number} (id INTEGER PRIMARY KEY, note TEXT) STRICT")


MIGRATIONS = (*MIGRATIONS, Migration("updates.9-{number}", _more_{number}))
"""
WIDER = """

from appliance.db.widening import widening  # noqa: E402

MIGRATIONS = (
    *MIGRATIONS,
    widening(
        "audit.009+stars",
        "ALTER TABLE entries ADD COLUMN stars INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX entries_stars ON entries (stars)",
        "CREATE TABLE stars (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
    ),
)
"""
OTHER = """

def _other(database: Database) -> None:
    database.conn.execute("CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT")


MIGRATIONS = (*MIGRATIONS, Migration("audit.010-other", _other))
"""
OPENED = "    undo.push_async_callback(asyncio.to_thread, db.close)\n"


def release(place, version, tables=(), broken=False, source=ROOT, log=""):
    """The sources of this box as a release of their own: another version, more tables, another log."""
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
    if log:
        with (place / "appliance/audit/schema.py").open("a") as stream:
            stream.write(log)
        # The tests' own tool, over the sources of that release: it tells what its log is now.
        environ = {**os.environ, "PYTHONPATH": f"{place}:{ROOT}", "PYTHONSAFEPATH": "1"}
        subprocess.run(
            (sys.executable, "-m", "tests.appliance.updates.log_forms"), cwd=place, env=environ,
            check=True, capture_output=True,
        )  # fmt: skip
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

    def run(self, *words, refused=False):
        done = subprocess.run(
            (sys.executable, "-m", "installer", "vendor", *map(str, words)),
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == int(refused), done.stdout + done.stderr
        return done.stdout + done.stderr
