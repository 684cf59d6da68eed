"""The gateway of the benchmark: one worker, key, scope, quota, metering and durable record."""

import argparse
import asyncio
import gc
import secrets
import socket
import tempfile
import time
from pathlib import Path

import uvicorn
import uvloop

from appliance import compiled

compiled.use()

# ruff: noqa: E402  # as the box does: what is compiled is found before it is imported
from appliance.access.grants import KeyWish
from appliance.access.migrations import MIGRATIONS
from appliance.access.service import AccessService
from appliance.api.crowd import Crowd
from appliance.api.front import Front
from appliance.api.wire import protocol_with
from appliance.app import create_app
from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.bodies.keeper import Place
from appliance.bodies.shape import KEPT, NOTHING, Seal
from appliance.db.database import Db
from appliance.serving.turn import Notary
from appliance.serving.upstream import Upstream
from appliance.serving.upstream_client import Endpoint, UpstreamPool
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from secure_compute.signing import SigningKey
from tests.appliance.api.box import TestVault, now
from tests.appliance.api.stand_ins import MODEL, StubServing

_NAMES = ("bench", "others")


class Seals:
    """The seal of a day, as every request of it gets it: bodies are sealed and kept, or none are."""

    def __init__(self, *, kept: bool) -> None:
        self._seal = Seal(secrets.token_bytes(32), None, KEPT, 1_048_576) if kept else NOTHING

    def ready(self, _receipt: str, _patient: str | None) -> Seal:
        return self._seal


class HotServicesOnly:
    """What the hot path asks for, each the real thing but the engine."""

    def __init__(
        self, access: AccessService, serving: StubServing, notary: Notary, seals: Seals
    ) -> None:
        self.seals = seals
        self.access = access
        self.serving = serving
        self.notary = notary


async def _main(engine: Endpoint, port: int, state: Path, crowd: Crowd, *, kept: bool) -> None:
    log = AuditLog.open_apart(
        state / "audit.db",
        secrets.token_bytes(32),
        AuditIdentity(SigningKey.generate(), "wardbox/bench"),
        bodies=Place(state / "bodies.db", secrets.token_bytes(32)) if kept else None,
    )
    db = Db(state / "box.db", secrets.token_bytes(32), MIGRATIONS)
    access = AccessService(db, log, time.time)
    limits = {"rpm": 10_000_000, "tpm": 10**9}
    wishes = [KeyWish(name, frozenset({"chat"}), frozenset({MODEL}), **limits) for name in _NAMES]
    keys = [access.create_key(wish).secret for wish in wishes]
    serving = StubServing(None)
    pool = UpstreamPool(engine)
    serving.one = Upstream(
        MODEL, "0" * 64, None, frozenset({"chat"}), pool, count=serving.traffic.answered
    )
    notary = Notary(log, secrets.token_bytes(32), lambda: "0" * 64, "1", access.turned_away)
    front = Front(Settings(), StateLayout(state), TestVault(), None, now)
    front.services = HotServicesOnly(access, serving, notary, Seals(kept=kept))
    app = create_app(front)
    front.watch.observed.admit_models(lambda model: model == MODEL)
    tcp = socket.create_server(("127.0.0.1", port), backlog=2048)
    config = uvicorn.Config(
        app,
        http=protocol_with(app.short_way(local=False), crowd),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    log.attach()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1000)
    print("\n".join(keys), flush=True)
    # As the box has it: so many connections are taken in one turn of the loop.
    await uvicorn.Server(config).serve([tcp, *(tcp.dup() for _ in range(7))])
    await asyncio.to_thread(access.close)
    log.close()
    db.close()


def main() -> None:
    """Serves until SIGTERM; prints the key that the load must bring, and one for others."""
    parser = argparse.ArgumentParser()
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--uds", type=Path)
    where.add_argument("--engine-port", type=int)
    parser.add_argument("--port", type=int, required=True)
    # As the settings have it.
    parser.add_argument("--connections", type=int, default=16_384)
    parser.add_argument("--of-one", type=int, default=4096)
    parser.add_argument("--bodies", action="store_true", help="keep what is asked and answered")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wardbox-bench-") as state:
        engine = Endpoint(options.uds, "127.0.0.1", options.engine_port or 0, "stub")
        crowd = Crowd(options.connections, options.of_one)
        uvloop.run(_main(engine, options.port, Path(state), crowd, kept=options.bodies))


if __name__ == "__main__":
    main()
