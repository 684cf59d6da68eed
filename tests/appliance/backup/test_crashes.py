"""kill -9 at every step of create, prune and restore: nothing is lost, and the next run goes on."""

import os
import shutil
from pathlib import Path

import pytest

from appliance.audit.log import AuditLog
from appliance.backup import packing, recovering
from appliance.backup.creating import Creation
from appliance.backup.objects import PART
from appliance.backup.pruning import Pruning
from appliance.backup.recovering import Order, Recovery
from appliance.backup.target import DirectoryTarget
from appliance.backup.verifying import Verification
from appliance.settings.layout import StateLayout
from appliance.vault.offer import Offer
from tests.appliance.backup.conftest import CHEAP, PASSPHRASE, PlainFiles, SmallBox
from tests.appliance.backup.crashing import CrashingFiles, CrashingTarget, Killer, every_step
from tests.appliance.backup.listening import untold

pytestmark = pytest.mark.slow


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many packs out of little, so that there are many steps."""
    monkeypatch.setattr(packing, "PACK_SIZE", 60_000)


@pytest.fixture
def many(box: SmallBox) -> SmallBox:
    for number in range(4):
        path = box.layout.caller_files / f"file{number}.bin"
        path.write_bytes(os.urandom(70_000))
    return box


def whole(box: SmallBox, target: DirectoryTarget) -> tuple[int, ...]:
    """The snapshots that can be restored; everything that is listed must be."""
    verdict = Verification(box.repository_as_is(target), untold).run()
    assert verdict.ok, verdict.hurts
    return verdict.whole


def fresh(place: Path, template: Path | None = None) -> DirectoryTarget:
    shutil.rmtree(place, ignore_errors=True)
    if template is None:
        place.mkdir()
    else:
        shutil.copytree(template, place)
    return DirectoryTarget(place)


@pytest.mark.usefixtures("small_packs")
def test_create_the_first_time(many: SmallBox, tmp_path: Path) -> None:
    place = tmp_path / "t"

    def work(killer: Killer) -> None:
        many.reopen()
        fresh(place)
        target = CrashingTarget(place, killer)
        Creation(many.repository(target), many.ours(), untold).run()

    def check(step: int) -> None:
        target = DirectoryTarget(place)
        many.back_up(target)
        assert whole(many, target)[-1] in {1, 2}, step

    steps = every_step(work, check)
    print(f"crash points of a first create: {steps}")
    assert steps >= 30


@pytest.mark.usefixtures("small_packs")
def test_create_again(many: SmallBox, tmp_path: Path, now: list[float]) -> None:
    place, template = tmp_path / "t", tmp_path / "template"
    template.mkdir()
    now[0] += 60
    many.back_up(DirectoryTarget(template))
    (many.layout.caller_files / "file1.bin").write_bytes(os.urandom(70_000))
    (many.layout.shelf / "blobs" / "cd").write_bytes(os.urandom(90_000))
    now[0] += 60

    def work(killer: Killer) -> None:
        many.reopen()
        fresh(place, template)
        target = CrashingTarget(place, killer)
        Creation(many.repository(target), many.ours(), untold).run()

    def check(step: int) -> None:
        target = DirectoryTarget(place)
        assert whole(many, target) in {(1,), (1, 2)}, step
        many.back_up(target)
        assert whole(many, target)[:2] == (1, 2), step

    steps = every_step(work, check)
    print(f"crash points of a second create: {steps}")
    assert steps >= 9


def test_prune(
    many: SmallBox, tmp_path: Path, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three files to a pack: some packs keep one chunk that is needed, and are packed anew.
    monkeypatch.setattr(packing, "PACK_SIZE", 180_000)
    place, template = tmp_path / "t", tmp_path / "template"
    template.mkdir()
    for number in range(4):
        now[0] += 60
        for name in range(6):
            if number == 0 or name != number:
                (many.layout.shelf / "blobs" / f"m{name}").write_bytes(os.urandom(65_000))
        many.back_up(DirectoryTarget(template))

    def work(killer: Killer) -> None:
        many.reopen()
        fresh(place, template)
        target = CrashingTarget(place, killer)
        Pruning(many.repository_as_is(target), many.signer, untold, 1).run({2, 4})

    def check(step: int) -> None:
        target = DirectoryTarget(place)
        assert whole(many, target) in {(1, 2, 3, 4), (2, 4)}, step
        Pruning(many.repository_as_is(target), many.signer, untold, 1).run({2, 4})
        assert whole(many, target) == (2, 4), step
        named = many.repository_as_is(target).index().packs()
        assert set(target.list("packs")) == {packing.pack_path(name) for name in named}
        assert not list(place.rglob(f"*{PART}"))

    steps = every_step(work, check)
    print(f"crash points of a prune: {steps}")
    assert steps >= 20


def test_restore(many: SmallBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = fresh(tmp_path / "t")
    size = many.back_up(target).tree_size
    place = tmp_path / "new"
    order = Order(Offer(many.recovery), PASSPHRASE, threads=1)
    open_log, write_root = AuditLog.open, recovering.write_sealed_root

    def restore(killer: Killer | None) -> None:
        files = PlainFiles() if killer is None else CrashingFiles(killer)
        told = untold if killer is None else killer.told
        clock = many.vault()._clock  # the same clock
        Recovery(StateLayout(place), lambda: files, told, clock, cost=CHEAP).run(target, order)

    def work(killer: Killer) -> None:
        shutil.rmtree(place, ignore_errors=True)

        def opening(*args, **more):
            killer.step()
            log = open_log(*args, **more)
            killer.step()
            return log

        def sealing(*args):
            killer.step()
            write_root(*args)
            killer.step()

        monkeypatch.setattr(recovering.AuditLog, "open", opening)
        monkeypatch.setattr(recovering, "write_sealed_root", sealing)
        restore(killer)

    def check(step: int) -> None:
        layout = StateLayout(place)
        # Either there is no vault yet, and the next restore begins anew, or there is a whole one.
        if not layout.sealed_root.exists():
            restore(None)
        box = SmallBox(layout, many.clock)
        box.opened = box.vault().unlock(PASSPHRASE)
        with box.db() as db, db.read() as rows:
            assert rows["things"].count == 200, step
        log = box.log()
        assert log.reader.size() > size
        log.close()
        box.opened.close()

    steps = every_step(work, check)
    print(f"crash points of a restore: {steps}")
    assert steps >= 20
