"""The step that compiles the hot path, and the hot path's own tests on what it made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.compiled import mark
from installer.host import Machine, Rehearsal
from installer.places import Site
from installer.steps.hot_path import KEPT, HotPath

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "access", "audit", "serving", "telemetry")
# They put something in the place of a function or a gate, which compiled code does not look up.
REACHING_IN = (
    "api/test_asking.py",
    "api/test_fair_queue.py",
    "api/test_short_way.py::test_a_body_that_does_not_come_is_told",
    "api/test_slow_clients.py::test_the_rest_of_a_refused_body_is_waited_for_no_longer_than_a_body",
    "api/test_threats.py::test_slow_bodies_are_let_go_whatever_the_route",
    "audit/test_audit_catalogue.py::test_every_kind_has_its_function",
    "serving/test_beyond.py::test_adapters_and_salts_are_added_where_the_engine_is",
)


@pytest.fixture
def site(tmp_path):
    return Site(checkout=ROOT, cache=tmp_path / "cache", state=tmp_path / "state")


def test_a_rehearsal_compiles_nothing(site, tmp_path):
    said = []
    step = HotPath(site)
    assert step.needed()
    step.apply(Rehearsal(said.append))
    assert any("installer.compiling" in line for line in said)
    assert step.needed()
    assert not site.cache.exists()


class Compiler(Machine):
    """The real host, but for the one program that takes minutes."""

    def run(self, command):
        if "installer.compiling" in command.argv:
            (Path(command.argv[-1]) / "lib").mkdir()
        else:
            super().run(command)


def test_builds_are_marked_when_whole_and_the_oldest_go(site, tmp_path):
    step = HotPath(site)
    folder = step.build.parent
    for age in range(KEPT + 1):
        old = folder / f"old-{age}"
        old.mkdir(parents=True)
        mark(old).write_text("complete\n")
        os.utime(mark(old), (1000 + age, 1000 + age))
    step.apply(Compiler(tmp_path / "log", lambda _: None))
    assert not step.needed()
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [step.build.name, *(f"old-{age}" for age in range(2, KEPT + 1))]
    )


@pytest.mark.slow
def test_what_is_compiled_passes_the_same_tests(tmp_path):
    environment = Path(sys.prefix).resolve()
    step = HotPath(Site(checkout=ROOT, cache=environment.parents[1], state=tmp_path))
    assert step.site.environment == environment
    if step.needed():
        step.apply(Machine(tmp_path / "log", print))
    tests = "tests/appliance/"
    done = subprocess.run(
        (
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.compiled_plugin"),
            *("-p", "no:cacheprovider", "-m", "not slow", "-n", "2", "--maxfail=20"),
            *(part for test in REACHING_IN for part in ("--deselect", tests + test)),
            *(tests + room for room in ROOMS),
        ),
        cwd=ROOT,
        env={**os.environ, "COVERAGE_PROCESS_START": ""},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
