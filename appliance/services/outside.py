"""Those outside who watch the record: witnesses that cosign it, and the hospital's SIEM."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from appliance.audit.log import AuditLog
from appliance.audit.rendering.meaning import Source
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.forwarding.receiver import Receiver, networks_of, tls_context
from appliance.forwarding.service import ForwardRules, ForwardService
from appliance.forwarding.store import ForwardStore
from appliance.forwarding.syslog import Sender
from appliance.jobs.schedule import Schedules
from appliance.services.version import VERSION
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.settings.outside import ForwardSettings
from appliance.settings.reading import expanded
from appliance.witnesses.rules import WitnessRules
from appliance.witnesses.second import Makings, SecondSigner
from appliance.witnesses.service import WitnessService
from appliance.witnesses.store import WitnessStore
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey
from secure_compute.tpm import Tpm
from secure_compute.tpm_cosigner import TpmCosigner

_AUTH: Final = "cosigner-auth"
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_WATCH_S: Final = 15.0
_NIGHTLY: Final = "15 4 * * *"


class Keys(Protocol):
    """What an open vault gives to this."""

    def secret(self, use: str) -> Secret:
        """A copy of a key, for the caller to wipe."""
        ...

    def signing_key(self, use: str) -> SigningKey:
        """The Ed25519 key for a use."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """Who watches the record from outside, and when they are asked to.

    Args:
        witnesses: who cosigns.
        forwarding: who is told at once.
        every_s: how often the box's second key cosigns.
    """

    witnesses: WitnessService
    forwarding: ForwardService
    every_s: float

    def attend(self, schedules: Schedules) -> None:
        """Forward; cosign now and every so often; never in the way of an answer."""
        schedules.once("forward", self._forward)
        schedules.every("forwarding", _WATCH_S, self._watch)
        schedules.once("cosign at start", self._cosign)
        schedules.every("cosign", self.every_s, self._cosign)
        schedules.cron("cosignatures", _NIGHTLY, self._thin)

    async def close(self) -> None:
        """Stop forwarding, and cosign what the log holds at its end."""
        await asyncio.to_thread(self.forwarding.close)
        with suppress(ApplianceError):
            await asyncio.to_thread(self.witnesses.cosign, finer=True)

    async def _cosign(self) -> None:
        await asyncio.to_thread(self.witnesses.cosign)

    async def _forward(self) -> None:
        await asyncio.to_thread(self.forwarding.start)

    async def _watch(self) -> None:
        await asyncio.to_thread(self.forwarding.watch)

    async def _thin(self) -> None:
        await asyncio.to_thread(self.witnesses.thin)


def make_outside(
    settings: Settings,
    layout: StateLayout,
    keys: Keys,
    db: Db,
    log: AuditLog,
    on_trial: Callable[[], bool],
) -> Outside:
    """Make the rooms of those outside; `on_trial`: this software may yet be taken back."""
    makings = Makings(
        TpmCosigner(Tpm(settings.vault.tpm), lambda: keys.secret(_AUTH)),
        keys.signing_key,
        settings.witness.second_key,
        f"{settings.audit.origin}/cosigner",
    )
    store = WitnessStore(db)
    signer = SecondSigner(store, makings, time.time)
    rules = WitnessRules(settings.witness.stale_hours * _HOUR_S, on_trial)
    witnesses = WitnessService(store, log, signer, rules, time.time)
    forwarding = _make_forwarding(settings, layout, db, log)
    return Outside(witnesses, forwarding, settings.witness.every_minutes * _MINUTE_S)


def _make_forwarding(
    settings: Settings, layout: StateLayout, db: Db, log: AuditLog
) -> ForwardService:
    forward = settings.forward
    names = [*settings.server.names, ""]
    source = Source(settings.audit.origin, names[0], VERSION)
    rules = ForwardRules(
        sender=Sender(source, forward.facility, forward.format),
        tags=tuple(forward.tags),
        from_start=forward.since == "start",
        confirm_s=float(forward.confirm_s),
        lag_s=float(forward.lag_s),
    )
    receiver = partial(_receiver, forward, layout) if forward.host else None
    return ForwardService(log, ForwardStore(db), receiver, rules, time.time)


def _receiver(forward: ForwardSettings, layout: StateLayout) -> Receiver:
    ca, client = (
        None if path is None else expanded(path, layout.root)
        for path in (forward.ca_file, forward.client_file)
    )
    return Receiver(
        host=forward.host,
        port=forward.port,
        networks=networks_of(forward.networks),
        context=tls_context(ca, client),
        timeout_s=float(forward.timeout_s),
    )
