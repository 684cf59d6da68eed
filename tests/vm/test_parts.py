"""The parts of the whole-machine test that need no machine."""

import base64
import json
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from appliance.services.version import VERSION
from installer.closing import secrets_page
from installer.newborn import Newborn
from tests.vm.__main__ import WATCHED, StoppedError, _built, _late, watched_digest
from tests.vm.agent import Agent, AgentSilentError, GuestFailedError
from tests.vm.box import secrets_on
from tests.vm.keeping import DISKS, bring_back, forget, is_kept, keep
from tests.vm.ledger import Ledger, UnexpectedError
from tests.vm.machine import Boot, argv, make_disk
from tests.vm.medium import NotBuiltError
from tests.vm.monitor import Monitor, MonitorRefusedError
from tests.vm.needs import missing_packages
from tests.vm.places import HOUSE, Places
from tests.vm.search import _PIECE, holds
from tests.vm.stick import AFTER, NEXT, TABLES


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path, tmp_path)


class Guest(threading.Thread):
    """A guest agent that runs nothing and answers as the real one does."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.asked = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()

    def run(self):
        while True:
            try:
                line, _ = self.server.accept()
            except OSError:
                return
            with line, line.makefile("rwb") as stream:
                # The answer to somebody who went away before it came.
                stream.write(b'{"return": 1}\n')
                for question in stream:
                    asked = json.loads(question)
                    self.asked.append(asked)
                    stream.write(json.dumps(self.answer(asked)).encode() + b"\n")
                    stream.flush()

    def answer(self, asked):
        told = asked.get("arguments", {})
        match asked["execute"]:
            case "guest-sync":
                return {"return": told["id"]}
            case "guest-exec" if told["path"] == "/no/such":
                return {"error": {"desc": "no such program"}}
            case "guest-exec":
                return {"return": {"pid": 7}}
            case "guest-exec-status":
                out = base64.b64encode("你好\n".encode()).decode()
                return {"return": {"exited": True, "exitcode": 3, "out-data": out}}
            case _:
                return {"return": {}}


@pytest.fixture
def guest(tmp_path):
    guest = Guest(tmp_path / "agent.sock")
    guest.start()
    yield guest
    guest.server.shutdown(socket.SHUT_RDWR)
    guest.server.close()


def test_programs_run_by_argument_list_and_secrets_come_on_their_input(guest, tmp_path):
    agent = Agent(tmp_path / "agent.sock", lambda: True, Monitor(tmp_path))
    agent.await_boot(5.0)
    said = agent.try_run("/bin/x", "a b", given="secret")
    assert (said.code, said.out) == (3, "你好\n")
    with pytest.raises(GuestFailedError, match="status 3"):
        agent.run("/bin/x")
    with pytest.raises(GuestFailedError, match="no such program"):
        agent.run("/no/such")
    asked = next(one for one in guest.asked if one["execute"] == "guest-exec")["arguments"]
    assert (asked["path"], asked["arg"]) == ("/bin/x", ["a b"])
    assert base64.b64decode(asked["input-data"]) == b"secret"


class Emulator(Guest):
    """An emulator's socket that greets, tells of events in between and makes no disk smaller."""

    def run(self):
        line, _ = self.server.accept()
        with line, line.makefile("rwb") as stream:
            for event in ({"QMP": {}}, {"event": "RESUME"}):
                stream.write(json.dumps(event).encode() + b"\n")
                stream.flush()
            for question in stream:
                asked = json.loads(question)
                self.asked.append(asked)
                small = asked.get("arguments", {}).get("size") == 1
                told = {"error": {"desc": "smaller"}} if small else {"return": {}}
                stream.write(b'{"event": "x"}\n' + json.dumps(told).encode() + b"\n")
                stream.flush()


@pytest.mark.parametrize("size", [1, 2])
def test_a_disk_is_made_larger_by_the_emulator(tmp_path, size):
    emulator = Emulator(tmp_path / "monitor.sock")
    emulator.start()
    monitor = Monitor(tmp_path / "monitor.sock")
    if size == 1:
        with pytest.raises(MonitorRefusedError, match="smaller"):
            monitor.enlarge(1, size)
    else:
        monitor.enlarge(1, size)
    emulator.server.close()
    assert emulator.asked[-1]["arguments"] == {"device": "virtio1", "size": size}


def test_a_plug_is_pulled_by_the_emulator_and_the_machine_is_off_then(tmp_path):
    emulator = Emulator(tmp_path / "monitor.sock")
    emulator.start()
    signs = iter((True, False))
    Agent(tmp_path / "none", lambda: next(signs), Monitor(tmp_path / "monitor.sock")).cut_power()
    emulator.server.close()
    assert emulator.asked[-1]["execute"] == "quit"


def test_the_machine_is_brought_back_to_what_it_was_before_a_scene(places):
    if shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    for name in DISKS:
        make_disk(places.disk(name), "1M")
    for name in ("enrolled", "blank"):
        places.variables(name).write_text("before")
    assert not is_kept(places, "3")
    keep(places, "3")
    places.tpm.mkdir()
    places.variables("blank").write_text("after")
    grown = ("qemu-img", "resize", "-q", str(places.disk("vault")), "2M")
    subprocess.run(grown, check=True)
    for _ in range(2):
        bring_back(places, "3")
        assert places.variables("blank").read_text() == "before"
        assert not places.tpm.exists()
    told = ("qemu-img", "info", "--output=json", str(places.disk("vault")))
    said = subprocess.run(told, check=True, capture_output=True).stdout
    assert json.loads(said)["virtual-size"] == 1 << 20
    forget(places, "3")
    assert not is_kept(places, "3")


def test_a_machine_that_ended_is_not_waited_for(tmp_path):
    with pytest.raises(AgentSilentError, match="ended"):
        Agent(tmp_path / "none", lambda: False, Monitor(tmp_path)).await_boot(60.0)


def test_releases_on_the_stick_are_newer_one_by_one():
    versions = [tuple(map(int, one.split("."))) for one in (VERSION, NEXT, AFTER)]
    assert versions == sorted(set(versions))
    assert set(TABLES[NEXT]) < set(TABLES[AFTER])


def test_a_run_goes_on_where_it_stopped(places):
    ledger = Ledger(places)
    with ledger.scene("1", "first"):
        ledger.require("all is well", holds=True)
    with pytest.raises(UnexpectedError, match="seen instead"), ledger.scene("2", "second"):
        ledger.require("all is well", holds=False, seen="seen instead")
    assert list(Ledger(places).done()) == ["1"]
    assert "✗ all is well" in places.log.read_text(encoding="utf-8")


def test_the_machine_has_no_network_and_checks_signatures(places):
    words = argv(places, Boot("enrolled", ("vault",), Path("/medium.img"), stick=places.stick))
    assert words[words.index("-nic") + 1] == "none"
    assert any(word.endswith("OVMF_CODE_4M.ms.fd") for word in words)
    media = [word for word in words if "format=raw,readonly=on" in word and "pflash" not in word]
    assert ["/medium.img" in media[0], str(places.stick) in media[1]] == [True, True]
    assert "tcg,thread=multi,tb-size=1024" in words


def test_what_is_missing_is_named_by_its_package():
    assert "qemu-system-x86" in missing_packages(lambda name: None)


def test_the_secrets_are_found_on_the_closing_page():
    page = secrets_page(
        Newborn("admin", "pass word".replace(" ", "-"), "the-phrase", "AAAAA-BBBBB")
    )
    found = secrets_on(page)
    assert (found["administrator"], found["password"]) == ("admin", "pass-word")
    assert (found["vault"], found["recovery"]) == ("the-phrase", "AAAAA-BBBBB")


def test_what_cannot_be_built_here_says_nothing_about_the_box(tmp_path):
    with pytest.raises(NotBuiltError, match="status 3"), _built(tmp_path):
        subprocess.run(("sh", "-c", "exit 3"), check=True)


def test_what_the_scenes_are_about_is_there():
    assert all((HOUSE / name).exists() for name in WATCHED)
    assert watched_digest() == watched_digest()


def test_planted_text_is_found_across_the_pieces_that_are_read(tmp_path):
    image = tmp_path / "image"
    with image.open("wb") as stream:
        stream.seek(_PIECE - 3)
        stream.write(b"planted")
    assert holds(image, b"planted")
    assert not holds(image, b"planted!")


def test_who_waits_for_the_boot_hears_that_the_run_is_over(places, monkeypatch):
    monkeypatch.setattr("tests.vm.agent.time.sleep", lambda _: _late(15, None))
    agent = Agent(places.run / "agent.sock", lambda: True, Monitor(places.monitor))
    with pytest.raises(StoppedError):
        agent.await_boot(5.0)
