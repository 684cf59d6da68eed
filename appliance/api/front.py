"""The front of the box: settings and vault always, the services only while the vault is open."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from appliance.api.gateway import InnerGateway
from appliance.api.hot.route import HotRoutes
from appliance.api.integrity import Integrity
from appliance.api.watch import Watch
from appliance.audit.events import BOX, vault_root
from appliance.audit.events_slots import vault_refuse
from appliance.errors import ApplianceError, VaultLocked, WrongSecret
from appliance.posture.notice import clear_notice, leave_notice, notice
from appliance.services.open_box import Services
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.vault.offer import Offer
from appliance.vault.opened import Opened
from appliance.vault.outcome import VaultStatus
from appliance.vault.vault import Vault
from secure_compute.errors import SecureComputeError

_AGAIN_S: Final = 20


class Front:
    """Opens and closes the services with the vault; one move at a time.

    Args:
        settings: read once.
        layout: where the state lies.
        vault: the vault.
        build: makes the services of an opened vault; called on the event loop.
        clock: UTC.
    """

    def __init__(
        self,
        settings: Settings,
        layout: StateLayout,
        vault: Vault,
        build: Callable[[Opened], Awaitable[Services]],
        clock: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self.layout = layout
        self.vault = vault
        self.clock = clock
        self.started = clock()
        self.services: Services | None = None
        self.baffled = False
        """Whether the key was at hand, and this software could not open the box with it."""
        self._build = build
        self.integrity = Integrity(clock)
        self.stopping = asyncio.Event()
        self.forgotten: Callable[[], None] = lambda: None
        """Called once the keys were forgotten: a process that has held them begins anew."""
        self.watch = Watch(settings, layout, lambda: vault.status().state, self.integrity, clock)
        limit = settings.server.max_body_bytes
        self.routes = HotRoutes(lambda: self.services, limit, clock, self.watch.observed)
        self._attending: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._locking: asyncio.Task[VaultStatus] | None = None
        self._refused = 0
        self._moving = asyncio.Lock()

    def host_names(self) -> list[str]:
        """Names by which clients may call this box."""
        return [socket.gethostname(), *self.settings.server.names]

    def opened(self) -> Services:
        """The services. Raises VaultLocked."""
        if self.services is None:
            raise VaultLocked
        return self.services

    async def start(self) -> None:
        """Come back unlocked when the supervisor kept the key; stay locked otherwise."""
        async with self._moving:
            await self._resume()
        if self.services is None:
            self._waiting = asyncio.create_task(self._wait_for_server(), name="key-server")

    async def close(self) -> None:
        """Stop the services in good order; the key stays with the supervisor."""
        if self._waiting is not None:
            self._waiting.cancel()
        async with self._moving:
            await self._stop()
            await self.watch.close()
            await asyncio.to_thread(self.vault.close)

    async def _resume(self) -> None:
        opened = await asyncio.to_thread(self.vault.resume)
        if opened is not None:
            # A release that cannot open the box must not cost it its key: another one will try.
            self.baffled = True
            await self._open(opened, self.vault.close)
            if self.vault.entered is not None:
                await self.opened().log.record(vault_root("unlock", BOX, slot=self.vault.entered))

    async def _wait_for_server(self) -> None:
        """A rack starts all at once: a key server that is not there yet is asked again."""
        while self.services is None and self.vault.waits_for_server:
            await asyncio.sleep(_AGAIN_S)
            async with self._moving:
                if self.services is None:
                    with suppress(ApplianceError):
                        await self._resume()

    async def unlock(self, secret: str | Offer, actor: str) -> VaultStatus:
        """Open the vault and the services behind it.

        Raises:
            ApplianceError: WrongSecret, VaultBackoff, VaultAbsent, ... ; nothing is open then.
        """
        async with self._moving:
            try:
                opened = await asyncio.to_thread(self.vault.unlock, secret)
            except (WrongSecret, SecureComputeError):
                # The record lies in the vault: what is refused at its door is told once it opens.
                self._refused += 1
                if self.services is not None:
                    await self._tell_refused(self.services, actor)
                raise
            clear_notice(self.layout)
            if self.services is None:
                try:
                    await self._open(opened, self.vault.lock)
                except BaseException:
                    self.forgotten()
                    raise
                await self.opened().log.record(vault_root("unlock", actor, slot=self.vault.entered))
            return await asyncio.to_thread(self.vault.status)

    async def lock(self, actor: str) -> VaultStatus:
        """Close the services, unmount the files and forget every key."""
        async with self._moving:
            was_open = self.services is not None
            if self.services is not None:
                await self.services.log.record(vault_root("lock", actor))
            await self._stop()
            await asyncio.to_thread(self.vault.lock)
            if was_open:
                self.forgotten()
            return await asyncio.to_thread(self.vault.status)

    async def destroy(self, work: Callable[[], bytes]) -> bytes:
        """Close the services, then do what leaves nothing to open; its certificate."""
        async with self._moving:
            await self._stop()
            certificate = await asyncio.to_thread(work)
            await asyncio.to_thread(self.vault.lock)
            self.forgotten()
            return certificate

    async def _open(self, opened: Opened, shut: Callable[[], None]) -> None:
        try:
            services = await self._build(opened)
        except BaseException:
            # Half a box is no box: it stays locked, and the reason reaches whoever unlocked it.
            await asyncio.to_thread(shut)
            raise
        services.posture.locks_by(self._lock_soon)
        await services.start()
        services.batches.open(InnerGateway(self.routes))
        self.services, self.baffled = services, False
        await self._tell_refused(services, BOX)
        await self.watch.opened(services)
        self._attending = asyncio.create_task(self._attend(services), name="attend")

    def vault_status(self) -> VaultStatus:
        """How the vault stands, and whether the box has locked itself."""
        status, told = self.vault.status(), notice(self.layout)
        return status if told is None else replace(status, warnings=(told, *status.warnings))

    def _lock_soon(self, checks: tuple[str, ...]) -> None:
        """Lock in a task of its own: closing the services waits for whoever asks here."""
        leave_notice(self.layout, checks)
        self._locking = asyncio.create_task(self.lock(BOX), name="posture-lock")

    async def _tell_refused(self, services: Services, actor: str) -> None:
        count, self._refused = self._refused, 0
        if count:
            await services.log.record(vault_refuse(actor, count=count))

    async def _attend(self, services: Services) -> None:
        """What the box looks at by itself once it is open: its log, hourly."""
        await self.integrity.watch(services.log)

    async def _stop(self) -> None:
        services, self.services = self.services, None
        await self.watch.closed()
        if self._attending is not None:
            self._attending.cancel()
            with suppress(asyncio.CancelledError):
                await self._attending
        if services is not None:
            await services.close()
