"""`wardbox serve`: one process that answers on TLS and on the local Unix socket."""

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn

from typing_extensions import override

from appliance import compiled
from appliance.commands.errors import CertificateMissing, DescriptorsFew
from appliance.commands.holding import open_door
from appliance.commands.listeners import BACKLOG, Listeners, begin_anew, listening
from appliance.errors import ApplianceError
from appliance.settings.layout import StateLayout, state_directory
from appliance.updates.trial import place_of

if TYPE_CHECKING:
    import uvicorn

    from appliance.api.front import Front
    from appliance.services.open_box import Services
    from appliance.settings.model import Settings
    from appliance.vault.opened import Opened
    from appliance.vault.tls import TlsKeeper

BAD_CONFIGURATION: Final = 78
"""Exit status of sysexits.h: starting again would not help."""

_DRAIN_S: Final = 20
_RENEW_S: Final = 1.0
_ACCEPTS: Final = 8
"""Connections taken in one turn of the loop: it takes one of each socket that it listens on."""
_FILES: Final = 65_536
_LOCAL: Final = 1024
"""Connections at once on the local socket: people and programs of this machine."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `serve` to the command line."""
    commands.add_parser("serve", help="在前台运行一体机 run the box in the foreground")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a stop that was asked for, 1 when the box cannot start, 78 for bad settings.
    """
    from appliance.settings.errors import (  # noqa: PLC0415  # keeps --help light
        SettingInvalid,
        SettingsUnreadable,
        SettingUnknown,
    )
    from appliance.settings.log import configure  # noqa: PLC0415
    from appliance.settings.reading import load  # noqa: PLC0415

    layout = StateLayout(state_directory(args.environ))
    try:
        settings = load(layout.root, args.environ)
        configure(layout)
        return _serve(layout, settings, args.environ)
    except (SettingUnknown, SettingInvalid, SettingsUnreadable) as error:
        return _tell(error, BAD_CONFIGURATION)
    except ApplianceError as error:
        return _tell(error, 1)


def _tell(error: ApplianceError, status: int) -> int:
    print(f"{error.sentence}\n{error.way_out}", file=sys.stderr)
    return status


def _serve(layout: StateLayout, settings: "Settings", environ: Mapping[str, str]) -> int:
    import uvloop  # noqa: PLC0415  # keeps --help light

    from appliance.api.loop import BoxLoop  # noqa: PLC0415
    from secure_compute.guard import guard  # noqa: PLC0415

    guard()
    # Before anything of the hot path is imported.
    how = "hot path compiled" if compiled.use() else "hot path interpreted"
    logging.getLogger("wardbox.serve").info(how)
    _more_files()
    host, port = settings.server.host, settings.server.port
    with listening(host, port, layout.socket, environ) as both:
        tls = _tls(layout)
        layout.serve_pid.write_text(f"{os.getpid()}\n", encoding="ascii")
        try:
            living = _live(layout, settings, environ, both, tls)
            if uvloop.run(living, loop_factory=BoxLoop):
                logging.getLogger("wardbox.serve").info("locked: beginning anew")
                _begin_anew(both, environ)
        finally:
            layout.serve_pid.unlink(missing_ok=True)
    return 0


def _begin_anew(both: Listeners, environ: Mapping[str, str]) -> NoReturn:
    from appliance.vault.handover import KeyHandover  # noqa: PLC0415  # keeps --help light

    # The lock has overwritten it; the next unlock writes into it again.
    handover = KeyHandover.inherited(environ)
    begin_anew(both, () if handover is None else (handover.descriptor,), environ)


async def _live(
    layout: StateLayout,
    settings: "Settings",
    environ: Mapping[str, str],
    both: Listeners,
    tls: "TlsKeeper",
) -> bool:
    """Serve until a stop, which gives False, or until keys were forgotten, which gives True."""
    from appliance.api.crowd import Crowd  # noqa: PLC0415  # keeps --help light
    from appliance.api.door import local_door  # noqa: PLC0415
    from appliance.api.front import Front  # noqa: PLC0415
    from appliance.api.wire import protocol_with  # noqa: PLC0415
    from appliance.app import create_app  # noqa: PLC0415
    from appliance.services.build import build  # noqa: PLC0415
    from appliance.vault.assembly import build_vault  # noqa: PLC0415

    def clock() -> datetime:
        return datetime.now(UTC)  # noqa: TID251  # the process's one clock; everything takes it

    async def open_services(opened: "Opened") -> "Services":
        return await build(settings, layout, opened, clock, environ)

    vault = build_vault(layout, settings, environ, clock)
    front = Front(settings, layout, vault, open_services, clock)
    forgotten: list[bool] = []
    app = create_app(front)
    await _resume(front)
    # What start-up made stays: the collector need not look at it again (5 to 30 % more requests).
    # Young garbage is looked through in small portions: 20,000 objects are a pause of 3 ms and some
    # 15 MB, ten times as many were 40 ms and 150 MB that a box under streams seemed to lose.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1000)
    many = _connections(settings.server.max_connections)
    crowds = Crowd(many, settings.server.max_connections_per_address), Crowd(_LOCAL, _LOCAL)
    ways = [protocol_with(app.short_way(local=n == 1), crowd) for n, crowd in enumerate(crowds)]
    servers = [
        _server(app, ways[0], settings, tls.context),
        _server(local_door(app), ways[1], settings, None),
    ]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, front, servers)

    def forget() -> None:
        forgotten.append(True)
        _stop(front, servers)

    front.forgotten = forget
    renewing = asyncio.create_task(_renew(tls), name="tls")
    # A server closes what it was given; the sockets themselves stay open, and hold who comes meanwhile.
    many_tcp = [both.tcp.dup() for _ in range(_ACCEPTS)]
    place = place_of(layout, environ)
    door = open_door(place, compiled.HOUSE, front.stopping, lambda: servers[0].serve(many_tcp))
    try:
        await asyncio.gather(door, servers[1].serve([both.uds.dup()]))
    finally:
        renewing.cancel()
        await front.close()
    return bool(forgotten)


async def _resume(front: "Front") -> None:
    try:
        await front.start()
    except ApplianceError as error:
        # A box that cannot open its vault by itself still tells people so, and how to go on.
        print(f"{error.sentence}\n{error.way_out}", file=sys.stderr)


def _stop(front: "Front", servers: "list[uvicorn.Server]") -> None:
    front.stopping.set()
    for server in servers:
        server.should_exit = True


def _server(
    app: object, protocol: "Callable[..., object]", settings: "Settings", tls: ssl.SSLContext | None
) -> "uvicorn.Server":
    import uvicorn  # noqa: PLC0415  # keeps --help light

    class Server(uvicorn.Server):
        """Two of them share a process, so neither takes the signals."""

        @override
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leave the signals alone."""
            yield

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application by construction
        http=protocol,  # type: ignore[arg-type]  # called as a class is
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.server.idle_timeout_s,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    config.load()
    # A context of our own: it asks clients for certificates, and a new one is shown live.
    config.ssl = tls
    return Server(config)


def _tls(layout: StateLayout) -> "TlsKeeper":
    from appliance.vault.errors import CertificateBroken  # noqa: PLC0415  # keeps --help light
    from appliance.vault.tls import TlsKeeper  # noqa: PLC0415

    try:
        keeper = TlsKeeper(layout)
    except (OSError, ssl.SSLError) as error:
        raise CertificateMissing(path=layout.tls_cert, reason=str(error)) from error
    if keeper.passed_over:
        _tell(CertificateBroken(path=layout.own_certificate), 0)
    return keeper


async def _renew(tls: "TlsKeeper") -> None:
    """Show a certificate that was installed or renewed, seconds after it was."""
    while True:
        await asyncio.sleep(_RENEW_S)
        tls.refresh()


def _more_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _connections(wanted: int) -> int:
    """How many of the wanted connections there are descriptors for; tells when not all."""
    from appliance.api.crowd import fitting  # noqa: PLC0415  # keeps --help light

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = fitting(wanted, allowed)
    if most < wanted:
        _tell(DescriptorsFew(allowed=allowed, most=most, wanted=wanted), 0)
    return most
