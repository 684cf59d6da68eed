"""The power goes at every step of a change of the software: the old release or the new one, never neither."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from appliance.updates.trial import read_trial
from tests.installer.apply.power import HOW, Disk, PowerCut, failing_disk, full_disk
from tests.installer.apply.small_place import Machine, Offered, tree_of

GOOD = Offered(tree_of("2.0", 2, log=("audit.2+stars", "audit.3+more")))
BAD = Offered(tree_of("3.0", 3, well=False, log=("audit.2+moons",)))
FIRST = tree_of("1.0", 1)


@pytest.fixture(autouse=True)
def nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the disk is for the model to say; the disk below need not be waited for."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def fresh(root: Path, offer: Offered) -> Machine:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    machine = Machine(root)
    machine.make()
    machine.ask(offer)
    machine.box.start()
    return machine


def whole_release(machine: Machine, *offers: Offered) -> str:
    """The version that `current` leads to; every file of it must be what it should be."""
    house = machine.box.house
    for files in (FIRST, *(offer.files for offer in offers)):
        if all((house / name).is_file() for name in files) and all(
            (house / name).read_bytes() == content for name, content in files.items()
        ):
            return str(tree_version(files))
    raise AssertionError(f"{house} holds no whole release")


def tree_version(files: dict[str, bytes]) -> str:
    return Offered(files).version


def check(machine: Machine, offer: Offered, where: str) -> str:
    """After the power came back: a whole release runs, then the change ends, and nothing is lost."""
    first = whole_release(machine, offer)
    machine.reboot()
    assert not machine.box.dead, (where, first, machine.box.dead)
    machine.applier(offer).run()
    last = whole_release(machine, offer)
    trial = read_trial(machine.place)
    assert trial is not None, where
    expected = ("blessed", "2.0", "2") if offer is GOOD else ("reverted", "1.0", "1")
    assert (trial.state, last, machine.rows()[0]) == expected, where
    lost = [row for row in machine.box.accepted if row not in machine.rows()]
    assert not lost, (where, lost)
    log = machine.layout.audit_db.read_text().splitlines()
    assert [line for line in machine.box.logged if line not in log] == [], where
    steps = {line.removeprefix("step ") for line in log if line.startswith("step ")}
    assert steps == set(json.loads(offer.files["release.json"])["log"]), "a log is never put back"
    assert not list(machine.layout.trial.glob("*-audit.db")), where
    assert machine.desk.request() is None, where
    assert machine.outcome()["state"] == trial.state, where
    assert not machine.box.dead
    return first


def every_step(root: Path, offer: Offered, how: str, stride: int, begin: int = 1) -> Counter[str]:
    found: Counter[str] = Counter()
    step = begin
    while True:
        machine = fresh(root, offer)
        disk = Disk(root)
        try:
            with disk.running(step):
                machine.applier(offer).run()
        except PowerCut:
            disk.cut(how)
        else:
            disk.close()
            assert disk.steps > 60
            return found
        found[check(machine, offer, f"{how}, step {step}")] += 1
        step += stride


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("offer", [GOOD, BAD], ids=["good", "bad"])
def test_the_power_goes_at_every_step(tmp_path: Path, offer: Offered, how: str) -> None:
    found = every_step(tmp_path / "m", offer, how, 1)
    print(f"crash points ({how}): {sum(found.values())}, release found at boot: {dict(found)}")
    assert set(found) == {"1.0", offer.version}


@pytest.mark.parametrize("offer", [GOOD, BAD], ids=["good", "bad"])
def test_the_power_goes_at_some_steps(tmp_path: Path, offer: Offered) -> None:
    assert sum(every_step(tmp_path / "m", offer, "lost", 13, begin=5).values()) >= 5


FORGOTTEN = {
    "a release that is not synced": ("installer.apply.sync_tree", lambda _folder: None),
    "a journal that is only written": (
        "installer.apply_journal.replace_file",
        lambda path, content: path.write_bytes(content),
    ),
    "a copy of the database that is not synced": (
        "tests.installer.apply.small_place.sync",
        lambda _path: None,
    ),
    "a link whose folder is not synced": (
        "installer.slots.point",
        lambda path, target: (path.unlink(missing_ok=True), path.symlink_to(target)),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", sorted(FORGOTTEN))
def test_the_model_notices_what_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A model that lets everything pass would prove nothing."""
    place, instead = FORGOTTEN[what]

    def found() -> None:
        for how in HOW:
            for offer in (GOOD, BAD):
                every_step(tmp_path / "m", offer, how, 1)

    monkeypatch.setattr(place, instead)
    with pytest.raises((AssertionError, OSError, ValueError, IndexError)):
        found()


@pytest.mark.slow
def test_the_power_goes_again_while_the_change_goes_on(tmp_path: Path) -> None:
    count = 0
    for offer in (GOOD, BAD):
        for first in range(3, 200, 17):
            for second in range(2, 200, 11):
                machine = fresh(tmp_path / "m", offer)
                disk = Disk(tmp_path / "m")
                try:
                    with disk.running(first):
                        machine.applier(offer).run()
                    disk.close()
                    break
                except PowerCut:
                    disk.cut("lost")
                disk = Disk(tmp_path / "m")
                try:
                    with disk.running(second):
                        machine.reboot()
                        machine.applier(offer).run()
                    disk.close()
                    break
                except PowerCut:
                    disk.cut("lost")
                check(machine, offer, f"steps {first} and {second}")
                count += 1
    print(f"two power cuts in one change: {count}")
    assert count > 60


@pytest.mark.slow
@pytest.mark.parametrize("strike", [full_disk, failing_disk])
@pytest.mark.parametrize("offer", [GOOD, BAD], ids=["good", "bad"])
def test_the_disk_refuses_at_every_step(tmp_path: Path, offer: Offered, strike) -> None:
    """A refused step ends the change or takes it back; the next run ends what that could not."""
    ended: Counter[str] = Counter()
    step = 1
    while True:
        machine = fresh(tmp_path / "m", offer)
        disk = Disk(tmp_path / "m")
        with disk.running(step, strike):
            try:
                machine.applier(offer).run()
            except OSError:
                ended["left for the next run"] += 1
        disk.close()
        if disk.steps < step:
            break
        machine.applier(offer).run()
        trial = read_trial(machine.place)
        version = whole_release(machine, offer)
        state = "nothing begun" if trial is None else trial.state
        ended[state] += 1
        assert version == ("2.0" if state == "blessed" else "1.0"), step
        if machine.box.running != machine.box.house or machine.box.dead:
            machine.reboot()
        assert not machine.box.dead, step
        assert machine.rows()[0] == ("2" if state == "blessed" else "1"), step
        assert not [row for row in machine.box.accepted if row not in machine.rows()], step
        step += 1
    print(f"refused steps: {step - 1}, {dict(ended)}")
    assert step > 60
