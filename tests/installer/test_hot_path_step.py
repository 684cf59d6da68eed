"""The step that compiles the hot path, and the hot path's own tests on what it made."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.compiled import mark
from installer.builds import KEPT, build_once
from installer.errors import CommandFailed
from installer.host import Machine, Rehearsal
from installer.places import Site
from installer.steps.hot_path import HotPath

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "access", "audit", "serving", "telemetry")
# They put something in the place of a function or a gate, which compiled code does not look up.
REACHING_IN = (
    "api/test_asking.py",
    "api/test_fair_queue.py",
    "api/test_fair_queue_revoked.py",
    "api/test_framing.py::test_trailers_and_notes_on_chunks_are_bounded",
    "api/test_short_way.py::test_a_body_that_does_not_come_is_told",
    "api/test_slow_clients.py::test_the_rest_of_a_refused_body_is_waited_for_no_longer_than_a_body",
    "api/test_threats.py::test_slow_bodies_are_let_go_whatever_the_route",
    "api/test_tool_calls.py::test_the_calls_are_in_what_is_hashed_for_the_record",
    "audit/test_audit_catalogue.py::test_every_kind_has_its_function",
    "audit/test_audit_golden.py::test_every_tag_is_written_byte_for_byte_as_ever",
    "serving/test_lending.py::test_adapters_and_salts_are_added_where_the_engine_is",
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


@pytest.fixture
def builds(tmp_path):
    """A folder with one build more than stay."""
    folder = tmp_path / "compiled"
    for age in range(KEPT + 1):
        old = folder / f"old-{age}"
        old.mkdir(parents=True)
        mark(old).write_text("complete\n")
        os.utime(mark(old), (1000 + age, 1000 + age))
    return folder


def made(folder):
    (folder / "lib").mkdir()
    (folder / "lib" / "module.so").write_bytes(b"code")
    return folder / "lib"


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_builds_are_marked_when_whole_and_the_oldest_go(builds):
    build_once(builds / "new", made)
    assert mark(builds / "new").exists()
    assert names(builds) == sorted(["new", *(f"old-{age}" for age in range(2, KEPT + 1))])


def test_a_build_that_failed_or_was_interrupted_leaves_nothing(builds):
    def failing(folder):
        made(folder)
        raise OSError("no space left")

    (builds / "making-by-one-that-was-killed" / "c").mkdir(parents=True)
    before = [name for name in names(builds) if name.startswith("old")]
    with pytest.raises(OSError, match="no space"):
        build_once(builds / "new", failing)
    assert names(builds) == before


def test_installations_at_the_same_time_make_one_build(builds):
    began, makes = threading.Barrier(4), []

    def slowly(folder):
        makes.append(folder)
        time.sleep(0.05)
        return made(folder)

    def install():
        began.wait()
        build_once(builds / "new", slowly)
        return (builds / "new" / "module.so").read_bytes()

    with ThreadPoolExecutor(4) as several:
        found = [each.result() for each in [several.submit(install) for _ in range(4)]]
    assert found == [b"code"] * 4
    assert len(makes) == 1


class Refusing(Machine):
    """A machine on which nothing can be compiled."""

    def run(self, command):
        if "installer.compiling" in command.argv:
            raise CommandFailed(status=1, command="python", tail="Python.h", log=self.log)
        super().run(command)


def test_a_box_that_cannot_compile_is_installed_all_the_same(site, tmp_path):
    said = []
    step = HotPath(site)
    step.apply(Refusing(tmp_path / "log", said.append))
    assert step.needed()
    assert any("slower requests" in line and "log" in line for line in said)


def test_without_a_compiler_nothing_is_begun(site, tmp_path):
    said = []
    HotPath(site, lambda name: None).apply(Refusing(tmp_path / "log", said.append))
    assert any("no compiler" in line for line in said)


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
