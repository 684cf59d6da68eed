"""Those outside who watch the record, out of the settings: witnesses that cosign it."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.audit.log import AuditLog
from appliance.db.database import Db
from appliance.errors import ApplianceError
from appliance.jobs.schedule import Schedules
from appliance.settings.model import Settings
from appliance.witnesses.second import Makings, SecondSigner
from appliance.witnesses.service import WitnessRules, WitnessService
from appliance.witnesses.store import WitnessStore
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey
from secure_compute.tpm import Tpm
from secure_compute.tpm_cosigner import TpmCosigner

_AUTH: Final = "cosigner-auth"
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
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
        every_s: how often the box's second key cosigns.
    """

    witnesses: WitnessService
    every_s: float

    def attend(self, schedules: Schedules) -> None:
        """Cosign now and every so often; never in the way of an answer."""
        schedules.once("cosign at start", self._cosign)
        schedules.every("cosign", self.every_s, self._cosign)
        schedules.cron("cosignatures", _NIGHTLY, self._thin)

    async def close(self) -> None:
        """Cosign what the log holds at its end."""
        with suppress(ApplianceError):
            await asyncio.to_thread(self.witnesses.cosign, finer=True)

    async def _cosign(self) -> None:
        await asyncio.to_thread(self.witnesses.cosign)

    async def _thin(self) -> None:
        await asyncio.to_thread(self.witnesses.thin)


def make_outside(settings: Settings, keys: Keys, db: Db, log: AuditLog) -> Outside:
    """Make the rooms of those outside."""
    makings = Makings(
        TpmCosigner(Tpm(settings.vault.tpm), lambda: keys.secret(_AUTH)),
        keys.signing_key,
        settings.witness.second_key,
        f"{settings.audit.origin}/cosigner",
    )
    store = WitnessStore(db)
    signer = SecondSigner(store, makings, time.time)
    rules = WitnessRules(settings.witness.stale_hours * _HOUR_S)
    witnesses = WitnessService(store, log, signer, rules, time.time)
    return Outside(witnesses, settings.witness.every_minutes * _MINUTE_S)
