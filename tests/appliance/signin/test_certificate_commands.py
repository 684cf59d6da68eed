"""`wardbox certificate` and `wardbox signin` on a real box: live certificates, programs, plain HTTP."""

import contextlib
import http.client
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.settings.layout import StateLayout
from secure_compute.certificates import issue_server, make_authority
from tests.appliance.commands import test_daemon
from tests.appliance.commands.test_daemon import PASSPHRASE, health, wardbox

state = test_daemon.state
box = test_daemon.box


def port_of(state: Path) -> int:
    return int((state / "settings.toml").read_text("utf-8").rpartition("=")[2])


def get(state: Path, path: str, ca: Path, client: Path | None = None) -> int:
    context = ssl.create_default_context(cafile=str(ca))
    if client is not None:
        context.load_cert_chain(client)
    asked = http.client.HTTPSConnection("localhost", port_of(state), context=context, timeout=30)
    try:
        asked.request("GET", path)
        return asked.getresponse().status
    finally:
        asked.close()


def connect_a_program(box, layout, tmp_path):
    # A program with a certificate, and none once it is revoked.
    key = wardbox(box, "key", "create", "emr", "--scope", "models:read").stdout.partition(".")[0]
    pem = tmp_path / "emr.pem"
    made = wardbox(box, "certificate", "client", "emr", "--key", key, "--out", str(pem))
    assert made.returncode == 0, made.stderr
    assert pem.stat().st_mode & 0o777 == 0o600
    assert get(box, "/api/v1/models", layout.ca_file, pem) == 200
    assert get(box, "/api/v1/models", layout.ca_file) == 401
    assert key in wardbox(box, "certificate", "list").stdout
    assert wardbox(box, "certificate", "revoke", made.stdout.split()[0]).returncode == 0
    assert get(box, "/api/v1/models", layout.ca_file, pem) == 401
    again = wardbox(box, "certificate", "client", "emr", "--key", key, "--out", str(pem))
    assert again.returncode == 1
    assert "command.file-unusable" in again.stderr


def speak_plain_http(box, layout):
    # Plain HTTP on the TLS port: closed, and the box goes on.
    with socket.create_connection(("127.0.0.1", port_of(box)), 30) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = b""
        with contextlib.suppress(ConnectionError):
            said = plain.recv(4096)
        assert not said.startswith(b"HTTP/1.1 2")
    assert "Traceback" not in layout.log_file.read_text("utf-8")


def install_the_hospitals_own(box, tmp_path):
    # The hospital's own certificate, shown while the box runs; its key from stdin.
    now = datetime.now(UTC)
    hospital = make_authority("Hospital", now)
    own = issue_server(hospital, ["localhost"], now, days=50)
    chain, root = tmp_path / "own.pem", tmp_path / "root.pem"
    chain.write_bytes(own.certificate_pem)
    root.write_bytes(hospital.certificate_pem)
    words = ("certificate", "install", "--cert", str(chain), "--key-stdin")
    assert wardbox(box, *words, stdin="no key").returncode == 1
    told = wardbox(box, *words, stdin=own.key_pem.decode())
    assert told.returncode == 0, told.stderr
    assert "CN=Hospital" in told.stdout
    ends = time.monotonic() + 90
    while time.monotonic() < ends:
        try:
            assert get(box, "/api/v1/system/health", root) == 200
            break
        except ssl.SSLError:
            time.sleep(0.1)
    else:
        pytest.fail("the new certificate is not shown")
    assert wardbox(box, "certificate", "remove").returncode == 0
    assert "一体机证书" in wardbox(box, "certificate", "show").stdout


@pytest.mark.slow
def test_certificates_on_a_running_box(box, tmp_path):
    layout = StateLayout(box)
    assert wardbox(box, "supervise", "--detach").returncode == 0
    assert health(box, "locked") == "locked"
    assert wardbox(box, "vault", "unlock", stdin=f"{PASSPHRASE}\n").returncode == 0
    assert health(box, "unlocked") == "unlocked"
    connect_a_program(box, layout, tmp_path)
    speak_plain_http(box, layout)
    install_the_hospitals_own(box, tmp_path)

    # Secrets come from stdin, and no argument of any process holds them.
    assert wardbox(box, "signin", "secret", "ldap", stdin="the box's own\n").returncode == 0
    status = wardbox(box, "signin", "status").stdout
    assert "ldap  off  secret kept" in status
    assert "the box's own" not in status


@pytest.mark.slow
def test_a_file_that_cannot_be_used_is_a_sentence(state, tmp_path):
    for content in (None, b"\xff\xfe", b"x" * 70_000):
        path = tmp_path / "c.pem"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        told = wardbox(state, "certificate", "install", "--cert", str(path), "--key", str(path))
        assert told.returncode in {1, 3}
        assert "Traceback" not in told.stderr
