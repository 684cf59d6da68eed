"""A change of the software from what was asked to its end, on a small machine."""

import os
import re
from pathlib import Path

import pytest

from appliance.updates.trial import ENDED, MOVES, on_trial, read_trial
from installer.apply import WaitsForPerson
from installer.apply_errors import RequestRefused
from installer.apply_journal import ApplyJournal, Record
from tests.installer.apply.small_place import NOW, Machine, Offered, tree_of

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/operate/updates.md"
GOOD = Offered(tree_of("2.0", 2))
BAD = Offered(tree_of("3.0", 3, well=False))


class Cut(BaseException):
    """The power goes."""


def test_a_good_release_is_blessed_and_the_one_before_is_kept(machine: Machine) -> None:
    machine.ask(GOOD)
    record = machine.applier(GOOD).run()
    assert record is not None
    assert (record.state, record.tries, record.migrations) == ("blessed", 1, ("room.2-more",))
    assert machine.slots.current == machine.slots.blessed == machine.slots.release("2.0").resolve()
    assert machine.slots.previous == (machine.root / "first").resolve()
    assert machine.rows()[0] == "2"
    assert machine.rows()[1] == "work of the first day"
    assert machine.outcome()["state"] == "blessed"
    assert machine.outcome()["request"] == "r1"
    assert machine.desk.request() is None
    assert not machine.desk.staged("ab" * 8).exists()
    assert list(machine.layout.trial.iterdir()) == []
    assert GOOD.accepted


def test_a_release_that_is_not_well_is_taken_back_with_its_database(machine: Machine) -> None:
    machine.ask(BAD)
    before = machine.rows()
    record = machine.applier(BAD).run()
    assert record is not None
    assert (record.state, record.tries, record.reason.code) == ("reverted", 3, "apply.unhealthy")
    assert "prompt" in record.reason.en
    assert machine.slots.current == machine.slots.blessed == (machine.root / "first").resolve()
    assert machine.rows()[: len(before)] == before
    assert machine.outcome()["code"] == "apply.unhealthy"
    log = machine.layout.audit_db.read_text().splitlines()
    assert [line for line in log if line.startswith("start")] == [
        "start 1.0", "start 3.0", "start 3.0", "start 3.0", "start 1.0",
    ]  # fmt: skip
    assert machine.applier(BAD).run() is None


def test_the_third_release_lets_the_first_go(machine: Machine) -> None:
    for number, offer in enumerate((GOOD, Offered(tree_of("2.1", 2)), Offered(tree_of("2.2", 3)))):
        machine.ask(offer, f"r{number}")
        record = machine.applier(offer).run()
        assert record is not None
        assert record.state == "blessed"
    assert sorted(path.name for path in machine.slots.releases.iterdir()) == ["2.1", "2.2"]
    assert (machine.root / "first").exists(), "what the installer did not make it does not remove"


def test_the_release_before_comes_back_when_its_database_can_be_read(machine: Machine) -> None:
    same = Offered(tree_of("1.1", 1))
    machine.ask(same)
    machine.applier(same).run()
    machine.ask_back()
    record = machine.applier().run()
    assert record is not None
    assert (record.state, record.version) == ("blessed", "1.0")
    assert machine.outcome()["state"] == "rolled-back"
    assert machine.slots.current == (machine.root / "first").resolve()
    assert machine.slots.previous == machine.slots.release("1.1").resolve()


def test_the_release_before_does_not_come_back_to_a_database_of_the_next(machine: Machine) -> None:
    machine.ask(GOOD)
    machine.applier(GOOD).run()
    machine.ask_back()
    record = machine.applier().run()
    assert record is not None
    assert (record.state, record.reason.code) == ("refused", "apply.rehearsal-failed")
    assert machine.box.house == machine.slots.release("2.0").resolve()
    assert machine.box.running == machine.box.house
    assert machine.rows()[0] == "2"


@pytest.mark.parametrize(
    ("offer", "free", "code"),
    [
        (GOOD, 1000, "apply.no-room"),
        (Offered(tree_of("2.0", 2), follows=("1.9",)), 1 << 40, "apply.not-to-follow"),
        (Offered({**tree_of("2.0", 2), "extra": b""}), 1 << 40, "apply.other-package"),
    ],
)
def test_what_is_refused_leaves_the_box_as_it_is(
    machine: Machine, offer: Offered, free: int, code: str
) -> None:
    machine.ask(offer)
    offers = () if code == "apply.other-package" else (offer,)
    before = machine.rows()
    record = machine.applier(*offers, free=free).run()
    assert record is not None
    assert (record.state, record.reason.code) == ("refused", code)
    assert machine.rows() == before
    assert machine.outcome()["zh"] == record.reason.zh
    assert list(machine.slots.releases.iterdir()) == []


def test_what_runs_is_not_applied_again(machine: Machine) -> None:
    machine.ask(GOOD)
    machine.applier(GOOD).run()
    machine.ask(GOOD, "again")
    record = machine.applier(GOOD).run()
    assert record is not None
    assert record.reason.code == "apply.already-current"
    other = Offered({**tree_of("2.0", 2), "extra": b"x"})
    machine.ask(other, "other")
    record = machine.applier(other).run()
    assert record is not None
    assert record.reason.code == "apply.version-taken"


def test_a_release_that_calls_itself_otherwise_is_refused(machine: Machine) -> None:
    machine.ask(GOOD)
    machine.write_request(
        id="r", bundle="ab" * 8, version="2.7", package=GOOD.digest, rollback=False
    )
    record = machine.applier(GOOD).run()
    assert record is not None
    assert (record.state, record.reason.code) == ("refused", "apply.rehearsal-failed")
    assert machine.box.running == (machine.root / "first").resolve()


def test_a_locked_vault_is_waited_for(machine: Machine) -> None:
    machine.ask(GOOD)
    machine.box.locked = True
    with pytest.raises(WaitsForPerson):
        machine.applier(GOOD, once=True).run()
    trial = read_trial(machine.place)
    assert trial is not None
    assert trial.state == "assembled"
    machine.box.locked = False
    record = machine.applier(GOOD, once=True).run()
    assert record is not None
    assert record.state == "blessed"


def test_after_a_restart_a_locked_vault_stops_the_time_and_a_person_may_give_up(
    machine: Machine,
) -> None:
    machine.ask(GOOD)
    applier = machine.applier(GOOD)
    applier._moves["flipped"] = cut
    with pytest.raises(Cut):
        applier.run()
    machine.reboot()
    machine.box.locked = True
    for _ in range(3):
        with pytest.raises(WaitsForPerson):
            machine.applier(GOOD, once=True).run()
    machine.box.locked = False
    record = machine.applier(GOOD, give_up=True).run()
    assert record is not None
    assert (record.state, record.reason.code) == ("reverted", "apply.given-up")
    assert machine.rows()[0] == "1"


def test_a_release_that_leaves_the_vault_locked_is_not_waited_for(machine: Machine) -> None:
    machine.ask(GOOD)
    applier = machine.applier(GOOD)
    real = applier._moves["flipped"]

    def locked(record: Record) -> Record:
        machine.box.locked = True
        return real(record)

    applier._moves["flipped"] = locked
    record = applier.run()
    assert record is not None
    assert (record.state, record.tries) == ("reverted", 3)


def test_a_machine_that_goes_down_thrice_goes_back(machine: Machine) -> None:
    machine.ask(GOOD)
    applier = machine.applier(GOOD)
    applier._moves["flipped"] = cut
    for _ in range(3):
        with pytest.raises(Cut):
            applier.run()
        machine.reboot()
        assert on_trial(machine.place, machine.box.house)
        applier = machine.applier(GOOD)
        applier._moves["flipped"] = cut
    record = applier.run()
    assert record is not None
    assert (record.state, record.reason.code) == ("reverted", "apply.interrupted")
    assert machine.rows()[0] == "1"


def cut(_record: object) -> None:
    raise Cut


HOSTILE = (
    b"",
    b"[]",
    b"{",
    b'{"id": 1}',
    b'{"id":"x","asked_by":"a","bundle":"../../../../etc","version":"1","package":"' + b"a" * 64 + b'"}',
    b'{"id":"x","asked_by":"a","bundle":"' + b"a" * 16 + b'","version":"..","package":"' + b"a" * 64 + b'"}',
    b'{"id":"x","asked_by":"a","bundle":"' + b"a" * 16 + b'","version":"2.tmp","package":"' + b"a" * 64 + b'"}',
    b'{"id":"x","asked_by":"a","bundle":"","version":"","package":""}',
    b'{"id":"x","asked_by":"a","bundle":"","version":"2","package":"","rollback":true}',
    b"[" * 9000,
    b" " * 20_000,
)  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_request_is_taken_away(machine: Machine, raw: bytes) -> None:
    path = machine.layout.updates / "request.json"
    path.write_bytes(raw)
    with pytest.raises(RequestRefused):
        machine.applier().run()
    assert not path.exists()
    assert machine.applier().run() is None


@pytest.mark.parametrize("kind", ["link", "folder-link", "pipe"])
def test_a_request_is_a_plain_file(machine: Machine, tmp_path: Path, kind: str) -> None:
    machine.ask(GOOD)
    path = machine.layout.updates / "request.json"
    if kind == "folder-link":
        machine.layout.updates.rename(tmp_path / "elsewhere")
        machine.layout.updates.symlink_to(tmp_path / "elsewhere")
    elif kind == "link":
        path.rename(tmp_path / "theirs")
        path.symlink_to(tmp_path / "theirs")
    else:
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(RequestRefused):
        machine.applier(GOOD).run()
    if kind == "link":
        assert (tmp_path / "theirs").exists()


def table() -> dict[str, tuple[str, str, str]]:
    """The rows of the table of the document: state, release, door, end."""
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `([a-z]+)` \| ([a-z ]+) \| ([a-z]+) \| `([a-z]+)` \|", text, re.MULTILINE
    )
    return {state: (release, door, end) for state, release, door, end in rows}


def test_the_document_has_a_row_for_every_state() -> None:
    assert set(table()) == set(MOVES)
    assert all(end in ENDED for _, _, end in table().values())


@pytest.mark.parametrize("state", sorted(set(MOVES)))
def test_power_lost_in_a_state_leaves_what_the_document_says(machine: Machine, state: str) -> None:
    offer = BAD if state in {"reverting", "reverted"} else GOOD
    machine.ask(offer)
    if state == "refused":
        offer = GOOD
        machine.write_request(
            id="x", bundle="ab" * 8, version="9", package="0" * 64, rollback=False
        )
    applier = machine.applier(offer)
    applier._moves[state] = cut
    applier._finish = cut  # type: ignore[method-assign]
    with pytest.raises(Cut):
        applier.run()
    record = ApplyJournal(machine.place, lambda: NOW).read()
    assert record is not None
    assert record.state == state
    machine.reboot()
    release = "new" if machine.box.house == Path(record.new) else "old"
    door = "shut" if on_trial(machine.place, machine.box.house) else "open"
    ended = machine.applier(offer).run()
    assert ended is not None
    assert table()[state] == (release, door, ended.state)
    assert not machine.box.dead
