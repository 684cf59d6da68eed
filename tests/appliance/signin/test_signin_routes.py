"""The whole way: a box on TLS, client certificates on kept-alive connections, routes, plain HTTP."""

import asyncio
import contextlib
import json
import socket
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest
import uvicorn

from appliance.api.wire import BoxProtocol
from appliance.settings.layout import StateLayout
from appliance.settings.signin import LdapSettings
from appliance.vault.authority import renew_box_certificate
from appliance.vault.keyfile import write_private
from appliance.vault.tls import TlsKeeper
from secure_compute.certificates import issue_client, issue_server, make_authority
from tests.appliance.api.box import AUTHORITY, live_box
from tests.appliance.api.stand_ins import MODEL

NAMES = ["localhost", "127.0.0.1", "box.hospital.cn"]


class Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        yield


@contextlib.asynccontextmanager
async def tls_port(box, keeper):
    """The same application on TLS, as `wardbox serve` opens it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        box.app, http=BoxProtocol, loop="asyncio", lifespan="off", log_config=None, ws="none",
        access_log=False, server_header=False,
    )  # fmt: skip
    config.load()
    config.ssl = keeper.context
    server = Quiet(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110  # uvicorn tells it by a flag
        await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        yield one


@pytest.fixture
def keeper(box):
    layout = StateLayout(box.front.layout.root)
    write_private(layout.ca_file, AUTHORITY.certificate_pem, 0o644)
    renew_box_certificate(layout, AUTHORITY, NAMES, lambda: datetime.now(UTC))
    return TlsKeeper(layout)


def trusting(tmp_path, authority=AUTHORITY, client=None):
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    if client is not None:
        path = tmp_path / "client.pem"
        path.write_text(client)
        context.load_cert_chain(path)
    return context


async def code(asked):
    """The status of an answer that is read to its end."""
    async with asked as answer:
        await answer.read()
        return answer.status


async def issued(box, *scopes):
    key = box.services.access.create_key
    from appliance.access.grants import KeyWish

    made = key(KeyWish("emr", frozenset(scopes)))
    body = {"name": "emr", "key_id": made.id}
    answer = await box.local.post("http://localhost/api/v1/certificates/clients", json=body)
    assert answer.status == 201
    return made.id, await answer.json()


async def test_a_certificate_stands_for_its_key_until_it_is_revoked(box, keeper, tmp_path):
    key_id, told = await issued(box, "models:read", "chat")
    context = trusting(tmp_path, client=told["key"] + told["certificate"])
    async with (
        tls_port(box, keeper) as port,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=1)) as http,
    ):
        url = f"https://localhost:{port}/api/v1"
        assert await code(http.get(url + "/models")) == 200
        chat = {"messages": [{"role": "user", "content": "早"}], "model": MODEL}
        model_route = f"https://localhost:{port}/v1/chat/completions"
        assert await code(http.post(model_route, json=chat)) == 200
        assert await code(http.get(url + "/users")) == 403
        # The same connection, kept alive: the next request finds it revoked.
        gone = f"http://localhost/api/v1/certificates/clients/{told['fingerprint']}"
        assert await code(box.local.delete(gone)) == 204
        assert await code(http.get(url + "/models")) == 401
        assert await code(box.local.delete(gone)) == 404
        assert await code(http.post(model_route, json=chat)) == 401
        # A key of its own still speaks for itself.
        assert await code(http.get(url + "/models", headers=box.bearer)) == 200
    assert key_id in str(box.entries("access:certificate:issue")[0].details)


@pytest.mark.parametrize("path", ["/events", "/audit/live"])
async def test_a_stream_under_way_ends_with_its_certificate(box, keeper, tmp_path, path):
    _, told = await issued(box, "system:read", "audit:read")
    context = trusting(tmp_path, client=told["key"] + told["certificate"])
    gone = f"http://localhost/api/v1/certificates/clients/{told['fingerprint']}"
    async with tls_port(box, keeper) as port, aiohttp.ClientSession() as http:
        url = f"https://localhost:{port}/api/v1{path}"
        async with http.get(url, ssl=context) as stream:
            assert stream.status == 200
            assert await stream.content.readline() == b": open\n"
            assert await code(box.local.delete(gone)) == 204
            async with asyncio.timeout(20):
                await stream.content.read()


async def test_a_certificate_ends_with_its_key_and_others_certificates_are_nobody(
    box, keeper, tmp_path
):
    key_id, told = await issued(box, "models:read")
    context = trusting(tmp_path, client=told["key"] + told["certificate"])
    # Issued by our authority, but bound to no key: a name gives no rights.
    loose = issue_client(AUTHORITY, "emr", datetime.now(UTC))
    async with tls_port(box, keeper) as port:
        url = f"https://localhost:{port}/api/v1/models"
        async with aiohttp.ClientSession() as http:
            assert await code(http.get(url, ssl=context)) == 200
            box.services.access.revoke_key(key_id)
            assert await code(http.get(url, ssl=context)) == 401
            other = trusting(tmp_path, client=(loose.key_pem + loose.certificate_pem).decode())
            assert await code(http.get(url, ssl=other)) == 401
            assert await code(http.get(url, ssl=trusting(tmp_path))) == 401


async def test_plain_http_on_the_tls_port_is_closed_and_nobody_hears_of_it(box, keeper, caplog):
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with tls_port(box, keeper) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(30):
                said = await reader.read()
            assert not said.startswith(b"HTTP/1.1 2")
        writer.close()
        url = f"https://localhost:{port}/api/v1/system/health"
        async with aiohttp.ClientSession() as http:
            context = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
            assert await code(http.get(url, ssl=context)) == 200
    assert faults == []
    assert "Traceback" not in caplog.text


async def test_the_hospitals_certificate_is_installed_shown_live_and_taken_back(
    box, keeper, tmp_path
):
    now = datetime.now(UTC)
    hospital = make_authority("Hospital", now)
    own = issue_server(hospital, NAMES, now, days=20)
    wish = {"certificate": own.certificate_pem.decode(), "key": own.key_pem.decode()}
    url = "http://localhost/api/v1/certificate"
    assert (await (await box.local.get(url)).json())["source"] == "box"
    answer = await box.local.put(url, json={**wish, "key": AUTHORITY.key_pem.decode()})
    assert answer.status == 422
    assert "does not belong" in (await answer.json())["detail"]
    answer = await box.http.put(f"{box.url}/api/v1/certificate", json=wish, headers=box.bearer)
    assert answer.status == 403
    answer = await box.local.put(url, json=wish)
    told = await answer.json()
    assert (answer.status, told["source"], told["issuer"]) == (200, "own", "CN=Hospital")
    assert told["expires_in_days"] in {19, 20}
    assert box.services.signin.expires_in_days() in {19, 20}
    async with tls_port(box, keeper) as port, aiohttp.ClientSession() as http:
        health = f"https://localhost:{port}/api/v1/system/health"
        assert keeper.refresh()
        assert await code(http.get(health, ssl=trusting(tmp_path, hospital))) == 200
        assert (await (await box.local.delete(url)).json())["source"] == "box"
        assert keeper.refresh()
        assert await code(http.get(health, ssl=trusting(tmp_path))) == 200
    tags = box.tags()
    assert {"box:certificate:install", "box:certificate:remove"} <= set(tags)
    assert "PRIVATE" not in json.dumps(
        [str(e.details) for e in box.entries("box:certificate:install")]
    )


async def test_ways_that_are_off_say_so_and_secrets_come_by_the_socket_alone(box):
    for path, body in (
        ("signin/directory", {"name": "li.wei", "password": "x"}),
        ("signin/oidc", {}),
    ):
        answer = await box.http.post(f"{box.url}/api/v1/{path}", json=body)
        assert answer.status == 404
        assert (await answer.json())["code"] == "signin.off"
    back = await box.http.get(f"{box.url}/api/v1/signin/oidc/callback?state=x&code=y")
    assert (await back.json())["code"] == "signin.off"
    finish = {"ticket": "x", "code": "y"}
    answer = await box.http.post(f"{box.url}/api/v1/signin/oidc/session", json=finish)
    assert answer.status == 401
    wish = {"value": "the box's own"}
    over = f"{box.url}/api/v1/signin/secrets/ldap"
    assert await code(box.http.put(over, json=wish, headers=box.bearer)) == 403
    answer = await box.local.put("http://localhost/api/v1/signin/secrets/ldap", json=wish)
    assert answer.status == 204
    ways = await (await box.local.get("http://localhost/api/v1/signin")).json()
    assert ways == {"ldap": False, "oidc": False, "ldap_secret": True, "oidc_secret": False}
    assert await code(box.http.get(f"{box.url}/api/v1/signin")) == 401
    # An entrance learns without a key what it may offer, and not whether there is a secret.
    offered = await box.http.get(f"{box.url}/api/v1/signin/offered")
    assert (offered.status, await offered.json()) == (200, {"directory": False, "oidc": False})
    assert offered.headers["Cache-Control"] == "no-store"
    servers = {"servers": ["ldaps://dc1.hospital.local"]}
    box.services.signin.directory._settings = LdapSettings.model_validate(servers)
    offered = await box.http.get(f"{box.url}/api/v1/signin/offered")
    assert await offered.json() == {"directory": True, "oidc": False}
    services, box.front.services = box.front.services, None
    assert await code(box.http.get(f"{box.url}/api/v1/signin/offered")) == 503
    box.front.services = services
    assert "the box's own" not in str(box.entries("access:directory:secret"))
