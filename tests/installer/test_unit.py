"""The systemd unit: read by systemd as it was meant, and never another box's."""

import itertools
import shutil
import subprocess

import pytest

from installer import preflight
from installer.answers import Answers
from installer.errors import ServiceSilent
from installer.newborn import Newborn
from installer.places import Site
from installer.steps import service
from installer.steps.service import Service
from installer.unit import lingers, started_box, starts, unit_text

ODD = "a b/100% of it"


@pytest.mark.parametrize("name", ["plain", ODD])
@pytest.mark.parametrize("root", [True, False])
def test_systemd_finds_nothing_to_say(tmp_path, name, root):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    checkout = tmp_path / name
    checkout.mkdir(parents=True)
    (checkout / "wardbox").write_text("#!/bin/sh\n")
    (checkout / "wardbox").chmod(0o755)
    unit = tmp_path / "wardbox.service"
    unit.write_text(unit_text(checkout, tmp_path / name / "state", root=root))
    words = ("systemd-analyze", "verify", "--man=no", *(() if root else ("--user",)), str(unit))
    # systemctl(1): a user's own manager wants to know where its runtime files would be.
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={"XDG_RUNTIME_DIR": str(tmp_path)}
    )
    assert "wardbox.service" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["plain", ODD])
def test_a_unit_is_known_by_its_box(tmp_path, name):
    unit = tmp_path / "wardbox.service"
    assert started_box(unit) is None
    unit.write_text(unit_text(tmp_path, tmp_path / name, root=True))
    assert starts(unit, tmp_path / name)
    assert not starts(unit, tmp_path)


class Ran:
    """A host that only notes."""

    def __init__(self):
        self.lines = []

    def run(self, command):
        self.lines.append(" ".join(command.argv))

    def remove(self, path):
        self.lines.append(f"remove {path}")


def test_removing_one_box_leaves_the_unit_of_another(tmp_path, monkeypatch):
    unit = tmp_path / "wardbox.service"
    unit.write_text(unit_text(tmp_path, tmp_path / "hospital", root=True))
    monkeypatch.setattr(service, "unit_path", lambda: unit)
    for state, word in (("trial", "supervise --stop"), ("hospital", "disable --now")):
        host = Ran()
        (tmp_path / "constraints.txt").touch()
        site = Site(tmp_path, tmp_path, tmp_path / state)
        (site.environment / "bin").mkdir(parents=True, exist_ok=True)
        site.python.touch()
        Service(site, "auto", Newborn(), None).undo(host)
        assert any(word in line for line in host.lines)
        assert any(line.startswith("remove") for line in host.lines) == (state == "hospital")


class Silent:
    """A box that never answers."""

    last_reason = "还没有套接字 there is no socket yet"

    def health(self):
        return None


def test_whoever_waits_is_told_and_not_for_ever(tmp_path):
    ticks, host, said = itertools.count(0.0, 9.0), Ran(), []
    host.say = said.append
    site = Site(tmp_path, tmp_path, tmp_path / "state")
    step = Service(site, "auto", Newborn(), Silent(), lambda: next(ticks), lambda _: None)
    with pytest.raises(ServiceSilent, match="600 s"):
        step._wait(host)
    assert 10 < len(said) < 20
    assert str(tmp_path / "state" / "logs") in said[0]


def test_a_second_box_does_not_take_the_unit_of_the_first(tmp_path, monkeypatch):
    unit, first = tmp_path / "wardbox.service", tmp_path / "first"
    unit.write_text(unit_text(tmp_path, first, root=True))
    monkeypatch.setattr(preflight, "unit_path", lambda: unit)

    def other(state, manner="auto"):
        return preflight._other_box(state, Answers(service=manner), tmp_path)

    assert other(tmp_path / "second") is None
    first.mkdir()
    assert other(tmp_path / "second") == str(first)
    assert other(first) is other(tmp_path / "second", "background") is None
    ground = preflight.survey(tmp_path, Answers(port=1), ours=True)
    (finding,) = set(
        preflight.judge(preflight.replace(ground, other_box="/a/box"), Answers())
    ) - set(preflight.judge(preflight.replace(ground, other_box=None), Answers()))
    assert "/a/box" in finding.en
    assert "background" in finding.zh


def test_a_service_that_ends_with_the_session_is_known(tmp_path):
    assert not lingers("nurse", tmp_path)
    (tmp_path / "nurse").touch()
    assert lingers("nurse", tmp_path)
