"""The sockets of `wardbox serve`: made, refused when taken, handed down; nothing else is believed."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.commands.errors import AlreadyRunning, PortTaken
from appliance.commands.listeners import VARIABLE, listening

ROOT = Path(__file__).parents[3]
PROGRAM = """
import os, socket, sys
from pathlib import Path
from appliance.commands import listeners
from appliance.commands.listeners import begin_anew, listening
path, step = Path(sys.argv[1]), sys.argv[2]
become = os.execve
def next_step(program, argv, environ):
    become(sys.orig_argv[0], [*sys.orig_argv[:3], str(path), "next", str(kept)], environ)
with listening("127.0.0.1", 0, path, os.environ) as both:
    if step == "first":
        kept = os.open(path.parent, os.O_RDONLY)
        print(os.getpid(), both.tcp.getsockname()[1], flush=True)
        sys.stdin.readline()
        os.execve = next_step
        begin_anew(both, (kept,), os.environ)
    os.fstat(int(sys.argv[3]))
    handed = [os.get_inheritable(one.fileno()) for one in (both.tcp, both.uds)]
    for one in (both.tcp, both.uds):
        one.setblocking(True)
        peer, _ = one.accept()
        peer.sendall(f"{os.getpid()} {both.tcp.getsockname()[1]} {handed}".encode())
        peer.close()
"""


def test_a_port_or_a_path_that_is_taken_is_told_and_left_alone(tmp_path):
    path = tmp_path / "r" / "s"
    with listening("127.0.0.1", 0, path, {}) as both:
        port = both.tcp.getsockname()[1]
        with pytest.raises(PortTaken), listening("127.0.0.1", port, tmp_path / "o", {}):
            pass
        with pytest.raises(AlreadyRunning), listening("127.0.0.1", 0, path, {}):
            pass
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_the_next_process_answers_who_connected_before_it_was_there(tmp_path):
    path = tmp_path / "s"
    command = [sys.executable, "-c", PROGRAM, str(path), "first"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        pid, port = first.stdout.readline().split()
        with (
            socket.create_connection(("127.0.0.1", int(port)), 60) as tcp,
            socket.socket(socket.AF_UNIX) as uds,
        ):
            uds.settimeout(60)
            uds.connect(str(path))
            print(file=first.stdin, flush=True)
            said = {tcp.recv(200).decode(), uds.recv(200).decode()}
        assert said == {f"{pid} {port} [False, False]"}
        assert first.wait(60) == 0
    assert not path.exists()


@pytest.mark.parametrize("words", ["", "3", "a,b", "0,0", "-1,4", "99999,99998", "1,2,3"])
def test_what_was_not_handed_down_is_not_believed(tmp_path, words):
    with listening("127.0.0.1", 0, tmp_path / "s", {VARIABLE: words}) as both:
        assert both.tcp.getsockname()[1]
        assert (tmp_path / "s").is_socket()


def test_sockets_that_do_not_listen_are_not_taken(tmp_path):
    one, other = socket.socketpair()
    numbers = f"{one.fileno()},{other.fileno()}"
    with one, other, listening("127.0.0.1", 0, tmp_path / "s", {VARIABLE: numbers}) as both:
        assert both.tcp.family == socket.AF_INET
        one.send(b"still open")
        assert other.recv(20) == b"still open"
