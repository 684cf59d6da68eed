"""A wider log: proven on the real one, gone on with by either release, and whole at every crash point."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit.event import Event, Leaf
from appliance.audit.ledger import AuditIdentity
from appliance.audit.opening import OwnScribe
from appliance.audit.schema import MIGRATIONS
from appliance.audit.verify import verify
from appliance.bodies.store import MIGRATIONS as BODIES
from appliance.bodies.store import BodyStore
from appliance.db.connection import open_connection
from appliance.db.copying import outstanding
from appliance.db.errors import DbDiskFull, DbError
from appliance.db.migration import Migration
from appliance.db.widening import NotWidening, widening
from appliance.errors import ApplianceError
from appliance.settings.layout import StateLayout
from appliance.updates import log_proof
from appliance.updates.log_forms import OWN, forms_at
from appliance.updates.log_proof import FEW, ScratchLog, prove_real
from secure_compute.signing import SigningKey

KEY = bytes(range(32))
IDENTITY = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
TRIAL = "0123456789abcdef"
STARS = widening(
    "audit.003+stars",
    "ALTER TABLE entries ADD COLUMN stars INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX entries_stars ON entries (stars, tag)",
    "CREATE TABLE stars (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
    "INSERT INTO stars (id, name) VALUES (1, 2)",
)
MORE = widening("audit.004+more", "ALTER TABLE head ADD COLUMN more TEXT NOT NULL DEFAULT ''")
PLACES = widening("bodies.2+places", "ALTER TABLE bodies ADD COLUMN place TEXT")
NEW = (*MIGRATIONS, STARS, MORE)


def now() -> datetime:
    return datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    made = StateLayout(tmp_path / "s")
    made.vault.mkdir(parents=True)
    return made


@contextmanager
def release(*audit: Migration, bodies: tuple[Migration, ...] = BODIES) -> Iterator[None]:
    """What runs inside is the code of a release that knows these steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("appliance.audit.store.MIGRATIONS", audit or MIGRATIONS)
        patch.setattr("appliance.bodies.store.MIGRATIONS", bodies)
        patch.setattr(log_proof, "AUDIT", audit or MIGRATIONS)
        patch.setattr(log_proof, "BODIES", bodies)
        yield


def key_of(_name: str) -> bytes:
    return KEY


def write(path: Path, count: int = 10) -> int:
    """Open the log as the release that runs, acknowledge events, end; how many there are."""
    scribe = OwnScribe(path, KEY, IDENTITY, now, time.monotonic)
    try:
        scribe.open()
        events = [Event("audit:log:verify", "box", details={"size": at}) for at in range(count)]
        assert all(isinstance(one, Leaf) for one in scribe.commit(events, clean=True))
        with closing(scribe.reader()) as reader:
            report = verify(reader)
    finally:
        scribe.release()
    assert report.ok, report.sentence
    return report.entries


def steps_of(path: Path) -> tuple[str, ...]:
    return outstanding(path, KEY, NEW)[0]


def test_events_of_a_release_that_is_taken_back_stay(layout: StateLayout) -> None:
    """Old, new, old again, new again: every event that any of them acknowledged is there."""
    assert write(layout.audit_db) == 10
    for round_, steps in enumerate((NEW, MIGRATIONS, NEW, MIGRATIONS), 2):
        with release(*steps):
            assert write(layout.audit_db) == 10 * round_
    assert steps_of(layout.audit_db) == ()


def test_the_proof_on_the_real_log_leaves_it_as_it_was(layout: StateLayout) -> None:
    write(layout.audit_db, 600)
    BodyStore.create(layout.bodies_db, KEY, now).close()
    before = layout.audit_db.read_bytes(), layout.bodies_db.read_bytes()
    with release(*NEW, bodies=(*BODIES, PLACES)):
        coming = prove_real(layout, key_of, forms_at(OWN))
    assert coming == (STARS.id, MORE.id, PLACES.id)
    assert (layout.audit_db.read_bytes(), layout.bodies_db.read_bytes()) == before
    assert write(layout.audit_db) == 610


def test_what_may_not_come_is_refused_before_anything_happens(layout: StateLayout) -> None:
    write(layout.audit_db)
    other = Migration("audit.003-other", lambda db: db.execute("CREATE TABLE more (x)"))
    hidden = Migration(STARS.id, lambda db: db.execute("DROP TABLE checkpoints"))
    for steps, before in (((other,), forms_at(OWN)), ((hidden,), forms_at(OWN)), ((STARS,), None)):
        with release(*MIGRATIONS, *steps), pytest.raises(NotWidening):
            prove_real(layout, key_of, before)
    for statement in ("DELETE FROM entries WHERE idx = 9", "UPDATE head SET size = 9"):

        def changes(database: object, said: str = statement) -> None:
            database.execute(said)  # type: ignore[attr-defined]

        with release(*MIGRATIONS, Migration(STARS.id, changes)), pytest.raises(NotWidening):
            prove_real(layout, key_of, forms_at(OWN))
    assert write(layout.audit_db) == 20


def test_the_way_back_needs_no_step_but_looks(layout: StateLayout) -> None:
    with release(*NEW):
        write(layout.audit_db)
    with release(*MIGRATIONS):
        assert prove_real(layout, key_of, None) == ()
    other = Migration("audit.005-other", lambda db: db.execute("CREATE TABLE more (x)"))
    with release(*NEW, other):
        write(layout.audit_db)
    with release(*MIGRATIONS), pytest.raises(NotWidening):
        prove_real(layout, key_of, None)


def test_a_log_without_room_is_found_out_and_stays(
    layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(layout.audit_db, 3000)
    real = open_connection

    def tight(path: Path, key: bytes, *, read_only: bool = False) -> object:
        connection = real(path, key, read_only=read_only)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages:d}")
        return connection

    monkeypatch.setattr(log_proof, "open_connection", tight)
    with release(*NEW), pytest.raises(DbDiskFull):
        prove_real(layout, key_of, forms_at(OWN))
    assert write(layout.audit_db) == 3010


def scratch(layout: StateLayout) -> ScratchLog:
    return ScratchLog(layout, TRIAL, now)


def test_both_releases_go_on_with_a_log_of_their_own(layout: StateLayout) -> None:
    with release(*NEW, bodies=(*BODIES, PLACES)):
        scratch(layout).begin()
        assert scratch(layout).go_on(500) == 500
    with release():
        assert scratch(layout).go_on(FEW) == 500 + FEW
    with release(*NEW, bodies=(*BODIES, PLACES)):
        assert scratch(layout).go_on(FEW) == 500 + 2 * FEW
    scratch(layout).remove()
    assert list(layout.trial.iterdir()) == []


@pytest.mark.parametrize(
    "deed",
    [
        "DELETE FROM entries WHERE idx > 480",
        "UPDATE entries SET leaf = X'00' WHERE idx = 490",
        "UPDATE head SET size = 400",
        "DROP TABLE checkpoints",
        "CREATE TRIGGER one BEFORE INSERT ON entries BEGIN SELECT RAISE(FAIL, 'no'); END",
        "CREATE UNIQUE INDEX one ON entries (tag, idx)",
    ],
)
def test_a_release_that_keeps_events_from_the_one_before_is_found_out(
    layout: StateLayout, deed: str
) -> None:
    """Statements that are all taken prove nothing about where a release puts what it acknowledges."""
    with release(*NEW):
        scratch(layout).begin()
        scratch(layout).go_on(500)
        path = layout.trial / f"{TRIAL}-audit.db"
        with closing(open_connection(path, scratch(layout)._key)) as connection:
            connection.execute(deed)
    with release(), pytest.raises((NotWidening, DbError, ApplianceError)):
        scratch(layout).go_on(FEW)


@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 6])
def test_the_power_goes_while_the_log_becomes_wider(
    layout: StateLayout, tmp_path: Path, stride: int
) -> None:
    """What the disk may hold after a cut is a beginning of the write-ahead log: each of them is tried.

    At every one both releases open the log, find all that was acknowledged, and go on.
    """
    path = layout.audit_db
    write(path, 600)
    base = path.read_bytes()
    connection = open_connection(path, KEY)
    try:
        with release(*NEW):
            scribe = OwnScribe(path, KEY, IDENTITY, now, time.monotonic)
            scribe.open()
            wal = path.with_name("audit.db-wal").read_bytes()
            assert path.read_bytes() == base, "nothing was folded yet"
            scribe.release()
    finally:
        connection.close()
    frame = 4096 + 24
    frames = (len(wal) - 32) // frame
    assert frames >= 8
    found = set()
    points = [(cut, ragged) for cut in range(0, frames + 1, stride) for ragged in (0, 1000)]
    for cut, ragged in points:
        place = tmp_path / f"cut-{cut}-{ragged}"
        for steps in (MIGRATIONS, NEW):
            place.mkdir(exist_ok=True)
            log = place / "audit.db"
            log.write_bytes(base)
            end = 32 + cut * frame + ragged
            log.with_name("audit.db-wal").write_bytes(wal[:end])
            found.add(steps_of(log))
            with release(*steps):
                assert write(log, 3) == 603, (cut, ragged)
            with release(*(NEW if steps is MIGRATIONS else MIGRATIONS)):
                assert write(log, 3) == 606, (cut, ragged)
            for one in place.iterdir():
                one.unlink()
    print(f"crash points: {len(points)}, forms found: {sorted(map(len, found))}")
    assert stride > 1 or found == {(STARS.id, MORE.id), (MORE.id,), ()}, (
        "before, between and after the steps"
    )


KILLED = """
import sys, time, pathlib
from appliance.db import widening
from tests.appliance.updates.test_log_proof import NEW, key_of, release
from appliance.errors import ApplianceError
from appliance.settings.layout import StateLayout
from appliance.updates import log_proof
from appliance.updates.log_forms import OWN, forms_at

def stop(connection, path, steps, look):
    def wait():
        found = look()
        if "entries_stars" in str(connection.execute("SELECT sql FROM sqlite_master").fetchall()):
            print("inside", flush=True)
            time.sleep(600)
        return found
    return widening.prove(connection, path, steps, wait)

log_proof.prove = stop
with release(*NEW):
    log_proof.prove_real(StateLayout(pathlib.Path(sys.argv[1])), key_of, forms_at(OWN))
"""


@pytest.mark.slow
def test_a_proof_that_is_killed_leaves_the_log_as_it_was(layout: StateLayout) -> None:
    write(layout.audit_db, 600)
    child = subprocess.Popen(
        (sys.executable, "-c", KILLED, str(layout.root)),
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "inside"
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    assert steps_of(layout.audit_db) == (STARS.id, MORE.id)
    assert write(layout.audit_db) == 610
