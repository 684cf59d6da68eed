"""A new key for a database: staged while the box serves, done at the next opening, safe at every step."""

import os
import shutil
from contextlib import suppress

import pytest

from appliance.db.connection import open_connection
from appliance.db.errors import DbError, DbWrongKey
from appliance.db.rekey import opens, rekey
from appliance.vault.keyfile import read_keyring
from appliance.vault.rekeying import complete
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.crashing import full_disk, killed_at, stepping

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def _fill(path, key, rows=300):
    connection = open_connection(path, key)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
    connection.executemany("INSERT INTO notes (body) VALUES (?)", [("planted " * 30,)] * rows)
    connection.execute("DELETE FROM notes WHERE id % 3 = 0")
    connection.execute("PRAGMA user_version = 7")
    return connection


def _content(path, key):
    connection = open_connection(path, key)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()
        return version, connection.execute("SELECT id, body FROM notes").fetchall()
    finally:
        connection.close()


def test_everything_is_under_the_new_key_and_nothing_else(tmp_path):
    path = tmp_path / "box.db"
    _fill(path, OLD).close()
    before = _content(path, OLD)
    assert rekey(path, OLD, NEW)
    assert not rekey(path, OLD, NEW)
    assert _content(path, NEW) == before
    assert not opens(path, OLD)
    with pytest.raises(DbWrongKey):
        open_connection(path, OLD)
    assert b"planted" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not rekey(tmp_path / "absent.db", OLD, NEW)
    with pytest.raises(DbError):
        rekey(path, OLD, bytes(32))


def test_what_a_killed_process_left_in_the_log_is_kept(tmp_path):
    path = tmp_path / "box.db"
    pid = os.fork()
    if pid == 0:
        held = _fill(path, OLD)
        os._exit(0 if held else 1)
    os.waitpid(pid, 0)
    assert path.with_name("box.db-wal").stat().st_size > 0
    assert rekey(path, OLD, NEW)
    assert len(_content(path, NEW)[1]) == 200


def test_an_open_database_is_left_alone(tmp_path):
    path = tmp_path / "box.db"
    held = _fill(path, OLD)
    held.execute("BEGIN")
    held.execute("SELECT count(*) FROM notes").fetchone()
    try:
        with pytest.raises(DbError):
            rekey(path, OLD, NEW)
    finally:
        held.close()
    assert len(_content(path, OLD)[1]) == 200


def test_a_damaged_database_keeps_its_key_and_its_bytes(tmp_path):
    path = tmp_path / "box.db"
    _fill(path, OLD).close()
    open_connection(path, OLD).close()
    data = bytearray(path.read_bytes())
    data[20_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(DbError):
        rekey(path, OLD, NEW)
    assert opens(path, OLD)
    assert [item.name for item in tmp_path.iterdir() if "rekey" in item.name] == []


def test_killed_at_every_step_one_key_opens_it_and_the_next_call_ends_it(tmp_path):
    source, path, points = tmp_path / "source.db", tmp_path / "box.db", 0
    _fill(source, OLD, 60).close()
    before, seen = _content(source, OLD), set()
    while True:
        shutil.copy(source, path)
        if not killed_at(points + 1, lambda: None, lambda _: rekey(path, OLD, NEW)):
            break
        points += 1
        keys = [key for key in (OLD, NEW) if opens(path, key)]
        assert len(keys) == 1
        assert _content(path, keys[0]) == before
        seen.add(keys[0])
        rekey(path, OLD, NEW)
        assert _content(path, NEW) == before
    print(f"crash points of a database's new key: {points}")
    assert points >= 5
    assert seen == {OLD, NEW}


def test_a_full_disk_leaves_the_old_key(tmp_path):
    path = tmp_path / "box.db"
    _fill(path, OLD, 60).close()
    before = _content(path, OLD)
    for step in range(1, 20):
        with stepping(step, full_disk) as steps, suppress(DbError):
            rekey(path, OLD, NEW)
        key = NEW if opens(path, NEW) else OLD
        assert _content(path, key) == before
        if steps.count < step:
            break
        rekey(path, NEW, OLD)


def test_a_staged_key_is_taken_at_the_next_opening(vault, created, layout):
    opened = vault.unlock(PASSPHRASE)
    layout.vault.mkdir(exist_ok=True)
    first = opened.key("box.db")
    _fill(layout.box_db, first, 60).close()
    assert opened.renew("box.db", "next") == 2
    # Until then nothing changes for whoever has it open.
    assert opened.key("box.db") == first
    vault.rotate_root()
    vault.lock()
    opened = vault.unlock(PASSPHRASE)
    second = opened.key("box.db")
    assert second != first
    assert len(_content(layout.box_db, second)[1]) == 40
    assert [key.state for key in read_keyring(layout).keys if key.wrapped.use == "box.db"] == [
        "current"
    ]
    assert complete(layout, opened) == ()


def test_a_staged_key_waits_while_the_disk_is_full(vault, created, layout, monkeypatch):
    opened = vault.unlock(PASSPHRASE)
    layout.vault.mkdir(exist_ok=True)
    _fill(layout.box_db, opened.key("box.db"), 60).close()
    opened.renew("box.db", "next")
    vault.lock()
    with monkeypatch.context() as full:
        full.setattr("appliance.db.copying.shutil.copyfileobj", lambda *_: full_disk())
        opened = vault.unlock(PASSPHRASE)
        assert opened.book.waiting() == ("box.db",)
        assert len(_content(layout.box_db, opened.key("box.db"))[1]) == 40
    vault.lock()
    opened = vault.unlock(PASSPHRASE)
    assert opened.book.waiting() == ()
    assert len(_content(layout.box_db, opened.key("box.db"))[1]) == 40


def test_killed_between_the_file_and_the_book_the_right_key_is_found(vault, created, layout):
    opened = vault.unlock(PASSPHRASE)
    layout.vault.mkdir(exist_ok=True)
    _fill(layout.box_db, opened.key("box.db"), 60).close()
    opened.renew("box.db", "next")
    with opened.secret("box.db", 2) as new:
        rekey(layout.box_db, opened.key("box.db"), new.reveal())
    vault.close()
    opened = vault.unlock(PASSPHRASE)
    assert len(_content(layout.box_db, opened.key("box.db"))[1]) == 40
    assert opened.book.waiting() == ()
