"""A backup to a real OpenSSH server: pinned host key, the box's own key, lost connections."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.backup.creating import Creation
from appliance.backup.errors import (
    BackupAbsent,
    BackupDamaged,
    HostKeyWrong,
    TargetGone,
    TargetRefused,
)
from appliance.backup.places import Where, open_target
from appliance.backup.sftp import Server, login_line
from appliance.backup.verifying import Verification
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
SFTP = next(
    (
        place
        for place in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server")
        if Path(place).exists()
    ),
    None,
)
pytestmark = pytest.mark.skipif(not (SSHD and SFTP), reason="there is no sshd with sftp-server")
SEED = bytes(range(32))


@dataclass
class Ssh:
    """A running server."""

    port: int
    pin: str
    root: Path
    user: str
    process: subprocess.Popen

    def where(self, **changes) -> Where:
        place = f"{self.user}@127.0.0.1:{self.port}{self.root}"
        given = {"name": "t", "kind": "sftp", "place": place, "pin": self.pin, "login": SEED}
        return Where(**{**given, **changes})

    def end(self) -> None:
        """Kill the server with the sessions it has begun."""
        import psutil

        for child in psutil.Process(self.process.pid).children(recursive=True):
            child.kill()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Ssh]:
    import getpass

    home = tmp_path / "sshd"
    home.mkdir(mode=0o700)
    key = home / "host"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (home / "authorized").write_text(login_line(SEED, "test") + "\n")
    (home / "authorized").chmod(0o600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = home / "config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile {home}/pid\n"
        f"AuthorizedKeysFile {home}/authorized\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        f"Subsystem sftp {SFTP}\n"
    )
    if os.geteuid() == 0:
        # Where sshd separates its privileges; the service makes it when it starts.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stderr=log)
    root = tmp_path / "backups"
    root.mkdir()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
            if process.poll() is not None:
                pytest.skip("sshd does not start here: " + (home / "log").read_text()[-300:])
    pin = " ".join((home / "host.pub").read_text().split()[:2])
    yield Ssh(port, pin, root, getpass.getuser(), process)
    process.kill()
    process.wait()


def test_a_whole_backup_over_sftp(box: SmallBox, ssh: Ssh, now: list[float]) -> None:
    target = open_target(ssh.where())
    try:
        (box.layout.caller_files / "large").write_bytes(os.urandom(3 << 20))
        repository = box.repository(target)
        Creation(repository, box.ours(2), untold).run()
        now[0] += 60
        assert Creation(repository, box.ours(2), untold).run().added < 2 << 16
        verdict = Verification(box.repository_as_is(target), untold).run()
        assert verdict.ok
        assert verdict.whole == (1, 2)
        assert target.sweep() == 0
        with pytest.raises(BackupAbsent):
            target.read("packs/aa/bb")
        target.delete("packs/aa/bb")
        (ssh.root / "lists" / "0000000007.part").write_bytes(b"x")
        (ssh.root / "packs" / "theirs.part").write_bytes(b"x")
        assert target.sweep() == 1
        assert (ssh.root / "packs" / "theirs.part").exists()
        # What a file server leaves of its own, in any writing, and folders without end.
        (ssh.root / "lists" / "Thumbs.db").write_bytes(b"x")
        Path(os.fsdecode(bytes(ssh.root) + b"/index/\xff\xfe")).write_bytes(b"x")
        (ssh.root / "lists" / Path(*["deep"] * 500)).mkdir(parents=True)
        assert Verification(box.repository_as_is(target), untold).run().ok
        with pytest.raises(BackupDamaged, match="larger"):
            target.read("keys.age", 10)
    finally:
        target.close()


def test_another_host_key_is_refused(ssh: Ssh, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    with pytest.raises(HostKeyWrong):
        open_target(ssh.where(pin=other.with_suffix(".pub").read_text()))
    with pytest.raises(TargetRefused):
        open_target(ssh.where(pin="not a key"))


def test_a_key_that_the_server_does_not_know(ssh: Ssh) -> None:
    with pytest.raises(TargetRefused, match="key"):
        open_target(ssh.where(login=bytes(32)))


def test_a_directory_that_is_not_there(ssh: Ssh) -> None:
    with pytest.raises(TargetRefused):
        open_target(ssh.where(place=f"{ssh.user}@127.0.0.1:{ssh.port}/absent/folder"))


def test_a_server_that_dies_in_the_middle(box: SmallBox, ssh: Ssh) -> None:
    target = open_target(ssh.where())
    try:
        repository = box.repository(target)
        ssh.end()
        with pytest.raises(TargetGone):
            Creation(repository, box.ours(), untold).run()
    finally:
        target.close()
    with pytest.raises(TargetGone):
        open_target(ssh.where())


@pytest.mark.parametrize(
    "text",
    ["u@h", "u@h:0/x", "u@h:99999/x", "@h:1/x", "u@h:1/a/../b", "u h:1/x", "u@-:1\n/x", "u@h:1x/"],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(TargetRefused):
        Server.parse(text, "t")


def test_addresses() -> None:
    assert Server.parse("wardbox@nas.hospital:2222/srv/backup/", "t") == Server(
        "wardbox", "nas.hospital", 2222, "/srv/backup"
    )
    assert Server.parse("u@[fd00::1]/b", "t") == Server("u", "fd00::1", 22, "/b")
