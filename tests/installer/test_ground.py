"""The ground: preflight, packages, environment and engine, judged without touching this machine."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from installer.answers import Answers
from installer.errors import NotFit, PackagesMissing, SourceChanged
from installer.host import Rehearsal
from installer.installation import _in_turn
from installer.places import Site
from installer.preflight import Ground, judge, require_fit, survey
from installer.steps import engine
from installer.steps.engine import EngineBuild
from installer.steps.environment import Environment
from installer.steps.packages import PROGRAMS, SystemPackages

ROOT = Path(__file__).resolve().parents[2]
FIT = Ground(
    python=(3, 11),
    aes=True,
    fuse=True,
    free_disk=10**12,
    memory=24 * 1024**3,
    port_free=True,
    port_owner_is_ours=False,
)


@pytest.fixture
def site(tmp_path):
    return Site(checkout=ROOT, cache=tmp_path / "cache", state=tmp_path / "state")


def test_a_fit_machine_has_no_findings():
    assert judge(FIT, Answers()) == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"python": (3, 12)}, "3.12"),
        ({"aes": False}, "AES"),
        ({"fuse": False}, "/dev/fuse"),
        ({"free_disk": 10**9}, "0.9 GiB"),
        ({"memory": 2 * 1024**3}, "2.0 GiB"),
        ({"port_free": False}, "8443"),
    ],
)
def test_each_lack_is_a_finding_in_both_languages(change, word):
    (finding,) = judge(replace(FIT, **change), Answers())
    assert word in finding.zh
    assert word in finding.en


def test_our_own_service_may_hold_the_port():
    assert judge(replace(FIT, port_free=False, port_owner_is_ours=True), Answers()) == ()


def test_a_survey_reads_a_captured_machine(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu sse aes avx2\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal:       25165824 kB\n")
    found = survey(tmp_path / "not/there/yet", Answers(port=1), ours=False, root=tmp_path)
    assert (found.aes, found.fuse, found.memory) == (True, False, 24 * 1024**3)


def test_a_taken_port_is_told_by_name(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NotFit, match=str(port)):
            require_fit(tmp_path, Answers(address="127.0.0.1", port=port), ours=False)


def test_missing_packages_are_listed_for_an_administrator():
    step = SystemPackages(find=lambda name: None, is_root=lambda: False)
    with pytest.raises(PackagesMissing, match="gocryptfs") as caught:
        step.apply(Rehearsal(print))
    assert "apt-get install -y" in caught.value.way_out
    assert set(step.missing()) == set(PROGRAMS.values())


def test_root_installs_what_is_missing():
    said = []
    step = SystemPackages(
        find=lambda name: None if name == "ninja" else "/usr/bin/x", is_root=lambda: True
    )
    step.apply(Rehearsal(said.append))
    assert said[-1].endswith("--no-install-recommends ninja-build")


def test_the_binding_of_the_tpm_needs_its_headers(tmp_path):
    step = SystemPackages(find=lambda name: "/usr/bin/x", tpm_header=tmp_path / "absent.h")
    assert "libtss2-dev" in step.missing()


def test_the_checks_need_a_little_more():
    def step(library):
        return SystemPackages(
            "dev",
            find=lambda name: None if name == "git" else "/usr/bin/x",
            find_library=lambda name: library,
        )

    assert step("libpython3.11.so.1.0").missing() == ("git",)
    assert set(step(None).missing()) <= {"git", "libpython3.11"}


def test_the_environment_is_named_after_its_pins(site, tmp_path):
    other = tmp_path / "checkout"
    other.mkdir()
    (other / "constraints.txt").write_text("torch==2.13.0\n")
    assert replace(site, checkout=other).environment != site.environment
    assert Environment(replace(site, checkout=other)).needed()


def test_every_named_package_is_pinned(site):
    pins = {line.split("==")[0].lower() for line in site.pins.read_text().splitlines()}
    for group in ("run", "dev"):
        names = Environment(site, group)._names()
        assert {name.lower() for name in names} <= pins


def test_an_offline_folder_is_the_only_source_then(site, tmp_path):
    checkout = tmp_path / "checkout"
    (checkout / "offline").mkdir(parents=True)
    (checkout / "constraints.txt").write_text("a==1\n")
    assert "--no-index" in Environment(replace(site, checkout=checkout))._pip()
    assert "--no-index" not in Environment(site)._pip()


def test_a_changed_source_is_refused(tmp_path, monkeypatch):
    source = tmp_path / "source.tar.gz"
    source.write_bytes(b"not what was pinned")
    with pytest.raises(SourceChanged):
        engine._verify(source)
    monkeypatch.setattr(engine, "SDIST_SHA256", hashlib.sha256(source.read_bytes()).hexdigest())
    engine._verify(source)


def test_the_engine_build_tells_its_progress_by_tenths():
    said = []
    show = engine._ninja_progress(Rehearsal(said.append))
    for done in range(217):
        show(f"[{done}/216] Building CXX object")
    show("ninja: no work to do")
    assert [line.split()[-2] for line in said] == [str(tenth) for tenth in range(0, 101, 10)]


def test_the_engine_version_is_the_pinned_binding(site):
    assert f"llama-cpp-python=={engine.ENGINE_VERSION}" in site.pins.read_text()
    assert EngineBuild(site).needed()


class Wanted:
    """Something that is to be made in the cache, by one at a time."""

    def __init__(self, site):
        self.place = site.cache / "made"

    def needed(self):
        return not self.place.exists()


def test_two_installations_lay_the_ground_one_after_the_other(tmp_path, capsys):
    site = Site(tmp_path, tmp_path / "cache", tmp_path / "state")
    step, inside, at_once = Wanted(site), [], []

    def lay():
        with _in_turn(site, (step,)):
            inside.append(1)
            at_once.append(len(inside))
            time.sleep(0.05)
            if step.needed():
                step.place.touch()
            inside.pop()

    with ThreadPoolExecutor(4) as several:
        for each in [several.submit(lay) for _ in range(4)]:
            each.result()
    assert set(at_once) == {1}
    assert "waiting" in capsys.readouterr().out
    (site.cache / "lock").unlink()
    with _in_turn(site, (step,)):
        assert not (site.cache / "lock").exists()
