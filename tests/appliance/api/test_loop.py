"""A client that connects and never finishes its TLS handshake, on the loop that the box runs on."""

import asyncio
import ssl
from functools import partial
from pathlib import Path

import uvicorn
import uvloop

from appliance.api import loop as box_loop
from appliance.api import wire
from appliance.api.crowd import Crowd
from appliance.api.wire import BoxProtocol
from secure_compute.certificates import issue_server
from tests.appliance.api.box import AUTHORITY, now


def context(folder: Path) -> ssl.SSLContext:
    issued = issue_server(AUTHORITY, ["localhost"], now())
    (folder / "c.pem").write_bytes(issued.certificate_pem)
    (folder / "k.pem").write_bytes(issued.key_pem)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "c.pem", folder / "k.pem")
    return made


async def app(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def silent(tls: ssl.SSLContext) -> tuple[list[dict], bytes, Crowd]:
    faults: list[dict] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, fault: faults.append(fault))
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    config.load()
    state, crowd = uvicorn.server.ServerState(), Crowd(4, 4)
    made = partial(BoxProtocol, config=config, server_state=state, app_state={}, crowd=crowd)
    server = await loop.create_server(made, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    wire.HEAD_SECONDS = 60.0  # type: ignore[misc]  # put back by monkeypatch
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    said += await asyncio.wait_for(reader.read(), 30)
    writer.close()
    server.close()
    while crowd.here:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return faults, said, crowd


def test_a_handshake_that_never_ends_is_cut_without_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(box_loop, "HANDSHAKE_S", 0.3)
    # Shorter than the handshake: the clock of the head may not begin before there is a connection.
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.1)
    tls = context(tmp_path)
    faults, said, crowd = uvloop.run(silent(tls), loop_factory=box_loop.BoxLoop)
    assert said.startswith(b"HTTP/1.1 204 ")
    assert not [fault for fault in faults if "exception" in fault and "SSL" not in str(fault)]
    assert crowd.here == 0
