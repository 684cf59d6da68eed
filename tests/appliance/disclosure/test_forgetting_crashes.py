"""Killed at any step of forgetting: the patient is as before or forgotten, everybody else untouched."""

import shutil
from concurrent.futures import Future
from contextlib import closing

import pytest

from appliance.bodies.keeper import BodyKeeper, Place
from appliance.bodies.shape import Forgotten, Kept, body_of
from appliance.db.database import Db
from appliance.disclosure.service import Disclosure
from appliance.settings.layout import StateLayout
from appliance.vault.body_keys import BodyKeys, BodyRules
from appliance.vault.migrations import MIGRATIONS
from appliance.vault.subjects import PATIENT, SubjectKeys
from appliance.vault.vault import Vault
from tests.appliance.bodies.bodily import SALT, hashed
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, NotedMount, ways_of
from tests.appliance.vault.crashing import killed_at


class NoLog:
    """A record that takes everything."""

    reader = None

    def append(self, _event):
        done = Future()
        done.set_result(None)
        return done


def opened_again(state, clock, files_key):

    files = NotedMount()
    files.keys.add(files_key)
    vault = Vault(state, "wardbox/test", files, clock, cost=CHEAP, ways=ways_of(state, clock))
    return vault.unlock(PASSPHRASE)


def room_of(state, opened, clock):
    db = Db(state.box_db, opened.key("box.db"), MIGRATIONS)
    subjects = SubjectKeys(db, opened)
    place = state.bodies_db, lambda: opened.key("bodies.db")
    keys = BodyKeys(subjects, BodyRules())
    made = Disclosure(NoLog(), subjects, keys, place, lambda: clock().timestamp())
    return made, db


def details(name, patient):
    return {
        "receipt": name,
        "body": "kept",
        "patient": patient,
        "prompt_hash": hashed(b"asked"),
        "answer_hash": hashed(b"told"),
    }


def forget(made):
    disclosure, _ = made
    keys = disclosure.destroy(PATIENT, "P1")
    disclosure.forgotten("user:wang", keys[0].partition(":")[2], b"certificate")


@pytest.mark.slow
def test_killed_at_every_step_of_forgetting(vault, created, layout, clock, tmp_path):
    layout.vault.mkdir()
    opened = vault.unlock(PASSPHRASE)
    files_key = opened.key("files")
    disclosure, db = room_of(layout, opened, clock)
    entries = []
    with db:
        keeper = BodyKeeper(Place(layout.bodies_db, opened.key("bodies.db")), clock, lambda: 0.0)
        for number, patient in enumerate(("P1", "P2", None, "P1")):
            name = f"rcp_{int(clock().timestamp() * 1000):012x}{number:018x}"
            seal = disclosure.keys.seal(name, patient)
            assert keeper.keep([body_of(seal, name, SALT, (b"asked", b"told", None))]) == ""
            entries.append((patient, details(name, seal.patient)))
        keeper.close()
    vault.close()
    points, whole, gone = 0, 0, 0
    while True:
        state = StateLayout(tmp_path / f"copy{points}")
        shutil.copytree(layout.keys, state.keys)
        shutil.copytree(layout.vault, state.vault)

        def prepare(state=state):
            return room_of(state, opened_again(state, clock, files_key), clock)

        if not killed_at(points + 1, prepare, forget):
            break
        points += 1
        again, db = room_of(state, opened_again(state, clock, files_key), clock)
        with db, closing(again):
            again.subjects.finish()
            found = [(patient, again.find(entry)) for patient, entry in entries]
            assert all(isinstance(one, Kept) for patient, one in found if patient != "P1")
            mine = {type(one) for patient, one in found if patient == "P1"}
            assert mine in ({Kept}, {Forgotten})
            whole, gone = whole + (mine == {Kept}), gone + (mine == {Forgotten})
            if mine == {Forgotten}:
                # What was left lying without its keys goes with its days at the latest.
                clock.move(200 * 86_400)
                again.upkeep.expire()
                clock.move(-200 * 86_400)
        shutil.rmtree(state.root)
    print(f"crash points of forgetting: {points} ({whole} whole, {gone} forgotten)")
    assert whole >= 1
    assert gone >= 12
