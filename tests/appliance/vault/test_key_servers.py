"""Key servers that nobody should wait for: silent, dripping, dropping; and addresses that are none."""

import contextlib
import datetime as dt
import socket
import ssl
import threading

import pytest

from appliance.vault.slot_errors import SlotUnfit
from appliance.vault.slot_making import SlotWish
from appliance.vault.unattended import ask_server
from secure_compute.certificates import issue_server, make_authority
from secure_compute.slot_errors import NetworkSlotRefused
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.slotted import ME, PRESENT

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n"


@contextlib.contextmanager
def dripping(first=b"", scheme="http"):
    """A server that says `first`, then a byte now and then, for as long as somebody listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.sendall(first)
                while not over.wait(0.05):
                    client.sendall(b" ")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/adv"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("first", "scheme"),
    [
        (HEAD + b"\r\n", "http"),
        (HEAD + b"X-Slow: ", "http"),
        (b"", "http"),
        # A record of a handshake that is said to have 512 bytes.
        (b"\x16\x03\x03\x02\x00", "https"),
    ],
    ids=["body", "header", "status", "handshake"],
)
def test_a_server_that_drips_is_given_up_on(first, scheme):
    with dripping(first, scheme) as address, pytest.raises(NetworkSlotRefused, match="too long"):
        ask_server("GET", address, None, (60, 0.3))


def test_an_answer_over_tls_comes_whole(tmp_path, monkeypatch):
    authority = make_authority("test", dt.datetime.now(dt.UTC))
    made = issue_server(authority, ["127.0.0.1"], dt.datetime.now(dt.UTC))
    (tmp_path / "ca").write_bytes(authority.certificate_pem)
    (tmp_path / "both").write_bytes(made.certificate_pem + made.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both")
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)

    def serve():
        for _ in range(2):
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                with client:
                    client.recv(4096)
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")

    thread = threading.Thread(target=serve)
    thread.start()
    address = f"https://127.0.0.1:{listener.getsockname()[1]}/adv"
    with pytest.raises(NetworkSlotRefused, match="cannot be reached"):
        ask_server("GET", address, None)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca"))
    assert ask_server("GET", address, None) == b"yes"
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://[zz]", "http://x:99999", "http://x:0", "http://u:pw@x", "http://x?a=1",
     "http://x/#a", "http://", "ftp://x", "http:/x", ""],
)  # fmt: skip
def test_what_is_no_address_is_told(made, url):
    vault = made()
    vault.create(PASSPHRASE)
    with pytest.raises(SlotUnfit, match="its address is"):
        vault.slots.add(PRESENT, SlotWish("network", url=url, thumbprint="x" * 43), ME)
    with pytest.raises(NetworkSlotRefused):
        ask_server("GET", url, None)
