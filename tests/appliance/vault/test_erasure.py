"""Erasing by destroying keys: what was erased is gone, all else is as it was, at every step of a kill."""

import shutil

import pytest

from appliance.db.database import Db
from appliance.settings.layout import StateLayout
from appliance.vault.erasure import destroy_keys, erase_box, signed
from appliance.vault.errors import SubjectErased, SubjectUnknown, VaultErased
from appliance.vault.forgotten import ForgottenList, Gone
from appliance.vault.keyfile import read_keyring
from appliance.vault.migrations import MIGRATIONS
from appliance.vault.subjects import DATASET, PATIENT, SubjectKeys
from appliance.vault.vault import Vault
from secure_compute.destruction import Destruction, verify_destruction
from secure_compute.envelope import Sealed
from secure_compute.errors import SealBroken
from secure_compute.note import NoteKey
from secure_compute.suites import CHINESE
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, NotedMount
from tests.appliance.vault.crashing import killed_at

PATIENTS = [f"P{number:04}" for number in range(30)]


@pytest.fixture
def opened(vault, created, layout):
    layout.vault.mkdir(exist_ok=True)
    return vault.unlock(PASSPHRASE)


@pytest.fixture
def db(opened, layout):
    with Db(layout.box_db, opened.key("box.db"), MIGRATIONS) as db:
        yield db


@pytest.fixture
def subjects(db, opened):
    return SubjectKeys(db, opened)


def test_a_subject_reads_its_own_content_alone(subjects):
    sealed = subjects.seal(PATIENT, "P1", b"body", b"entry 7")
    assert subjects.open(PATIENT, "P1", sealed, b"entry 7") == b"body"
    subjects.seal(PATIENT, "P2", b"other")
    for family, subject, aad in ((PATIENT, "P2", b"entry 7"), (PATIENT, "P1", b"entry 8")):
        with pytest.raises(SealBroken):
            subjects.open(family, subject, sealed, aad)
    with pytest.raises(SubjectUnknown):
        subjects.open(DATASET, "P1", sealed, b"entry 7")
    with pytest.raises(SubjectUnknown):
        subjects.key("ward", "P1")
    assert subjects.count(PATIENT) == 2


def test_an_erased_patient_is_gone_and_the_others_are_not(
    subjects, opened, db, layout, vault, clock
):
    bodies = {one: subjects.seal(PATIENT, one, f"body of {one}".encode()) for one in PATIENTS}
    with subjects.key(PATIENT, "P0007") as key:
        planted = key.reveal()
    before = {use: opened.key(use) for use in ("box.db", "audit.db", "files")}
    copy = {path: path.read_bytes() for path in (layout.keyring_file, layout.sealed_root)}
    keys = subjects.erase(PATIENT, "P0007")
    vault.rotate_root()
    assert keys[1] == "family.patient/1"
    with pytest.raises(SubjectErased, match="P0007"):
        subjects.open(PATIENT, "P0007", bodies["P0007"])
    with pytest.raises(SubjectErased):
        subjects.key(PATIENT, "P0007")
    with pytest.raises(SubjectErased):
        subjects.erase(PATIENT, "P0007")
    for one in PATIENTS:
        if one != "P0007":
            assert subjects.open(PATIENT, one, bodies[one]) == f"body of {one}".encode()
    assert before == {use: opened.key(use) for use in before}
    # No key that the box still has opens it: not the new family key, nor any other.
    for kept in opened.book.keys:
        with opened.secret(kept.wrapped.use, kept.wrapped.version) as secret:
            assert secret.reveal() != planted
    assert [k.wrapped.version for k in opened.book.keys if k.wrapped.use == "family.patient"] == [2]
    # The old files are overwritten where they lay; a copy that was made before still opens, which the
    # certificate says.
    assert all(path.read_bytes() != content for path, content in copy.items())
    db.close()
    vault.close()
    again = vault.unlock(PASSPHRASE)
    with Db(layout.box_db, again.key("box.db"), MIGRATIONS) as reopened:
        kept = SubjectKeys(reopened, again)
        kept.finish()
        assert kept.open(PATIENT, "P0001", bodies["P0001"]) == b"body of P0001"
        with pytest.raises(SubjectErased):
            kept.open(PATIENT, "P0007", bodies["P0007"])
        assert kept.count(PATIENT) == len(PATIENTS) - 1


def test_names_and_keys_lie_nowhere_in_the_clear(subjects, layout, db):
    subjects.seal(PATIENT, "P-planted-0042", b"body")
    with subjects.key(PATIENT, "P-planted-0042") as key:
        planted = key.reveal()
    rows = list(db._writer.query("SELECT * FROM vault_subjects"))
    assert len(rows) == 1
    assert b"planted" not in repr(rows).encode()
    assert planted not in rows[0]["sealed"] + rows[0]["tag"]
    for path in layout.root.rglob("*"):
        if path.is_file():
            assert planted not in path.read_bytes()
            assert b"P-planted" not in path.read_bytes()


def test_what_was_never_there_is_told(subjects, opened):
    with pytest.raises(SubjectUnknown, match="P9"):
        subjects.erase(PATIENT, "P9")
    assert "family.patient" not in opened.book


def test_a_family_key_is_renewed_with_everything_under_it(subjects, opened):
    bodies = [subjects.seal(DATASET, f"set {n}", b"rows") for n in range(5)]
    assert subjects.renew(DATASET) == 5
    assert [subjects.open(DATASET, f"set {n}", body) for n, body in enumerate(bodies)] == [
        b"rows"
    ] * 5
    row = subjects._store.get(DATASET, subjects._tag(DATASET, "set 1"))
    assert Sealed.parse(row.sealed).key_id == "family.dataset/2"


def test_what_a_backup_brings_back_is_destroyed_again(vault, created, layout, clock):
    layout.vault.mkdir()
    opened = vault.unlock(PASSPHRASE)
    path, key = layout.box_db, opened.key("box.db")
    with Db(path, key, MIGRATIONS) as db:
        subjects = SubjectKeys(db, opened)
        body = subjects.seal(PATIENT, "P0001", b"body")
        db._writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        older, keyring = path.read_bytes(), layout.keyring_file.read_bytes()
        subjects.erase(PATIENT, "P0001")
        assert subjects.name(PATIENT, "P0001") in layout.forgotten_file.read_text()
        assert "P0001" not in layout.forgotten_file.read_text()
    vault.close()
    path.write_bytes(older)
    layout.keyring_file.write_bytes(keyring)
    again = vault.unlock(PASSPHRASE)
    with Db(path, key, MIGRATIONS) as db:
        subjects = SubjectKeys(db, again)
        assert subjects.open(PATIENT, "P0001", body) == b"body"
        subjects.finish()
        with pytest.raises(SubjectErased):
            subjects.open(PATIENT, "P0001", body)
        assert "family.patient/1" not in [one.wrapped.key_id for one in again.book.keys]
    path.unlink()
    with Db(path, key, MIGRATIONS) as db:
        subjects = SubjectKeys(db, again)
        subjects.finish()
        with pytest.raises(SubjectErased):
            subjects.seal(PATIENT, "P0001", b"more")


def test_a_list_with_half_a_line_keeps_its_other_lines(tmp_path):
    listed = ForgottenList(tmp_path / "forgotten.jsonl")
    assert listed.all() == ()
    first, second = Gone(PATIENT, b"a" * 32, 7), Gone(DATASET, b"b" * 32, 8)
    listed.add(first)
    with listed._path.open("ab") as stream:
        stream.write(b'{"family":"patient","subject":"61')
    listed.add(second)
    assert listed.all() == (first, second)
    other = ForgottenList(tmp_path / "other.jsonl")
    other.add(second)
    assert other.merge(listed._path.read_bytes()) == 1
    assert other.all() == (second, first)
    assert other.merge(b"\xff\n[]\n{}\n" + b'{"family":1}\n') == 0


@pytest.mark.slow
def test_killed_at_every_step_a_subject_is_whole_or_erased(vault, created, layout, clock, tmp_path):
    layout.vault.mkdir()
    opened = vault.unlock(PASSPHRASE)
    files_key = opened.key("files")
    with Db(layout.box_db, opened.key("box.db"), MIGRATIONS) as db:
        subjects = SubjectKeys(db, opened)
        bodies = {one: subjects.seal(PATIENT, one, one.encode()) for one in PATIENTS[:4]}
    vault.close()
    points, whole, erased = 0, 0, 0
    while True:
        state = StateLayout(tmp_path / f"copy{points}")
        shutil.copytree(layout.keys, state.keys)
        shutil.copytree(layout.vault, state.vault)

        def prepare(state=state):
            one = _again(state, clock, files_key)
            db = Db(state.box_db, one.key("box.db"), MIGRATIONS)
            return SubjectKeys(db, one)

        if not killed_at(points + 1, prepare, lambda made: made.erase(PATIENT, "P0002")):
            break
        points += 1
        one = _again(state, clock, files_key)
        with Db(state.box_db, one.key("box.db"), MIGRATIONS) as db:
            subjects = SubjectKeys(db, one)
            subjects.finish()
            for name in ("P0000", "P0001", "P0003"):
                assert subjects.open(PATIENT, name, bodies[name]) == name.encode()
            try:
                assert subjects.open(PATIENT, "P0002", bodies["P0002"]) == b"P0002"
                whole += 1
                subjects.erase(PATIENT, "P0002")
            except SubjectErased:
                erased += 1
            uses = [key.wrapped.use for key in read_keyring(state).keys]
            assert uses.count("family.patient") == 1
        shutil.rmtree(state.root)
    print(f"crash points of an erasure: {points} ({whole} whole, {erased} erased)")
    assert points >= 12
    # Once the list names it, whoever opens the vault goes on with it.
    assert whole >= 1
    assert erased >= 12


@pytest.mark.parametrize("suite", [None, CHINESE])
def test_a_whole_box_leaves_a_certificate_and_nothing_that_opens(
    vault, created, layout, clock, suite, tmp_path
):
    vault.suite = suite or vault.suite
    layout.vault.mkdir()
    opened = vault.unlock(PASSPHRASE)
    with Db(layout.box_db, opened.key("box.db"), MIGRATIONS) as db:
        SubjectKeys(db, opened).seal(DATASET, "planted set", b"rows")
    layout.files_cipher.mkdir(exist_ok=True)
    (layout.files_cipher / "gocryptfs.conf").write_text("wrapped master key")
    certificate = erase_box(layout, opened, ("user:li", "user:wang"), 1_770_000_000, "wardbox/test")
    vault.lock()
    box = NoteKey.parse(layout.box_vkey.read_text().strip())
    told = verify_destruction(certificate, box)
    assert (told.kind, told.by) == ("box", ("user:li", "user:wang"))
    assert {"box.db/1", "audit.db/1", "files/1"} <= set(told.keys)
    assert told.remains
    assert (b"/sm2 " in certificate) == (suite is CHINESE)
    for secret in (PASSPHRASE, created.recovery_key):
        with pytest.raises(VaultErased):
            vault.unlock(secret)
    left = {path.name for path in layout.keys.iterdir()}
    assert not left & {"root.json", "keyring.json", "rotation.json"}
    assert not (layout.files_cipher / "gocryptfs.conf").exists()
    assert layout.erased_file.read_bytes() == certificate


@pytest.mark.slow
def test_killed_at_every_step_a_box_is_whole_or_erased(vault, created, layout, clock, tmp_path):
    files_key = vault.unlock(PASSPHRASE).key("files")
    vault.close()
    points, whole, erased = 0, 0, 0
    while True:
        state = StateLayout(tmp_path / f"copy{points}")
        shutil.copytree(layout.keys, state.keys)

        def work(opened, state=state):
            erase_box(state, opened, ("user:li",), 1, "wardbox/test")

        if not killed_at(points + 1, lambda state=state: _again(state, clock, files_key), work):
            break
        points += 1
        if state.erased_file.exists():
            erased += 1
            with pytest.raises(VaultErased):
                _again(state, clock, files_key)
            destroy_keys(state)
            assert [path.name for path in state.keys.iterdir()] == ["destroyed.cert"]
            box = NoteKey.parse(layout.box_vkey.read_text().strip())
            assert verify_destruction(state.erased_file.read_bytes(), box).kind == "box"
        else:
            whole += 1
            assert _again(state, clock, files_key).key("files") == files_key
        shutil.rmtree(state.root)
    print(f"crash points of erasing a box: {points} ({whole} whole, {erased} erased)")
    assert min(whole, erased) >= 2


def test_a_certificate_of_a_subject(opened, layout):
    statement = Destruction("wardbox/test", PATIENT, "P1", ("patient:00",), ("user:li",), 5)
    box = NoteKey.parse(layout.box_vkey.read_text().strip())
    assert verify_destruction(signed(opened, statement), box) == statement


def _again(layout: StateLayout, clock, files_key: bytes):
    files = NotedMount()
    files.keys.add(files_key)
    return Vault(layout, "wardbox/test", files, clock, cost=CHEAP).unlock(PASSPHRASE)
