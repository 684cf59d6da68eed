"""A hospital that has lost its box and its vendor: `age`, paper and one file of Python."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.backup import open_backup
from appliance.backup.beside import READER
from appliance.backup.keyfile import Holder, write_keys
from appliance.backup.recipients import recipient_of
from appliance.backup.target import DirectoryTarget
from secure_compute.recovery import recovery_text
from secure_compute.secret import Secret
from tests.appliance.backup.conftest import MARK, SmallBox
from tests.appliance.backup.crashing import killed_at

pytestmark = pytest.mark.skipif(
    shutil.which("age") is None, reason="needs the program age (apt-get install age)"
)


def run(*argv: str, given: str = "", ok: bool = True) -> str:
    done = subprocess.run(
        argv, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def reader(target: DirectoryTarget, *words: str, given: str = "", ok: bool = True) -> str:
    """The program as it lies with the backup, in an interpreter that knows no WardBox."""
    argv = (sys.executable, "-I", f"{target.place}/{READER}", target.place, *words)
    return run(*argv, given=given, ok=ok)


@pytest.fixture
def age_key(tmp_path: Path) -> tuple[Path, str]:
    """An officer's key by the program itself: its file and its recipient."""
    path = tmp_path / "officer.key"
    run("age-keygen", "-o", str(path))
    return path, run("age-keygen", "-y", str(path)).strip()


def test_the_age_program_opens_the_keys(
    box: SmallBox, target: DirectoryTarget, age_key: tuple[Path, str]
) -> None:
    path, recipient = age_key
    box.back_up(target)
    keys = box.repository_as_is(target).keys
    recipients = (recipient_of(box.identity), recipient)
    write_keys(target, keys, Holder(box.identity, recipients, box.signer.verify_key, "test"))
    plain = run("age", "-d", "-i", str(path), f"{target.place}/keys.age")
    body = json.loads(plain)["body"]
    assert body["data"] == keys.data.hex()
    assert body["algorithm"] == "aes-256-gcm"


def test_everything_comes_back_by_an_age_key(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, age_key: tuple[Path, str]
) -> None:
    path, recipient = age_key
    box.back_up(target)
    holder = Holder(
        box.identity, (recipient_of(box.identity), recipient), box.signer.verify_key, "test"
    )
    write_keys(target, box.repository_as_is(target).keys, holder)
    out = tmp_path / "out"
    said = reader(target, "--identity", str(path), "--out", str(out))
    assert "each authenticated" in said
    same_as(box, out)


def test_everything_comes_back_by_the_paper(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.back_up(target)
    said = reader(target, "--recovery", given=box.recovery.lower() + "\n")
    assert "#1" in said
    out = tmp_path / "out"
    reader(target, "--recovery", "--out", str(out), given=box.recovery + "\n")
    same_as(box, out)
    other = recovery_text(Secret.random())
    assert "does not open" in reader(target, "--recovery", given=other + "\n", ok=False)


def same_as(box: SmallBox, out: Path) -> None:
    files = "vault/files/shelf/blobs/ab", "vault/files/callers/train.jsonl", "settings.toml"
    for path in files:
        assert (out / path).read_bytes() == (box.layout.root / path).read_bytes()
    assert (out / "vault/files/shelf/models/tiny/files/weights.gguf").stat().st_nlink == 2
    assert (out / "databases.txt").stat().st_mode & 0o077 == 0


def counts(out: Path, target: DirectoryTarget) -> dict[str, int]:
    """Rows by the sqlite3 of Python, out of what the second program wrote."""
    program = f"{target.place}/open-database.py"
    assert "box.db.plain" in run(sys.executable, "-I", program, str(out))
    found = {}
    for name, question in (
        ("box.db", "SELECT count(*) FROM things"),
        ("audit.db", "SELECT count(*) FROM entries"),
    ):
        plain = sqlite3.connect(out / "vault" / f"{name}.plain")
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found[name] = plain.execute(question).fetchone()[0]
        plain.close()
    return found


def test_the_databases_open_in_any_sqlite_with_what_their_logs_hold(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    with box.db() as db:
        box.fill(db, 50)
        entries = box.record(7)
        # While it is open its last rows lie in the write-ahead log alone.
        assert box.layout.box_db.with_name("box.db-wal").stat().st_size > 0
        assert killed_at(0, lambda _: box.reopen() or box.back_up(target)) is False
    out = tmp_path / "out"
    reader(target, "--recovery", "--out", str(out), given=box.recovery + "\n")
    assert (out / "vault/box.db-wal").stat().st_size > 0
    assert counts(out, target) == {"box.db": 250, "audit.db": entries}
    # A page that was altered is told, not written.
    path = out / "vault/box.db"
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(raw)
    for plain in out.glob("vault/*.plain"):
        plain.unlink()
    said = run(sys.executable, "-I", f"{target.place}/open-database.py", str(out), ok=False)
    assert "page 2 was altered" in said


def test_a_box_that_never_kept_a_body_opens_too(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.opened.key("bodies.db")
    assert "bodies.db" in (box.layout.keys / "keyring.json").read_text()
    assert not box.layout.bodies_db.exists()
    entries = box.record(1)
    box.back_up(target)
    out = tmp_path / "out"
    reader(target, "--recovery", "--out", str(out), given=box.recovery + "\n")
    assert "bodies.db" not in (out / "databases.txt").read_text()
    assert counts(out, target) == {"box.db": 200, "audit.db": entries}
    # Once more: what is there is not written over, and that is a sentence.
    said = reader(target, "--recovery", "--out", str(out), given=box.recovery + "\n", ok=False)
    assert str(out) in said
    program = f"{target.place}/open-database.py"
    assert ".plain" in run(sys.executable, "-I", program, str(out), ok=False)
    nowhere = (sys.executable, "-I", f"{target.place}/{READER}", str(tmp_path / "nowhere"))
    assert "nowhere" in run(*nowhere, "--recovery", given=box.recovery + "\n", ok=False)


def test_what_was_altered_is_not_written(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path
) -> None:
    box.back_up(target)
    pack = next(Path(target.place).glob("packs/??/*"))
    raw = bytearray(pack.read_bytes())
    raw[200] ^= 1
    pack.write_bytes(raw)
    given = box.recovery + "\n"
    said = reader(target, "--recovery", "--out", str(tmp_path / "out"), given=given, ok=False)
    assert pack.name in said


@pytest.mark.parametrize("name", ["lists", "index"])
@pytest.mark.parametrize("content", [None, b"rubbish"])
def test_what_is_lost_or_altered_is_a_sentence(
    box: SmallBox, target: DirectoryTarget, name: str, content: bytes | None
) -> None:
    box.back_up(target)
    (Path(target.place) / "lists" / "zzzzzzzzzz").write_bytes(b"somebody else's")
    given = box.recovery + "\n"
    assert "#1" in reader(target, "--recovery", given=given)
    place = Path(target.place) / name
    for path in place.iterdir():
        if path.name == "zzzzzzzzzz":
            continue
        path.unlink() if content is None else path.write_bytes(content)
    assert "missing or altered" in reader(target, "--recovery", given=given, ok=False)


def test_the_program_on_the_target_is_the_present_one(
    box: SmallBox, target: DirectoryTarget
) -> None:
    box.back_up(target)
    target.write(READER, b"of an older release")
    box.back_up(target)
    assert target.read(READER) == Path(open_backup.__file__).read_bytes()
    assert MARK.encode() not in target.read(READER)
