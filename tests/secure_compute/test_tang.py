"""Keys from a key server: against a real tangd, and against answers that nobody should trust."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from Cryptodome.PublicKey import ECC

from secure_compute.slot_errors import NetworkSlotRefused
from secure_compute.tang import (
    TangBinding,
    _jwk,
    _point,
    provision,
    read_advertisement,
    recover,
    thumbprint,
)
from tests.fakes.tang_server import TangServer


def ask(url, method, path, body=None):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/jwk+json"})
        return connection.getresponse().read()
    finally:
        connection.close()


class Server:
    """The same arithmetic without a server, to give wrong answers with."""

    def __init__(self) -> None:
        self.key = ECC.generate(curve="P-521")
        self.asked = []

    @property
    def exchange(self):
        return _jwk(self.key.pointQ)

    def __call__(self, key_id, key):
        self.asked.append((key_id, dict(key)))
        return json.dumps(_jwk(_point(key) * int(self.key.d))).encode()


def test_a_real_server_gives_the_key_back(tmp_path):
    with TangServer(tmp_path / "keys") as server:
        text = ask(server.url, "GET", "/adv")
        exchange, signer = read_advertisement(text, None)
        assert read_advertisement(text, signer) == (exchange, signer)
        with pytest.raises(NetworkSlotRefused, match="not signed by other"):
            read_advertisement(text, "other")
        binding, key = provision(exchange)

        def again(key_id, point):
            return ask(server.url, "POST", f"/rec/{key_id}", json.dumps(point))

        assert recover(TangBinding.parse(binding.to_fields()), again) == key
        outer = json.loads(text)
        payload = outer["payload"]
        for other in (payload[:-4], payload[:40] + "A" + payload[41:], ""):
            with pytest.raises(NetworkSlotRefused):
                read_advertisement(json.dumps({**outer, "payload": other}).encode(), None)


def test_the_server_never_sees_the_same_point_twice_and_never_the_key():
    server = Server()
    binding, key = provision(server.exchange)
    assert recover(binding, server) == key
    assert recover(binding, server) == key
    (first_id, first), (_, second) = server.asked
    assert first_id == thumbprint(server.exchange) == binding.key_id
    assert first["x"] != second["x"]
    assert binding.public["x"] not in {first["x"], second["x"]}


def test_another_server_gives_another_key():
    binding, key = provision(Server().exchange)
    assert recover(binding, Server()) != key


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"null", b"{}", b"x" * 100_000, b'{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}',
     b"[" * 50_000],
    ids=range(7),
)  # fmt: skip
def test_an_answer_that_is_no_point_is_refused(answer):
    binding, _ = provision(Server().exchange)
    with pytest.raises(NetworkSlotRefused):
        recover(binding, lambda key_id, point: answer)


def test_a_point_of_another_curve_or_off_the_curve_is_refused():
    server = Server()
    binding, _ = provision(server.exchange)
    off = {**server.exchange, "y": server.exchange["x"]}
    other = {**server.exchange, "crv": "P-256"}
    for bad in (off, other):
        with pytest.raises(NetworkSlotRefused):
            recover(binding, lambda key_id, point, bad=bad: json.dumps(bad).encode())


@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"{}", b'{"payload":"e30","signatures":[]}', b"\xff", b"9" * 70_000],
    ids=range(6),
)
def test_a_malformed_advertisement_is_refused(text):
    with pytest.raises(NetworkSlotRefused):
        read_advertisement(text, None)
