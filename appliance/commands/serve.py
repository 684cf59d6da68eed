"""`wardbox serve`: one process that answers on TLS and on the local Unix socket."""

import argparse
import asyncio
import errno
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from appliance import compiled
from appliance.commands.errors import (
    AlreadyRunning,
    CertificateMissing,
    DescriptorsFew,
    PortTaken,
    SocketRefused,
)
from appliance.errors import ApplianceError
from appliance.settings.layout import StateLayout, state_directory

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
_BACKLOG: Final = 2048
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
    with _tcp(settings.server.host, settings.server.port) as tcp, _uds(layout.socket) as uds:
        tls = _tls(layout)
        layout.serve_pid.write_text(f"{os.getpid()}\n", encoding="ascii")
        try:
            living = _live(layout, settings, environ, (tcp, uds), tls)
            uvloop.run(living, loop_factory=BoxLoop)
        finally:
            layout.serve_pid.unlink(missing_ok=True)
    return 0


async def _live(
    layout: StateLayout,
    settings: "Settings",
    environ: Mapping[str, str],
    listeners: tuple[socket.socket, socket.socket],
    tls: "TlsKeeper",
) -> None:
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
    renewing = asyncio.create_task(_renew(tls), name="tls")
    tcp, uds = listeners
    again = [tcp.dup() for _ in range(_ACCEPTS - 1)]
    try:
        await asyncio.gather(servers[0].serve([tcp, *again]), servers[1].serve([uds]))
    finally:
        renewing.cancel()
        await front.close()


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
        backlog=_BACKLOG,
        timeout_keep_alive=settings.server.idle_timeout_s,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    config.load()
    # A context of our own: it asks clients for certificates, and a new one is shown live.
    config.ssl = tls
    return Server(config)


@contextmanager
def _tcp(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(host=host, port=port) from error
            raise SocketRefused(where=f"{host}:{port}", reason=error.strerror) from error
        listener.setblocking(False)
        yield listener


@contextmanager
def _uds(path: Path) -> Iterator[socket.socket]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _remove_stale(path)
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise SocketRefused(where=str(path), reason=error.strerror or str(error)) from error
        finally:
            os.umask(mask)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            # Nobody listens: what lies there was left by a process that was killed.
            path.unlink(missing_ok=True)
        else:
            raise AlreadyRunning(socket=path)


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
