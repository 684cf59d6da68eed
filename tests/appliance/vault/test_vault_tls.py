"""TLS of the box: real handshakes, a live change of certificate, old protocols and plain HTTP refused."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from appliance.vault.tls import (
    TlsKeeper,
    certificate_in_use,
    expires_in_days,
    install_certificate,
    remove_certificate,
)
from secure_compute.certificates import issue_client, issue_server, make_authority
from secure_compute.errors import CertificateRefused

NOW = datetime.now(UTC)
BOX = make_authority("WardBox test", NOW)
HOSPITAL = make_authority("Hospital", NOW)
OWN = issue_server(HOSPITAL, ["localhost", "127.0.0.1"], NOW, days=40)


@pytest.fixture
def layout(tmp_path):
    made = StateLayout(tmp_path)
    issued = issue_server(BOX, ["localhost", "127.0.0.1"], NOW)
    write_private(made.tls_cert, issued.certificate_pem, 0o644)
    write_private(made.tls_key, issued.key_pem)
    write_private(made.ca_file, BOX.certificate_pem, 0o644)
    return made


async def greet(reader, writer):
    peer = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.write(b"known" if peer else b"nobody")
    await writer.drain()
    writer.close()


async def ask(keeper, authority, *, client=None, ciphers=None, version=None, tmp=None):
    """One handshake with a server that shows the keeper's certificate; what it says."""
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=keeper.context)
    port = server.sockets[0].getsockname()[1]
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    if version is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    if ciphers is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    if client is not None:
        path = tmp / "client.pem"
        path.write_bytes(client.key_pem + client.certificate_pem)
        context.load_cert_chain(path)
    async with server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost"
        )
        said = await reader.read()
        writer.close()
        return said


async def test_clients_of_the_boxs_authority_connect_with_and_without_a_certificate(
    layout, tmp_path
):
    keeper = TlsKeeper(layout)
    assert await ask(keeper, BOX) == b"nobody"
    client = issue_client(BOX, "emr", NOW)
    assert await ask(keeper, BOX, client=client, tmp=tmp_path) == b"known"


@pytest.mark.parametrize("which", ["foreign", "expired", "server"])
async def test_a_client_certificate_that_is_not_ours_or_not_for_clients_is_refused(
    layout, tmp_path, which
):
    bad = {
        "foreign": lambda: issue_client(HOSPITAL, "emr", NOW),
        "expired": lambda: issue_client(BOX, "emr", NOW + timedelta(hours=1), days=-1),
        "server": lambda: issue_server(BOX, ["localhost"], NOW),
    }[which]()
    # With TLS 1.3 the client hears of it after its own part is done: as an alert or an end.
    try:
        said = await ask(TlsKeeper(layout), BOX, client=bad, tmp=tmp_path)
    except (ssl.SSLError, ConnectionError):
        said = b""
    assert said == b""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_old_protocols_and_ciphers_without_forward_secrecy_are_refused(layout):
    keeper = TlsKeeper(layout)
    for more in ({"version": ssl.TLSVersion.TLSv1_1}, {"ciphers": "AES128-GCM-SHA256"}):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(keeper, BOX, **more)
    assert await ask(keeper, BOX, ciphers="ECDHE+AESGCM") == b"nobody"


async def test_the_hospitals_certificate_is_shown_without_a_restart_and_taken_back(layout):
    keeper = TlsKeeper(layout)
    assert keeper.refresh() is False
    install_certificate(layout, OWN.certificate_pem, OWN.key_pem, ["localhost"], NOW)
    assert layout.own_certificate.stat().st_mode & 0o777 == 0o600
    assert keeper.refresh() is True
    assert await ask(keeper, HOSPITAL) == b"nobody"
    with pytest.raises(ssl.SSLError):
        await ask(keeper, BOX)
    found = certificate_in_use(layout)
    assert (found.source, found.names) == ("own", ("localhost", "127.0.0.1"))
    assert expires_in_days(layout, NOW) in {39, 40}
    assert expires_in_days(layout, NOW + timedelta(days=50)) < 0
    assert remove_certificate(layout) is True
    assert remove_certificate(layout) is False
    assert keeper.refresh() is True
    assert await ask(keeper, BOX) == b"nobody"
    assert certificate_in_use(layout).source == "box"


def test_a_bad_certificate_changes_nothing(layout):
    with pytest.raises(CertificateRefused, match="does not hold the name"):
        install_certificate(layout, OWN.certificate_pem, OWN.key_pem, ["box.cn"], NOW)
    assert not layout.own_certificate.exists()


async def test_a_broken_file_neither_stops_the_box_nor_what_it_shows(layout):
    keeper = TlsKeeper(layout)
    write_private(layout.own_certificate, b"broken")
    assert keeper.refresh() is False
    assert await ask(keeper, BOX) == b"nobody"
    again = TlsKeeper(layout)
    assert again.passed_over
    assert await ask(again, BOX) == b"nobody"
    layout.own_certificate.unlink()
    layout.tls_cert.write_bytes(b"broken")
    with pytest.raises((OSError, ssl.SSLError)):
        TlsKeeper(layout)
