"""The power goes while a signed release is judged and put together by what does so in the product."""

import os
import shutil
from pathlib import Path

import pytest

from appliance.updates.manifest import SOFTWARE, SOFTWARE_ID
from appliance.updates.trial import read_trial
from installer.apply_source import StagedBundles, trust_of
from installer.durable import make_folder
from tests.installer.apply.power import HOW, Disk, PowerCut
from tests.installer.apply.small_place import BUNDLE, Machine, put, tree_of
from tests.installer.vendor.yard import NOW, Yard

TREE = tree_of("2.0", 2)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A machine with a staged, signed release that is asked for; copied for each cut."""
    yard = Yard(tmp_path / "vendor").init()
    put(tmp_path / "tree", TREE)
    yard.add_files(SOFTWARE, SOFTWARE_ID, "2.0", tmp_path / "tree")
    root = tmp_path / "template"
    root.mkdir()
    machine = Machine(root)
    machine.make()
    shutil.rmtree(machine.desk.staged(BUNDLE), ignore_errors=True)
    yard.build(machine.desk.staged(BUNDLE))
    make_folder(machine.place / "trust")
    trust_of(machine.place).pin(yard.root, NOW)
    (manifest,) = machine.desk.staged(BUNDLE).glob("targets/*/*/*/*.package.json")
    package = manifest.name.partition(".")[0]
    machine.write_request(id="r", bundle=BUNDLE, version="2.0", package=package, rollback=False)
    return root


def fresh(template: Path, root: Path) -> Machine:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root, symlinks=True)
    for link in (root / "place/current", root / "place/blessed", root / "first/.venv"):
        target = Path(str(link.readlink()).replace(str(template), str(root)))
        link.unlink()
        link.symlink_to(target)
    machine = Machine(root)
    machine.source = StagedBundles(machine.desk, machine.slots, lambda: NOW)
    machine.box.start()
    return machine


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_the_power_goes_at_every_step_of_a_signed_release(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    root, step = tmp_path / "m", 0
    while True:
        step += 1
        machine = fresh(template, root)
        disk = Disk(root)
        try:
            with disk.running(step):
                machine.applier().run()
        except PowerCut:
            disk.cut(how)
        else:
            disk.close()
            break
        machine.reboot()
        assert not machine.box.dead, step
        machine.applier().run()
        trial = read_trial(machine.place)
        assert trial is not None
        assert trial.state == "blessed", (how, step, machine.outcome()["en"])
        release = machine.slots.release("2.0")
        found = {name: (release / name).read_bytes() for name in TREE}
        assert found == TREE, step
        assert trust_of(machine.place).anchor().floor.versions[SOFTWARE] == 1, step
    print(f"crash points of a signed release ({how}): {step - 1}")
    assert step > 150
